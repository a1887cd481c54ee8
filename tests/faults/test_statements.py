"""How many trips and statements one command or question costs, at most: counted, so that what was won can't be lost unseen.

A trip to the database costs more than most statements do there. Who makes a command cheaper lowers its number here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from billing import clockwork
from billing.queries.status import status
from billing.queries.why import why
from billing.wallets.gate import can_use
from tests.bench import world
from tests.bench.single import NOW
from tests.spoken import trips as trips

pytestmark = pytest.mark.django_db(transaction=True)  # what is kept from one command to the next is kept at its commit
HOUSE, PREPAID = "c0000000", "w0000000"

#: Trips, and statements without those that begin and end the transaction: they go along with others, once these are prepared.
MOST = {
    "pay": (7, 15),
    "sell": (7, 15),
    "change": (10, 16),
    "reserve": (2, 7),
    "commit": (3, 16),
    "check": (6, 6),
    "status": (6, 6),
    "why": (11, 11),
}


def change(number: int) -> None:
    at = NOW + timedelta(minutes=number)
    world.do("change_quantity", at, account=HOUSE, contract=f"{HOUSE}/2", item="device", quantity=str(2 + number))


def reserve(number: int) -> str:
    made = world.answer("reserve", NOW, account=PREPAID, amount="0.10", item="minutes")
    return str(made["reservation"])


WORK: dict[str, Callable[[int], object]] = {
    "pay": lambda _: world.do("pay", NOW, account=HOUSE, amount="5.00", currency="EUR"),
    "sell": lambda _: world.do("sell", NOW, account=HOUSE, item="cable", catalogue="bench"),
    "change": change,
    "reserve": reserve,
    "check": lambda _: can_use(PREPAID, "minutes", at=NOW),
    "status": lambda _: status(HOUSE, at=NOW),
    "why": lambda _: why(HOUSE, at=NOW),
}


def _counted(trips: Sequence[Sequence[str]]) -> tuple[int, int]:
    return len(trips), sum(len(trip) for trip in trips)


def test_no_command_or_question_costs_more_statements_than_it_did(trips: list[list[str]]) -> None:
    world.publish()
    world.sign("c", 1, "house")
    world.sign("w", 1, "prepaid")
    world.do("top_up", account=PREPAID, amount="100.00")
    counts: dict[str, tuple[int, int]] = {}
    for name, work in WORK.items():
        work(1)
        work(2)
        trips.clear()
        work(3)
        counts[name] = _counted(trips)
    for number in (4, 5, 6):
        reservation = reserve(number)
        trips.clear()
        world.do("commit", NOW, account=PREPAID, item="minutes", quantity="2", reservation=reservation)
        counts["commit"] = _counted(trips)
    assert counts.keys() == MOST.keys()
    over = {name: found for name, found in counts.items() if found[0] > MOST[name][0] or found[1] > MOST[name][1]}
    assert over == {}, f"all of them: {counts}"


#: Of a chunk of accounts with a month of their own behind them and documents to be paid: statements, beginning and end included.
MOST_OF_A_CHUNK = {"tick": 30, "documents": 36}


def test_no_chunk_of_the_clockwork_costs_more_statements_than_it_did(trips: list[list[str]]) -> None:
    world.publish()
    names = world.sign("m", 8, "metered")
    counts = {}
    for month in (1, 2):
        world.measure(names, 2, month)
        for work, day in (("tick", 1), ("documents", 4)):
            trips.clear()
            until = datetime(2026, month + 1, day, tzinfo=UTC)
            report = clockwork.RunReport()
            clockwork.run_chunk(until=until, actor="bench", known_at=until, chunk=9, report=report)
            assert report.accounts == 9  # and the pattern
            counts[work] = _counted(trips)[1]
    assert {name: count for name, count in counts.items() if count > MOST_OF_A_CHUNK[name]} == {}, f"all of them: {counts}"
