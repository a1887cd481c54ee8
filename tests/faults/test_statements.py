"""How many statements one command or question costs, at most: counted, so that what was won can't be lost unseen.

A statement is a trip to the database, and nearly all of what a single command costs. Who makes a command cheaper lowers its number here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from billing.queries.status import status
from billing.queries.why import why
from billing.wallets.gate import can_use
from tests.bench import world
from tests.bench.single import NOW

pytestmark = pytest.mark.django_db(transaction=True)  # what is kept from one command to the next is kept at its commit
HOUSE, PREPAID = "c0000000", "w0000000"

#: Without beginning and ending the transaction.
MOST = {"pay": 16, "sell": 16, "change": 16, "reserve": 8, "commit": 17, "check": 6, "status": 6, "why": 11}


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


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the database, however it goes; savepoints of the test's own transaction aside."""
    seen: list[str] = []
    for name in ("execute", "copy", "executemany"):
        real = getattr(psycopg.Cursor, name)

        def counted(cursor: object, query: object, *rest: object, real: Callable[..., object] = real, **more: object) -> object:
            text = query if isinstance(query, str) else repr(query)
            if "SAVEPOINT" not in text:
                seen.append(text)
            return real(cursor, query, *rest, **more)

        monkeypatch.setattr(psycopg.Cursor, name, counted)
    return seen


def test_no_command_or_question_costs_more_statements_than_it_did(statements: list[str]) -> None:
    world.publish()
    world.sign("c", 1, "house")
    world.sign("w", 1, "prepaid")
    world.do("top_up", account=PREPAID, amount="100.00")
    counts = {}
    for name, work in WORK.items():
        work(1)
        statements.clear()
        work(2)
        counts[name] = len(statements)
    for number in (3, 4):
        reservation = reserve(number)
        statements.clear()
        world.do("commit", NOW, account=PREPAID, item="minutes", quantity="2", reservation=reservation)
        counts["commit"] = len(statements)
    assert counts.keys() == MOST.keys()
    assert {name: count for name, count in counts.items() if count > MOST[name]} == {}, f"all of them: {counts}"
