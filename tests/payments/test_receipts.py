"""Money without a payer: put aside, then identified, whole or in parts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk
from tests.books import balance, do, open_account, owed
from tests.payments.helpers import postings, refused

pytestmark = pytest.mark.django_db
SUSPENSE = "suspense-main"


def left() -> list[str]:
    return [f"{amount:.2f}" for (amount,) in bulk.fetch('SELECT "left" FROM read_receipt ORDER BY sequence')]


def test_a_receipt_waits_and_becomes_the_payment_of_whom_it_belongs_to(ana: None) -> None:
    made = do("receive", "2026-01-05", amount="30.00", reference="NO NAME 17").made
    assert (made, left()) == ({"receipt": "suspense-main/2"}, ["30.00"])
    assert postings("receipt.put_aside") == [("cash:transfer", "30.00"), ("unidentified", "-30.00")]
    do("identify", "2026-01-09", account="ana", receipt="NO NAME 17", invoices=["INV-000001"])
    assert postings("receipt.identified") == [("transfer", "-30.00"), ("unidentified", "30.00")]
    assert postings("payment.identified") == [("credit", "-5.86"), ("receivable", "-24.14"), ("transfer", "30.00")]
    assert (owed(), balance("credit"), left()) == (Decimal(0), Decimal("-5.86"), ["0.00"])
    rows = bulk.fetch("SELECT account, amount, channel, reference, status FROM read_payment")
    assert rows == [("ana", Decimal(30), "transfer", "NO NAME 17", "received")]
    refused("more_than_left", "identify", "2026-01-09", account="ana", receipt="1")


def test_a_receipt_is_identified_in_parts(ana: None) -> None:
    open_account("ben")
    do("receive", "2026-01-05", amount="30.00")
    do("receive", "2026-01-06", amount="1.00", currency="USD")
    do("identify", "2026-01-09", account="ana", receipt="1", amount="24.14")
    refused("more_than_left", "identify", "2026-01-09", account="ben", receipt="1", amount="5.87")
    do("identify", "2026-01-09", account="ben", receipt="suspense-main/2")
    assert left() == ["0.00", "1.00"]
    assert (balance("credit", "ben"), balance("unidentified", SUSPENSE)) == (Decimal("-5.86"), Decimal("-1.00"))


def test_wrong_receipts_are_refused(ana: None) -> None:
    refused("out_of_range", "receive", "2026-01-05", amount="0")
    refused("unknown_choice", "receive", "2026-01-05", amount="1.00", channel="pigeon")
    refused("unknown_thing", "identify", "2026-01-05", account="ana", receipt="1")
    do("receive", "2026-01-05", amount="1.00")
    refused("unknown_thing", "identify", "2026-01-05", account="ana", receipt="2")
    refused("unknown_account", "identify", "2026-01-05", account="nobody", receipt="1")
    refused("other_seller", "identify", "2026-01-05", account="ana", receipt="1", seller="north")


def test_an_identified_payment_is_refunded_like_any_other(ana: None) -> None:
    do("receive", "2026-01-05", amount="30.00", channel="cheque")
    do("identify", "2026-01-06", account="ana", receipt="1")
    do("refund", "2026-01-07", account="ana", payment="1", amount="5.86")
    assert (balance("credit"), balance("cash:cheque")) == (Decimal(0), Decimal("-5.86"))
