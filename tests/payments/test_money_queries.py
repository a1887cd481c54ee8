"""The work lists: what has to be answered, matched and paid out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from payments import queries
from tests.books import do, open_account
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db


def test_work_lists_hold_what_is_waiting_and_nothing_else(ana: None) -> None:
    do("receive", "2026-01-02", amount="5.00", reference="A")
    do("receive", "2026-01-02", amount="30.00", reference="B")
    do("identify", "2026-01-03", account="ana", receipt="B")
    assert [(row["reference"], row["left"]) for row in queries.unidentified()] == [("A", Decimal(5))]
    [payment] = queries.payments("ana")
    assert (payment.unused, payment.refundable, list(payment.allocated.values())) == (Decimal("5.86"), Decimal(30), [Decimal("24.14")])
    do("refund", "2026-01-04", account="ana", payment="1", amount="5.86", settle="later")
    assert [row["amount"] for row in queries.unsettled_refunds()] == [Decimal("5.86")]
    do("settle_refund", "2026-01-05", account="ana")
    assert queries.unsettled_refunds() == []
    assert [row["status"] for row in queries.refunds("ana")] == ["settled"]
    open_account("ben")
    do("pay", "2026-01-02", account="ben", amount="1.00")
    do("open_dispute", "2026-01-06", account="ben", payment="1", inquiry=True)
    do("open_dispute", "2026-01-06", account="ana", payment="1", amount="1.00", evidence_due="2026-01-16")
    assert [row["account"] for row in queries.open_disputes()] == ["ana", "ben"]
    assert [row["status"] for row in queries.disputes("ana")] == ["open"]
    do("take_deposit", "2026-01-07", account="ana", amount="10.00", name="Keys")
    assert [(row["name"], row["left"]) for row in queries.deposits("ana")] == [("Keys", Decimal(10))]


def test_a_hold_is_listed_with_its_lines(ana: None) -> None:
    do("dispute", "2026-01-07", account="ana", invoice="1", lines=["1"], reason="x")
    [hold] = queries.holds("ana")
    assert (hold["number"], hold["amount"], hold["lines"], hold["status"]) == ("INV-000001", Decimal("24.14"), [1], "open")


def test_an_account_that_still_holds_somebodys_money_stays_open() -> None:
    open_account("cleo")
    do("take_deposit", "2026-01-07", account="cleo", amount="10.00")
    error = refused("balance_open", "close_account", "2026-01-08", account="cleo")
    assert "deposits" in error.message
    do("release_deposit", "2026-01-09", account="cleo", settle="later")
    refused("balance_open", "close_account", "2026-01-10", account="cleo")
    do("settle_refund", "2026-01-11", account="cleo")
    do("close_account", "2026-01-12", account="cleo")
