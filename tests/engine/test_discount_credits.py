"""What is taken back of a line with a percentage off it: the discount goes back with it, on the same document, whoever takes it back."""

from __future__ import annotations

import pytest

from billing import bulk
from plans.errors import Conflict
from tests.books import advance, assert_books_hold, do, documents, open_account, publish

pytestmark = pytest.mark.django_db

PLAN = """
catalogue: c
currency: EUR
taxes:
  vat: {rate: 10, country: ES, categories: [s]}
plans:
  p:
    period: month
    invoice: {negative: %s}
    items: {fee: {price: {model: unit, amount: '10.00'}, tax: s}}
"""


def ten_less_a_tenth(negative: str = "credit_note") -> None:
    """January 100.00 less 10.00, with tax 99.00, as the first invoice."""
    publish(PLAN % negative)
    open_account()
    do("discount", account="ana", percent="10")
    do("subscribe", account="ana", plan="p", quantity="10")
    assert documents() == [("invoice", "INV-000001", "99.00", "99.00")]


def rows(number: str) -> list[tuple[str, str, str]]:
    """(component, amount, what it corrects) of each line."""
    statement = """
        SELECT split_part(component, ':', 1), line.amount, line.detail->>'corrects' FROM read_invoice_line line
        JOIN read_invoice USING (invoice) WHERE number = %s ORDER BY line"""
    return [(component, f"{amount:.2f}", corrects) for component, amount, corrects in bulk.fetch(statement, [number])]


@pytest.mark.parametrize("negative", ["credit_note", "next_invoice"])
def test_what_a_falling_quantity_credits_takes_its_discount_along(negative: str) -> None:
    ten_less_a_tenth(negative)
    do("change_quantity", "2026-01-11", account="ana", quantity="0")
    assert documents()[1:] == [("credit_note", "CN-000001", "67.07", "0.00")]  # 21 of 31 days: 67.74 − 6.77, and tax
    assert rows("CN-000001") == [("fee", "67.74", "INV-000001#1"), ("discount", "-6.77", "INV-000001#2")]
    advance("2026-03-01")
    assert len(documents()) == 2
    assert_books_hold()


def test_on_the_next_invoice_both_are_lines_of_it() -> None:
    """Where the change is on the invoice of the month's end, with what it is less than."""
    ten_less_a_tenth("next_invoice, when: calendar")
    do("change_quantity", "2026-01-31", account="ana", quantity="9")
    advance("2026-02-01")
    assert rows("INV-000002") == [
        ("fee", "-3.23", "INV-000001#1"),
        ("fee", "92.90", ""),
        ("discount", "0.32", "INV-000001#2"),
        ("discount", "-9.29", ""),
    ]
    assert documents()[1] == ("invoice", "INV-000002", "88.77", "88.77")
    assert_books_hold()


def test_a_person_takes_back_the_whole_of_a_discounted_invoice() -> None:
    ten_less_a_tenth()
    do("credit_note", "2026-01-05", account="ana", invoice="1", reason="never wanted")
    assert documents()[1:] == [("credit_note", "CN-000001", "99.00", "0.00")]
    assert_books_hold()
    with pytest.raises(Conflict, match="nothing is left"):
        do("credit_note", "2026-01-06", account="ana", invoice="1", reason="again")


def test_a_part_by_amount_then_the_rest() -> None:
    ten_less_a_tenth()
    do("credit_note", "2026-01-05", account="ana", invoice="1", amount="60.00", reason="a part")
    with pytest.raises(Conflict, match=r"has 30\.00 left"):
        do("credit_note", "2026-01-05", account="ana", invoice="1", amount="30.01", reason="too much")
    do("credit_note", "2026-01-05", account="ana", invoice="1", reason="the rest")
    assert [total for _, _, total, _ in documents()[1:]] == ["66.00", "33.00"]
    assert_books_hold()


def test_a_line_by_its_quantity_takes_the_share_of_its_discount() -> None:
    ten_less_a_tenth()
    do("credit_note", "2026-01-05", account="ana", invoice="1", lines=[{"line": 1, "quantity": "3"}], reason="three less")
    assert rows("CN-000001") == [("fee", "30.00", "INV-000001#1"), ("discount", "-3.00", "INV-000001#2")]
    with pytest.raises(Conflict, match="has 63 left"):
        do("credit_note", "2026-01-05", account="ana", invoice="1", lines=[{"line": 1, "amount": "63.01"}], reason="too much")
    do("credit_note", "2026-01-05", account="ana", invoice="1", lines=["1"], reason="the rest of it")
    assert [total for _, _, total, _ in documents()[1:]] == ["29.70", "69.30"]
    assert_books_hold()


def test_no_credit_note_exceeds_the_document_that_it_corrects() -> None:
    """An invoice of a fee less what a person took off: what the fee gives back beyond its total is credit on no document."""
    publish(PLAN % "credit_note")
    open_account()
    do("subscribe", account="ana", plan="p", quantity="10")
    advance("2026-01-20")
    do("adjust", "2026-01-25", account="ana", amount="-80.00", reason="goodwill", tax="s", invoice="next_invoice")
    advance("2026-02-01")
    assert documents()[1] == ("invoice", "INV-000002", "22.00", "22.00")
    do("cancel", "2026-02-01", account="ana")
    assert [(kind, total) for kind, _, total, _ in documents()[2:]] == [("credit_note", "22.00"), ("credit_note", "88.00")]
    assert_books_hold()
