"""Use over HTTP: the real server, an API key, batches of 1,000 CloudEvents, and single ones."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.utils import timezone

from billing.keys.making import make_key
from tests.bench.figures import Bench
from tests.bench.server import ROOT

BATCH = 1000


@contextmanager
def serving(workers: int) -> Iterator[int]:
    """The web server on a free port; answers the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", str(workers), "--blocking-threads", "2", "--no-ws"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "config.wsgi:application"]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def batch(accounts: Sequence[str], tag: str, size: int) -> bytes:
    events = [
        {
            "id": f"{tag}-{i}",
            "source": "bench",
            "specversion": "1.0",
            "type": "calls",
            "subject": accounts[(i * 37) % len(accounts)],
            "time": f"2026-01-{1 + i % 28:02}T10:{i % 60:02}:00Z",
            "data": {"value": str(1 + i % 9), "region": "eu"},
        }
        for i in range(size)
    ]
    return json.dumps(events, separators=(",", ":")).encode()


def send(port: int, key: str, bodies: Sequence[bytes], kind: str, clients: int) -> None:
    """All bodies, shared among the clients; each answer must be 204."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    failed: list[str] = []

    def body(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for content in bodies[number::clients]:
            connection.request("POST", "/api/v1/events", content, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 204:
                failed.append(f"{answer.status} {text[:200]!r}")
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(body, range(clients)))  # asks for the results, so that what went wrong is raised
    assert not failed, failed[:3]


def measure_ingest(bench: Bench, accounts: Sequence[str], batches: int, *, note: str = "") -> None:
    key = make_key("bench", ["usage"], at=timezone.now())
    tag = str(time.time_ns())
    rounds = iter(range(100))
    many, one = "application/cloudevents-batch+json", "application/cloudevents+json"
    with serving(2) as port:
        send(port, key, [batch(accounts, f"{tag}-warm{i}", 10) for i in range(20)], many, 4)

        def take_batches() -> int:
            n = next(rounds)
            bodies = [batch(accounts, f"{tag}-{n}-{i}", BATCH) for i in range(batches)]
            send(port, key, bodies, many, 4)
            return batches * BATCH

        bench.rate(f"events over HTTP, batches of {BATCH:,}", "events/s", "40,000", take_batches, note=note)

        def take_single() -> int:
            n = next(rounds)
            send(port, key, [batch(accounts, f"{tag}-{n}-{i}", 1)[1:-1] for i in range(batches * 10)], one, 4)
            return batches * 10

        bench.rate("events over HTTP, one at a time", "events/s", "1,000", take_single, note=note)
