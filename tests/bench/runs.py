"""The clockwork: ticks and invoice runs by one and by two workers, each a process of its own; the memory of a worker; COPY as the limit."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime

from django.db import connection

from billing import bulk, clockwork
from tests.bench import world
from tests.bench.figures import Bench, Figure
from tests.bench.server import ROOT, measured


def worker(until: str) -> None:
    """The body of a worker's process: bill what is due, say how many accounts it was, and how much memory it took (MB)."""
    started, before = time.time(), time.process_time()
    report = clockwork.run(until=datetime.fromisoformat(until), actor="bench", known_at=datetime.fromisoformat(until))
    used = {"started": started, "ended": time.time(), "python": time.process_time() - before}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(used | {"accounts": report.accounts, "parked": report.parked, "memory": memory}))


def advance(bench: Bench, figure: Figure, until: datetime, workers: int) -> int:
    """One run; answers the memory of the largest worker."""
    command = [sys.executable, "-m", "tests.bench", "worker", until.isoformat()]
    with measured(bench.server) as used:
        started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
        answers = [json.loads(process.communicate()[0]) for process in started]
    used.wall = max(answer["ended"] for answer in answers) - min(answer["started"] for answer in answers)
    used.python = sum(answer["python"] for answer in answers)
    assert not any(answer["parked"] for answer in answers)
    bench.add(figure, sum(answer["accounts"] for answer in answers), used)
    return max(int(answer["memory"]) for answer in answers)


def measure_copy(bench: Bench, rows: int) -> None:
    """The physical limit: rows like those of the journal, by COPY alone, into a table like it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE bench_journal AS SELECT * FROM journal WHERE kind = 'charge.accrued' LIMIT 0")
        cursor.execute("SELECT stream, sequence, kind, data::text, hash FROM journal WHERE kind = 'charge.accrued' LIMIT 1")
        pattern = cursor.fetchone()

    def work() -> int:
        bulk.copy("bench_journal", ("stream", "sequence", "kind", "data", "hash"), [pattern] * rows)
        return rows

    bench.rate("COPY of charge events alone (the limit)", "rows/s", "", work)


def months(count: int) -> list[tuple[datetime, datetime]]:
    """When each month's ticks fall due, and its documents."""
    return [(datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month, 4, tzinfo=UTC)) for month in range(2, 2 + count)]


def measure_runs(bench: Bench, accounts: int, each: int, times: int) -> None:
    """Ticks over accounts with three items and their use; then documents with five lines."""
    made = world.sign("m", accounts, "metered")
    ticks = {1: Figure("tick, 1 worker", "accounts/s", "3,000"), 2: Figure("tick, 2 workers", "accounts/s", "5,000")}
    memory = 0
    for number, (closes, issues) in enumerate(months(2 * times)):
        world.measure(made, each, closes.month - 1)
        world.tidy()
        memory = max(memory, advance(bench, ticks[1 + number % 2], closes, 1 + number % 2))
        clockwork.run(until=issues, actor="bench", known_at=issues)
    world.sign("h", accounts, "house")
    documents = {1: Figure("invoice run, 1 worker", "invoices/s", "3,000"), 2: Figure("invoice run, 2 workers", "invoices/s", "5,000")}
    for number, (closes, issues) in enumerate(months(2 * times)):
        clockwork.run(until=closes, actor="bench", known_at=closes)
        world.tidy()
        memory = max(memory, advance(bench, documents[1 + number % 2], issues, 1 + number % 2))
    for figure in (*ticks.values(), *documents.values()):
        bench.keep(figure)
    bench.keep(Figure("memory of a worker", "MB", "< 300", [memory]))
