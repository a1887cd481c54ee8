"""The whole: read models made again, everything proved, the start of the web process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from django.db import transaction

from billing import clockwork, journal
from billing.engine import Stamp, record
from billing.events import Posting
from billing.journal import Draft
from billing.rebuilding import rebuild
from billing.verification import verify
from payments.events import PaymentReceived
from plans import store
from tests.bench import runs, world
from tests.bench.figures import Bench
from tests.bench.server import ROOT

POSTINGS = 10


def measure_whole(bench: Bench, accounts: int, events: int) -> None:
    """Rebuild and verify by one process and by two; verify also of as many events as its target says, of ten postings each."""
    names = world.sign("r", accounts, "house")
    for closes, issues in runs.months(3):
        clockwork.run(until=closes, actor="bench", known_at=closes)
        clockwork.run(until=issues, actor="bench", known_at=issues)
    world.tidy()
    measure_both(bench, names, (1, 2))
    posted = post(events)
    world.tidy()
    said = f"{events * POSTINGS:,} postings more; the target is 1,000,000 and 100,000 events in 5 s"
    for count in (1, 2):
        bench.rate(f"verify, ten postings an event, {crew(count)}", "events/s", "20,000", _verifying(posted, count), note=said)
    command = [sys.executable, "-c", "import config.wsgi"]
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, cwd=ROOT, check=True, env=compiled)

    def start(_: int) -> None:
        subprocess.run(command, cwd=ROOT, check=True, env=compiled)

    bench.latency("start of the web process", "< 2,000", start, times=5, percent=50)


def post(events: int, each: int = 100) -> list[str]:
    """Payments of ten postings, `each` on an account, as the engine records them; answers the accounts."""
    names = world.sign("p", events // each, "house")
    world.do("pay", account=names[0], amount="1.00", currency="EUR")
    pattern = next(one.event for one in journal.read(names[:1]) if isinstance(one.event, PaymentReceived))
    pair = [Posting(ledger=ledger, amount=Decimal(amount), currency="EUR") for ledger, amount in (("unbilled", "1"), ("revenue", "-1"))]
    entry = replace(pattern.entry, postings=tuple(pair * (POSTINGS // 2)))
    for block in world.blocks(names, world.BLOCK // each):
        with transaction.atomic(), store.steady():
            heads = journal.lock(block)
            made = []
            for name in block:
                first = heads[name].sequence + 1
                made += [replace(pattern, account=name, payment=f"{name}/{first + i}", entry=entry) for i in range(each)]
            record([Draft(one.account, one, world.START) for one in made], heads=heads, stamp=Stamp("bench", "import", world.START))
    return names


def measure_both(bench: Bench, names: Sequence[str], workers: Sequence[int]) -> None:
    """The read models of these accounts made again; everything proved."""
    for count in workers:
        bench.rate(f"rebuild of {len(names):,} accounts, {crew(count)}", "events/s", "10,000", _rebuilding(names, count))
    said = f"all that there is: {world.count('journal'):,} events, {world.count('read_posting'):,} postings"
    for count in workers:
        bench.rate(f"verify, {crew(count)}", "events/s", "", _verifying(None, count), times=1, note=said)


def crew(workers: int) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}"


def _rebuilding(names: Sequence[str], workers: int) -> Callable[[], int]:
    return lambda: rebuild(names, workers=workers)


def _verifying(names: Sequence[str] | None, workers: int) -> Callable[[], int]:
    def work() -> int:
        found = verify(names, workers=workers)
        assert not found.faults, found.faults[:3]
        return found.events

    return work
