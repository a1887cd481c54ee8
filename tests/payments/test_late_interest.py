"""Late interest in the books: its own target, month by month, at the payment, and when a payment becomes known late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing import bulk
from tests.books import CATALOGUE, START, advance, balance, do, documents, open_account, owed, publish, undone
from tests.payments.debts import journal_of, late_charges
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db

RENT = """\
catalogue: rent
currency: EUR
zone: UTC
terms: {at-once: 0}
{allocation}
dunning: {rent: {interest: {rate: 1, per: day, name: Punitive interest}}}
plans:
  flat: {name: Flat, items: {rent: {charge: fee, name: Rent, timing: advance, price: {model: flat, amount: "60000.00"}}}}
"""


def rent(*, first: str = "") -> None:
    """A rent of 60,000.00 due on 1 January, at 1 % for each day of delay."""
    publish(RENT.replace("{allocation}", f"allocation: [{first}]" if first else "about: by age"))
    open_account()
    do("subscribe", account="ana", plan="flat")


def test_money_pays_the_interest_of_its_day_first() -> None:
    rent(first="interest")
    do("pay", "2026-01-06", account="ana", amount="33000.00")
    assert documents() == [("invoice", "INV-000001", "60000.00", "30000.00"), ("invoice", "INV-000002", "3000.00", "0.00")]
    do("pay", "2026-01-11T15:00", account="ana", amount="31500.00")
    assert late_charges() == [("2026-01-06", "late-interest", "3000.00"), ("2026-01-11", "late-interest", "1500.00")]
    assert owed() == 0
    assert balance("revenue:late-interest") == -4500
    advance("2026-06-01")
    assert len(late_charges()) == 2


def test_otherwise_the_oldest_is_paid_and_interest_follows() -> None:
    rent()
    do("pay", "2026-01-06", account="ana", amount="33000.00")
    assert documents() == [("invoice", "INV-000001", "60000.00", "27000.00")]
    advance("2026-02-01")
    assert late_charges() == [("2026-02-01", "late-interest", "3000.00"), ("2026-02-01", "late-interest", "7020.00")]
    do("pay", "2026-02-03T12:00", account="ana", amount="27000.00", invoices=["INV-000001"])
    assert late_charges()[2:] == [("2026-02-03", "late-interest", "540.00")]  # two days; the day of payment does not count


def test_named_documents_win_over_interest() -> None:
    rent(first="interest")
    do("pay", "2026-01-06", account="ana", amount="60000.00", invoices=[1])
    assert documents() == [("invoice", "INV-000001", "60000.00", "0.00"), ("invoice", "INV-000002", "3000.00", "3000.00")]


def test_a_payment_that_becomes_known_late_gives_interest_back() -> None:
    rent()
    advance("2026-03-01")
    assert [amount for _, _, amount in late_charges()] == ["18600.00", "16800.00"]
    refused("out_of_range", "pay", "2026-03-02", account="ana", amount="60000.00", received="2026-03-03", invoices=[1])
    do("pay", "2026-03-02", account="ana", amount="60000.00", received="2026-01-11", invoices=[1])
    assert [amount for _, _, amount in late_charges()] == ["18600.00", "16800.00", "-12600.00", "-16800.00"]
    assert documents()[1:] == [
        ("invoice", "INV-000002", "18600.00", "6000.00"),
        ("invoice", "INV-000003", "16800.00", "0.00"),
        ("credit_note", "CN-000001", "12600.00", "0.00"),
        ("credit_note", "CN-000002", "16800.00", "0.00"),
    ]
    assert owed() == 6000
    advance("2026-06-01")
    assert len(late_charges()) == 4  # the interest bears none


def test_a_void_document_owes_no_interest() -> None:
    rent()
    advance("2026-02-01")
    do("void", "2026-02-02", account="ana", invoice=1, reason="Never let", forgive=True)
    assert [amount for _, _, amount in late_charges()] == ["18600.00", "-18600.00"]
    assert owed() == 0


def test_rates_published_later_hold_from_their_day_on() -> None:
    plan = CATALOGUE.replace("catalogue: test", "catalogue: test\ndunning: {d: {interest: {rates: legal, per: month, bill: next_invoice}}}")
    publish(plan + "rates: {legal: {2020-01-01: 30}}\n")
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2026-02-10")
    publish("catalogue: test\ncurrency: EUR\nzone: UTC\nrates: {legal: {2026-02-20: 15}}\n", "2026-02-10")
    advance("2026-03-02")
    assert late_charges() == [
        ("2026-02-01", "late-interest", "4.10"),  # 24.14, 17 days of a thirtieth of 30 %
        ("2026-03-01", "late-interest", "4.59"),  # 19 days
        ("2026-03-01", "late-interest", "1.09"),  # 9 days at half the rate
        ("2026-03-01", "late-interest", "1.21"),  # February's: 5 days
        ("2026-03-01", "late-interest", "1.09"),  # and 9
    ]


@settings(max_examples=2)
@given(st.lists(st.integers(0, 130), max_size=6), st.integers(1, 120), st.integers(0, 30))
@example([*range(20, 60, 5)], 45, 20)
def test_interest_is_the_same_however_often_the_clock_ticked(ticks: list[int], paid: int, earlier: int) -> None:
    """With a payment in the middle that came some days before it was known."""

    def play(days: list[int]) -> list[Any]:
        with undone():
            rent()
            for day in sorted({*days, paid, 130}):
                if day == paid:
                    came = max(START, START + timedelta(days=paid - earlier))
                    do("pay", START + timedelta(days=day), account="ana", amount="25000.00", received=came, invoices=[1])
                advance(START + timedelta(days=day))
            assert bulk.fetch("SELECT count(*) FROM read_account WHERE status = 'parked'") == [(0,)]
            return journal_of()

    assert play(ticks) == play([])
