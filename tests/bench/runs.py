"""The clockwork: ticks and invoice runs by one and by two workers, each a process of its own; the memory of a worker; COPY as the limit."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import psycopg

from billing import clockwork
from billing.journal import JOURNAL_COLUMNS
from billing.processes import LANES, side_by_side
from tests.bench import world
from tests.bench.figures import Bench, Figure
from tests.bench.server import ROOT, measured


@dataclass
class Advanced:
    """One run by one or several workers."""

    accounts: int
    memory: int  # MB of the largest worker
    chunks: list[float]  # seconds that each chunk took, and its accounts were held


def worker(until: str, lanes: int) -> None:
    """The body of a worker's process: bill what is due, say how many accounts it was, how long each chunk took, how much memory (MB). A
    worker that is alone has lanes, as `manage.py run` gives them to it."""
    started, before = time.time(), time.process_time()
    moment = datetime.fromisoformat(until)
    reports: list[clockwork.RunReport] = []
    chunks: list[float] = []

    def lane(_: Callable[[], bool]) -> None:
        ends = [time.perf_counter()]
        reports.append(clockwork.run(until=moment, actor="bench", known_at=moment, progress=lambda _: ends.append(time.perf_counter())))
        chunks.extend(round(after - before, 4) for before, after in pairwise(ends))

    side_by_side(lane, lanes=lanes)
    used = {"started": started, "ended": time.time(), "python": time.process_time() - before}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    done = {"accounts": sum(report.accounts for report in reports), "parked": sum(report.parked for report in reports)}
    print(json.dumps(used | done | {"memory": memory, "chunks": chunks}))


def advance(bench: Bench, figure: Figure, until: datetime, workers: int) -> Advanced:
    """One run, added to the figure. Its wall clock is from the first worker's first statement to the last one's last."""
    command = [sys.executable, "-m", "tests.bench", "worker", until.isoformat(), str(LANES if workers == 1 else 1)]
    with measured(bench.server) as used:
        started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
        answers = [json.loads(process.communicate()[0]) for process in started]
    used.wall = max(answer["ended"] for answer in answers) - min(answer["started"] for answer in answers)
    used.python = sum(answer["python"] for answer in answers)
    assert not any(answer["parked"] for answer in answers)
    accounts = sum(answer["accounts"] for answer in answers)
    bench.add(figure, accounts, used)
    return Advanced(accounts, max(answer["memory"] for answer in answers), [one for answer in answers for one in answer["chunks"]])


def measure_copy(bench: Bench, events: int) -> None:
    """The physical limit: as many events as they stand, in order, by COPY alone into an empty journal with its indexes, and committed."""
    with psycopg.connect(bench.url, autocommit=True) as owner, owner.cursor() as cursor:
        columns = ", ".join(JOURNAL_COLUMNS)
        asked = f"SELECT {columns} FROM journal WHERE kind = 'charge.accrued' ORDER BY position LIMIT {events}"
        with cursor.copy(f"COPY ({asked}) TO STDOUT (FORMAT BINARY)") as rows:
            data = b"".join(rows)

        def work() -> int:
            cursor.execute("DROP TABLE IF EXISTS bench_journal")
            cursor.execute("CREATE TABLE bench_journal (LIKE journal INCLUDING ALL)")
            with cursor.copy(f"COPY bench_journal ({columns}) FROM STDIN (FORMAT BINARY)") as stream:
                stream.write(data)
            return cursor.rowcount

        bench.rate("COPY of charge events alone (the limit)", "events/s", "", work)
        cursor.execute("DROP TABLE bench_journal")


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
        memory = max(memory, advance(bench, ticks[1 + number % 2], closes, 1 + number % 2).memory)
        clockwork.run(until=issues, actor="bench", known_at=issues)
    world.sign("h", accounts, "house")
    documents = {1: Figure("invoice run, 1 worker", "invoices/s", "3,000"), 2: Figure("invoice run, 2 workers", "invoices/s", "5,000")}
    for number, (closes, issues) in enumerate(months(2 * times)):
        clockwork.run(until=closes, actor="bench", known_at=closes)
        world.tidy()
        memory = max(memory, advance(bench, documents[1 + number % 2], issues, 1 + number % 2).memory)
    for figure in (*ticks.values(), *documents.values()):
        bench.keep(figure)
    bench.keep(Figure("memory of a worker", "MB", "< 300", [memory]))
