"""As large as it is meant to be: many accounts with three items and twenty records of use a month each, ticked and invoiced.

First a tenth of the accounts, then all of them, each by one worker and by two, a month for each: what an account costs must not grow with
how many there are. The table says of every run what a user sees (accounts a second) and what remains comparable on a shared machine
(processor time of an account, in Python and in PostgreSQL); the chunks give the spread inside of a run, and how long an account is held.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.bench import runs, whole, world
from tests.bench.figures import Bench, Figure

EACH = 20
#: Of so many accounts the read models are made again.
REBUILT = 5_000


def measure_scale(bench: Bench, accounts: int, workers: Sequence[int]) -> None:
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 2 + 2 * len(workers))]
    middle = len(workers)
    few, memory = accounts // 10, 0
    with _told(f"sign {few:,} accounts"):
        names = world.sign("m", few, "metered", at=months[0])
    costs: dict[tuple[int, str], list[float]] = {}
    for size, starts in ((few, months[:middle]), (accounts, months[middle:-1])):
        if size > few:
            with _told(f"sign {accounts - few:,} accounts"):
                names += world.sign("n", accounts - few, "metered", at=starts[0])
        for start, count in zip(starts, workers, strict=True):
            memory = max(memory, _month(bench, names, start, count, costs))
    for (count, name), (before, after) in costs.items():
        said = f"processor time of an account, {accounts:,} : {few:,} accounts"
        bench.keep(Figure(f"growth of {name}, {whole.crew(count)}", "times", "< 1.15", [after / before], note=said))
    bench.keep(Figure("memory of a worker", "MB", "< 300", [memory]))
    runs.measure_copy(bench, min(accounts, 20_000))
    whole.measure_both(bench, names[:REBUILT], workers)


def _month(bench: Bench, names: Sequence[str], start: datetime, workers: int, costs: dict[tuple[int, str], list[float]]) -> int:
    """A month of use, its ticks, its documents; answers the memory of the largest worker."""
    with _told(f"{len(names) * EACH:,} records of use for {start:%B}"):
        world.measure(names, EACH, start.month)
        world.tidy()
    memory = 0
    closes = start.replace(month=start.month + 1)
    for name, unit, until in (("tick", "accounts/s", closes), ("invoice run", "invoices/s", closes.replace(day=4))):
        figure = Figure(f"{name}, {len(names):,} accounts, {whole.crew(workers)}", unit, "5,000" if workers > 1 else "3,000")
        done = runs.advance(bench, figure, until, workers)
        assert done.accounts >= len(names), f"only {done.accounts} of {len(names)} accounts had something due"
        chunks = sorted(done.chunks)
        middle, late = (1000 * chunks[int(len(chunks) * part)] for part in (0.5, 0.95))
        figure.note = f"a chunk p50 {middle:.0f} ms, p95 {late:.0f} ms, longest {1000 * chunks[-1]:.0f} ms"
        bench.keep(figure)
        costs.setdefault((workers, name), []).append(figure.python[0] + figure.postgres[0])
        memory = max(memory, done.memory)
    return memory


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What is done to be measured afterwards, so that nobody waits without a word."""
    started = time.monotonic()
    print(f"… {what}", end="", flush=True)
    yield
    print(f": {time.monotonic() - started:,.0f} s", flush=True)
