"""Who posts while a month closes sees it, and nobody who posts waits for another; the race itself is the drill F23 (tests/drills)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from billing import bulk
from tests.books import advance, do, open_account, publish
from tests.drills.base import race

pytestmark = pytest.mark.django_db(transaction=True)

LATE = "2026-01-31T23:59"  # in January, asked for in February
ACCOUNTS = 6


def prepared() -> None:
    publish()
    for number in range(ACCOUNTS):
        open_account(f"a{number}")
    advance("2026-02-01")


def january() -> list[tuple[Any, ...]]:
    """What January's books say: the answer may not change once it is closed."""
    return bulk.fetch("SELECT ledger, sum(amount), count(*) FROM read_posting WHERE accounting_date < '2026-02-01' GROUP BY 1 ORDER BY 1")


def test_those_who_come_during_a_closing_see_it() -> None:
    prepared()
    closing = threading.Event()

    def one(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                do("close_period", "2026-02-03", period="2026-01")
                closing.set()
                time.sleep(0.3)
        else:
            closing.wait(10)
            do("pay", LATE, account=f"a{number}", amount="7.00")

    assert race(ACCOUNTS, one) == [None] * ACCOUNTS
    assert january() == []
    days = bulk.fetch("SELECT DISTINCT accounting_date::text FROM read_posting")
    assert days == [("2026-02-01",)]


def test_any_number_of_payments_go_on_at_once() -> None:
    """The lock is shared: nobody who posts waits for another who posts."""
    prepared()
    together = threading.Barrier(ACCOUNTS)

    def one(number: int) -> str:
        with transaction.atomic():
            do("pay", LATE, account=f"a{number}", amount="7.00")
            together.wait(20)
        return str(connection.vendor)

    assert race(ACCOUNTS, one) == ["postgresql"] * ACCOUNTS
