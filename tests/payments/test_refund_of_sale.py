"""A sale given back in one step: goods into stock, the document credited, the money to who paid. All of it or none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk, journal
from billing.rebuilding import compare
from tests.books import assert_books_hold, balance, do, documents, open_account, publish
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def sale() -> str:
    """Two routers at 80.00 and 21 %: 193.60, of five in stock that cost 50.00 each."""
    publish()
    open_account()
    do("restock", item="router", quantity="5", cost="250.00")
    sold: str = do("sell", "2026-01-02", account="ana", item="router", quantity="2").made["sale"]
    return sold


def level() -> tuple[str, str]:
    level, value = bulk.fetch("SELECT level, value FROM read_stock WHERE item = 'router'")[0]
    return f"{level:.0f}", f"{value:.2f}"


def test_goods_and_money_go_back_together(sale: str) -> None:
    do("pay", "2026-01-03", account="ana", amount="193.60", channel="card")
    outcome = do("refund", "2026-01-05", account="ana", sale=sale, reason="not wanted")
    kinds = [one.event.kind for one in outcome.events]
    assert kinds == ["sale.made", "stock.moved", "credit_note.issued", "refund.requested", "refund.settled"]
    assert set(outcome.made) == {"refund", "return", "credit_note"}
    assert level() == ("5", "250.00")
    assert documents() == [("invoice", "INV-000001", "193.60", "0.00"), ("credit_note", "CN-000001", "193.60", "0.00")]
    assert (balance("credit"), balance("cash:card"), balance("revenue:sales")) == (Decimal(0), Decimal(0), Decimal(0))
    assert compare(["ana", "stock:router"]) == []
    assert_books_hold()


def test_of_a_part_only_its_money(sale: str) -> None:
    do("pay", "2026-01-03", account="ana", amount="193.60", channel="card")
    do("refund", "2026-01-05", account="ana", sale=sale, quantity="1")
    assert (level(), balance("cash:card")) == (("4", "200.00"), Decimal("96.80"))
    do("refund", "2026-01-06", account="ana", sale=sale, restock="no")  # the other one is broken
    assert (level(), balance("cash:card"), balance("credit")) == (("4", "200.00"), Decimal(0), Decimal(0))
    refused("returned_already", "refund", "2026-01-07", account="ana", sale=sale)


def test_two_payments_get_back_what_each_had_paid(sale: str) -> None:
    do("pay", "2026-01-03", account="ana", amount="100.00", channel="card")
    do("pay", "2026-01-03", account="ana", amount="93.60", channel="transfer")
    do("refund", "2026-01-05", account="ana", sale=sale)
    rows = bulk.fetch("SELECT amount, channel FROM read_refund ORDER BY sequence")
    assert [(f"{amount:.2f}", channel) for amount, channel in rows] == [("93.60", "transfer"), ("100.00", "card")]


def test_of_what_was_paid_in_part_the_rest_is_taken_off(sale: str) -> None:
    do("pay", "2026-01-03", account="ana", amount="100.00", channel="card")
    do("refund", "2026-01-05", account="ana", sale=sale)
    assert (balance("cash:card"), balance("receivable"), balance("credit")) == (Decimal(0), Decimal(0), Decimal(0))


def test_where_no_money_can_go_back_no_goods_come_back(sale: str) -> None:
    refused("nothing_paid", "refund", "2026-01-05", account="ana", sale=sale)
    assert level() == ("3", "150.00")


def test_while_the_bank_disputes_the_payment_nothing_moves(sale: str) -> None:
    do("pay", "2026-01-03", account="ana", amount="193.60", channel="card")
    do("open_dispute", "2026-01-04", account="ana", payment="1", amount="193.60")
    refused("payment_disputed", "refund", "2026-01-05", account="ana", sale=sale)
    assert level() == ("3", "150.00")


@pytest.mark.parametrize("given", [{"quantity": "1"}, {"restock": "no"}])
@pytest.mark.parametrize("of", [{"payment": "1"}, {}])
def test_what_is_said_of_a_sale_is_refused_where_none_is_named(sale: str, given: dict[str, str], of: dict[str, str]) -> None:
    do("pay", "2026-01-03", account="ana", amount="300.00")
    refused("missing_field", "refund", "2026-01-05", account="ana", **given, **of)
    assert (balance("credit"), level()) == (Decimal("-106.40"), ("3", "150.00"))


def test_wrong_refunds_of_sales_are_refused(sale: str) -> None:
    refused("unknown_sale", "refund", "2026-01-05", account="ana", sale="ana/99")
    refused("unknown_sale", "refund", "2026-01-05", account="ana", sale="nonsense")
    do("pay", "2026-01-03", account="ana", amount="193.60")
    refused("conflict", "refund", "2026-01-05", account="ana", sale=sale, payment="1")
    refused("conflict", "refund", "2026-01-05", account="ana", sale=sale, amount="5")
    assert journal.lock(["stock:router"])["stock:router"].sequence == 2
