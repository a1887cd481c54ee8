"""What people decided stays: no automatic credit brings a line below what credit notes by hand left of it (RULES 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.books import assert_books_hold, balance, do, documents, open_account, owed, publish

pytestmark = pytest.mark.django_db

YEARLY = """
catalogue: yearly
currency: EUR
plans:
  year: {period: year, items: {fee: {price: "365.00"}}}
  light: {period: year, items: {light: {price: "36.50"}}}
  pair: {period: year, items: {fee: {price: "365.00"}, other: {price: "365.00"}}}
"""


def signed(plan: str = "year") -> None:
    publish(YEARLY)
    open_account()
    do("subscribe", account="ana", plan=plan)


def test_what_was_credited_whole_is_not_credited_again() -> None:
    signed()
    do("pay", account="ana", amount="365.00", invoices=["1"])
    do("credit_note", "2026-01-02", account="ana", invoice="1", reason="goodwill")
    do("cancel", "2026-07-01", account="ana", reason="moved")
    assert documents()[-1][0] == "credit_note"
    assert len(documents()) == 2
    assert (owed(), balance("unbilled"), balance("credit")) == (Decimal(0), Decimal(0), Decimal("-365.00"))
    assert_books_hold()


def test_an_automatic_credit_takes_what_is_left_and_no_more() -> None:
    """A credit of 300 leaves 65; of the 184 unused days only these 65 come back. The other line is as ever."""
    signed("pair")
    do("credit_note", "2026-01-02", account="ana", invoice="1", lines=[{"line": 1, "amount": "300.00"}], reason="goodwill")
    do("cancel", "2026-07-01", account="ana", reason="moved")
    assert owed() == Decimal(730) - 300 - 65 - 184
    assert balance("unbilled") == 0
    assert_books_hold()


def test_a_change_of_plan_charges_the_new_plan_whole() -> None:
    signed()
    do("credit_note", "2026-01-02", account="ana", invoice="1", lines=[{"line": 1, "amount": "300.00"}], reason="goodwill")
    do("change_plan", "2026-07-01", account="ana", plan="light")
    assert owed() == Decimal("18.40")  # 365 - 300 - 65 + 184 days at 0.10
    assert_books_hold()


def test_what_a_void_forgave_is_not_credited_when_the_contract_ends() -> None:
    signed()
    do("void", "2026-01-02", account="ana", invoice="1", reason="a gift", forgive=True)
    do("cancel", "2026-07-01", account="ana", reason="moved")
    assert (owed(), balance("credit"), balance("unbilled")) == (Decimal(0), Decimal(0), Decimal(0))
    assert_books_hold()
