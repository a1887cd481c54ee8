"""The public `openmeter` client, a program in an environment of its own, sends usage to a real server and asks what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils import timezone

from billing.keys.making import make_key
from billing.models import UsageRecord
from tests.books import open_account, publish

PROGRAM = Path(configured.BASE_DIR) / ".venv-openmeter" / "bin" / "python"
SCRIPT = """
import datetime, json, sys
from openmeter import Client
from openmeter.models import Event
endpoint, token = sys.argv[1:]
client = Client(endpoint=endpoint, token=token)
def event(id, minutes):
    at = datetime.datetime(2026, 1, 10, 10, tzinfo=datetime.timezone.utc)
    return Event(id=id, source="switch", specversion="1.0", type="calls", subject="ana", time=at, data={"minutes": minutes})
client.events.ingest_event(event("1", 4))
client.events.ingest_event(event("1", 4))
client.events.ingest_events([event("1", 4), event("2", 2.5)])
refused = ""
try:
    client.events.ingest_event(event("2", 3))
except Exception as error:
    refused = f"{error.status_code}"
start, end = (datetime.datetime(2026, 1, day, tzinfo=datetime.timezone.utc) for day in (10, 12))
found = client.meters.query_json(meter_id_or_slug="calls", subject=["ana"], window_size="DAY", from_parameter=start, to=end)
listed = sorted(row["event"]["id"] for row in client.events.list(from_parameter=start, to=end))
print(json.dumps({"listed": listed, "refused": refused, "values": [float(row["value"]) for row in found["data"]]}))
"""


@pytest.fixture
def client_there() -> None:
    if not PROGRAM.exists():
        reason = ".venv-openmeter is missing: `.ci/run` makes it (python3 -m venv .venv-openmeter, and pip install openmeter there)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


class Flaky(BaseHTTPRequestHandler):
    """Hands on what it gets; of the first request it loses the answer and says 503."""

    target = ""
    asked: list[str]

    def _hand_on(self) -> None:
        self.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]}
        request = urllib.request.Request(self.target + self.path, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as found:
                status, kind, text = found.status, found.headers["Content-Type"], found.read()
        except urllib.error.HTTPError as error:
            status, kind, text = error.code, error.headers["Content-Type"], error.read()
        self.send_response(503 if len(self.asked) == 1 else status)
        self.send_header("Content-Length", str(0 if len(self.asked) == 1 else len(text)))
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        if len(self.asked) > 1:
            self.wfile.write(text)

    do_GET = do_POST = _hand_on

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def losing_the_first_answer(target: str) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), type("One", (Flaky,), {"target": target, "asked": asked}))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.django_db(transaction=True)
def test_the_public_client_sends_usage_and_nothing_counts_twice(client_there: None, live_server: Any) -> None:
    """Sent twice, sent again in a batch, and sent again because the first answer was lost: each event counts once."""
    publish()
    open_account("ana")
    key = make_key("client", ["usage", "read"], at=timezone.now(), account="ana")
    with losing_the_first_answer(live_server.url) as (endpoint, asked):
        done = subprocess.run([PROGRAM, "-c", SCRIPT, endpoint, key], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {"listed": ["1", "2"], "refused": "400", "values": [6.5, 0.0]}
    assert asked == ["POST /api/v1/events"] * 5 + ["GET /api/v1/meters/calls/query", "GET /api/v1/events"]
    assert sorted((row.record, str(row.value.normalize())) for row in UsageRecord.objects.all()) == [("1", "4"), ("2", "2.5")]
