"""The allowance for doubtful debts accrues to its target by ageing bucket, and a month is not closed without it."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from billing.accounting.buckets import allowance, bucket_of, buckets
from plans.errors import Conflict, Invalid
from plans.periods import parse_date
from tests.books import advance, balance, do, open_account, publish

POLICY = "currency: EUR\nallowance: {current: 1, 1-30: 5, 31-60: 10, 61-90: 25, 91-120: 50, 121+: 50}\n"


@pytest.fixture
def owing(db: None) -> None:
    """Three invoices of 24.14 (due on the 15th of January, February, March), billed through March."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    do("publish_policy", source=POLICY)
    advance("2026-04-01")


def book(month: str, at: str = "2026-04-02", **arguments: Any) -> list[Any]:
    outcome = do("book_allowance", at, month=month, account="ana", **arguments)
    return [recorded.event for recorded in outcome.events if recorded.event.kind == "allowance.booked"]


@pytest.mark.django_db
def test_it_accrues_to_the_percents_of_each_bucket(owing: None) -> None:
    [event] = book("2026-02")
    # At the end of February: 24.14 is 44 days late, 24.14 is 13 days late.
    [loss] = event.losses
    assert (loss.target, loss.amount) == (Decimal("3.62"), Decimal("3.62"))
    assert dict(loss.open) == {"1-30": Decimal("24.14"), "31-60": Decimal("24.14")}
    assert (balance("allowance"), balance("expense:bad-debt")) == (Decimal("-3.62"), Decimal("3.62"))
    assert str(event.entry.accounting_date) == "2026-02-28"
    assert book("2026-02") == []
    [event] = book("2026-03")
    # 75, 44 and 16 days: 25 %, 10 % and 5 % of 24.14 = 9.656.
    assert (event.losses[0].target, event.losses[0].amount) == (Decimal("9.66"), Decimal("6.04"))


@pytest.mark.django_db
def test_what_was_paid_takes_its_allowance_back(owing: None) -> None:
    book("2026-03")
    do("pay", "2026-04-10", account="ana", amount="72.42")
    advance("2026-04-30")
    do("dispute", "2026-04-30", account="ana", invoice="4", reason="Wrong")
    advance("2026-05-01")
    [event] = book("2026-04", "2026-05-02")
    assert (event.losses[0].target, event.losses[0].amount) == (Decimal("0.00"), Decimal("-9.66"))
    assert balance("allowance") == balance("expense:bad-debt") == 0


@pytest.mark.django_db
def test_a_month_is_refused_while_its_allowance_is_not_booked(owing: None) -> None:
    with pytest.raises(Conflict, match=r"manage\.py allowance 2026-03") as caught:
        do("close_period", "2026-04-02", period="2026-03")
    assert caught.value.code == "allowance_not_booked"
    out = io.StringIO()
    call_command("allowance", "2026-03", "--at", "2026-04-02", "--dry-run", stdout=out)
    call_command("allowance", "2026-03", "--at", "2026-04-02", stdout=out)
    call_command("allowance", "2026-03", "--at", "2026-04-02", stdout=out)
    assert out.getvalue().splitlines() == [
        "2026-03: 9.66 EUR would be booked for 1 accounts",
        "2026-03: 9.66 EUR booked for 1 accounts",
        "2026-03: nothing booked for 0 accounts",
    ]
    do("close_period", "2026-04-02", period="2026-03")


@pytest.mark.django_db
def test_what_can_not_be_booked(owing: None) -> None:
    with pytest.raises(Conflict, match="ends on 2026-05-01"):
        book("2026-04")
    book("2026-03")
    with pytest.raises(Conflict) as caught:
        book("2026-02")
    assert caught.value.code == "later_month_booked"
    do("publish_policy", "2026-03-31", source="currency: EUR\n")
    with pytest.raises(Invalid) as refusal:
        book("2026-03")
    assert refusal.value.code == "no_allowance"


def test_buckets_begin_the_day_after_the_due_day() -> None:
    due = parse_date("2026-01-31")
    days = {
        "2026-01-31": "current",
        "2026-02-01": "1-30",
        "2026-03-02": "1-30",
        "2026-03-03": "31-60",
        "2026-05-31": "91-120",
        "2026-06-01": "121+",
    }
    assert {day: bucket_of(due, parse_date(day)) for day in days} == days
    assert bucket_of(None, due) == "current"
    assert buckets() == ("current", "1-30", "31-60", "61-90", "91-120", "121+")


def test_it_is_rounded_once() -> None:
    percents = dict.fromkeys(buckets(), Decimal("0.5"))
    assert allowance(dict.fromkeys(buckets(), Decimal(1)), percents, "EUR") == Decimal("0.03")
    assert allowance(dict.fromkeys(buckets(), Decimal(1)), percents, "JPY") == Decimal(0)
