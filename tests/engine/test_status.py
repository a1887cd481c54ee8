"""What is owed and not billed, of an account of its own: now and then, and at a cost that does not grow."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.queries.status import Amounts, status, statuses
from billing.queries.unbilled import unbilled
from tests.books import advance, do, moment, open_account, publish, use
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db


def amounts(account: str, **dates: Any) -> Amounts:
    return status(account, at=dates.pop("at", NOW), **dates).in_currency("EUR")


def test_unbilled_charges_now_and_then() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    do("adjust", "2026-01-10", account="ana", amount="5.00", reason="a visit", invoice="next_invoice")
    assert amounts("ana", at=moment("2026-01-10")).unbilled == Decimal("5.00")
    advance("2026-02-01")
    assert amounts("ana").unbilled == Decimal(0)
    assert amounts("ana", as_of=moment("2026-01-10")).unbilled == Decimal("5.00")
    assert amounts("ana", as_of=moment("2026-01-09")).unbilled == Decimal(0)


def test_the_cost_of_a_status_does_not_grow_with_history() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2026-02-02")
    with CaptureQueriesContext(connection) as early:
        status("ana", at=NOW)
    advance("2026-12-02")
    with CaptureQueriesContext(connection) as late:
        status("ana", at=NOW)
        statuses(at=NOW)
    assert len(late) == 2 * len(early)


def test_usage_that_nobody_reads() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    use("ana", "calls", arrived="2026-01-05", records=[{"id": "1", "at": "2026-01-04", "value": "9"}])
    advance("2026-01-06")
    (found,) = unbilled(at=moment("2026-01-06"))
    assert (found.account, found.code) == ("ana", "unread")
