"""Wallets that pay documents: what they pay, what they leave alone, and the books behind it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plans.errors import Invalid
from tests.books import advance, balance, do, documents, open_account, owed, publish
from tests.prepaid import grant, lots, top_up, wallet

pytestmark = pytest.mark.django_db

CATALOGUE = """
catalogue: paying
currency: EUR
zone: UTC
seller: {name: Paying Ltd, country: ES}
taxes: [{code: vat, name: VAT, rate: 21, categories: [standard], country: ES}]
plans:
  both:
    items:
      fee: {period: once, price: {model: flat, amount: "100.00"}, tax: standard}
      kit: {period: once, price: {model: flat, amount: "50.00"}, tax: none}
"""


@pytest.fixture(autouse=True)
def world() -> None:
    publish(CATALOGUE)
    open_account()


def agree() -> None:
    do("set_wallet", account="ana", pays_invoices="yes")


def sign(at: str = "2026-01-02") -> None:
    do("subscribe", at, account="ana", plan="both")
    advance(at)


def test_a_wallet_pays_no_document_unless_that_was_agreed() -> None:
    top_up("200.00")
    sign()
    assert (owed(), wallet()) == (171, "200.00")
    do("set_wallet", "2026-01-03", account="ana", pays_invoices="yes")
    assert (owed(), wallet(at="2026-01-03")) == (0, "29.00")
    assert balance("prepaid") == -29
    assert balance("receivable") == 0


def test_what_is_paid_in_part_by_hand_stays_for_the_wallet() -> None:
    agree()
    sign()
    do("pay", "2026-01-03", account="ana", amount="50.00")
    assert owed() == 121
    top_up("200.00", "2026-01-04")
    assert (owed(), wallet(at="2026-01-04")) == (0, "79.00")


def test_a_lot_for_one_item_pays_its_lines_with_their_tax_and_no_more_when_another_comes() -> None:
    agree()
    grant("60.00", items=["kit"])
    sign()
    assert (owed(), lots()) == (121, ["10.00"])
    grant("60.00", "2026-01-03", items=["kit"])
    grant("150.00", "2026-01-03", items=["fee", "kit"])
    assert (owed(), lots()) == (0, ["10.00", "60.00", "29.00"])


def test_what_is_reserved_pays_nothing_and_pays_once_it_is_released() -> None:
    agree()
    top_up("200.00")
    name = do("reserve", account="ana", amount="150.00").made["reservation"]
    sign()
    assert owed() == 121
    do("release", "2026-01-03", account="ana", reservation=name)
    assert (owed(), wallet(at="2026-01-03")) == (0, "29.00")


def test_the_oldest_document_is_first_and_a_later_top_up_goes_on() -> None:
    agree()
    sign()
    sign("2026-01-05")
    top_up("200.00", "2026-01-10")
    assert [row[3] for row in documents()] == ["0.00", "142.00"]
    top_up("150.00", "2026-01-11")
    assert [row[3] for row in documents()] == ["0.00", "0.00"]
    assert wallet(at="2026-01-11") == "8.00"


def test_what_is_credited_on_a_document_that_a_wallet_paid_is_the_customers_credit() -> None:
    agree()
    top_up("171.00")
    sign()
    do("credit_note", "2026-01-03", account="ana", invoice="1", reason="Broken")
    assert balance("credit") == Decimal(-171)
    assert wallet(at="2026-01-03") == "0.00"


def test_units_pay_no_documents() -> None:
    with pytest.raises(Invalid, match="units don't pay them"):
        do("set_wallet", account="ana", unit="gb", pays_invoices="yes")
