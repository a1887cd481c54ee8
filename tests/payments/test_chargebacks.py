"""Disputes of the bank: opened, answered, won, lost; who bears what is gone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk
from tests.books import advance, balance, do, documents, owed
from tests.payments.helpers import postings, refused, row

pytestmark = pytest.mark.django_db


def disputes() -> list[tuple[str, str]]:
    return [(f"{amount:.2f}", status) for amount, status in bulk.fetch("SELECT amount, status FROM read_dispute ORDER BY sequence")]


def payment() -> tuple[str, str]:
    status, disputed = bulk.fetch("SELECT status, disputed FROM read_payment ORDER BY sequence LIMIT 1")[0]
    return status, f"{disputed:.2f}"


@pytest.fixture
def paid(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="24.14", channel="card")


def test_the_bank_takes_the_money_and_its_fee_and_gives_the_money_back(paid: None) -> None:
    do("open_dispute", "2026-01-10", account="ana", payment="1", fee="15.00", reason="fraudulent", evidence_due="2026-01-20")
    assert postings("dispute.opened") == [("cash:card", "-39.14"), ("disputes", "24.14"), ("expense:dispute-fees", "15.00")]
    assert (payment(), owed()) == (("disputed", "24.14"), Decimal(0))
    do("send_evidence", "2026-01-12", account="ana", note="Signed contract")
    assert disputes() == [("24.14", "under_review")]
    do("win_dispute", "2026-01-25", account="ana")
    assert (disputes(), payment(), balance("cash:card")) == ([("24.14", "won")], ("received", "0.00"), Decimal("9.14"))
    do("open_dispute", "2026-01-26", account="ana", payment="1")  # a second one
    assert disputes() == [("24.14", "won"), ("24.14", "open")]


def test_a_lost_dispute_opens_the_invoice_again_and_the_rest_may_be_written_off(paid: None) -> None:
    do("open_dispute", "2026-01-10", account="ana", payment="1")
    do("lose_dispute", "2026-01-25", account="ana", note="No answer")
    assert postings("dispute.lost") == [("disputes", "-24.14"), ("receivable", "24.14")]
    assert (row("INV-000001", "status", "open"), payment()) == (("open", "24.14"), ("charged_back", "24.14"))
    refused("more_than_paid", "refund", "2026-01-26", account="ana", payment="1", amount="0.01")
    refused("more_than_paid", "open_dispute", "2026-01-26", account="ana", payment="1")
    refused("dispute_closed", "win_dispute", "2026-01-26", account="ana")
    refused("dispute_closed", "send_evidence", "2026-01-26", account="ana", note="x")
    do("write_off", "2026-01-27", account="ana", invoice="1", reason="Charged back")


def test_nothing_else_is_done_with_a_disputed_payment(paid: None) -> None:
    do("open_dispute", "2026-01-10", account="ana", payment="1", amount="10.00")
    refused("payment_disputed", "refund", "2026-01-11", account="ana", payment="1", credit_note=True)
    refused("payment_disputed", "unallocate", "2026-01-11", account="ana", payment="1")
    refused("payment_disputed", "allocate", "2026-01-11", account="ana", payment="1")
    refused("payment_disputed", "open_dispute", "2026-01-11", account="ana", payment="1")
    refused("payment_disputed", "credit_note", "2026-01-11", account="ana", invoice="1", reason="x", refund=True)
    do("win_dispute", "2026-01-25", account="ana")
    do("refund", "2026-01-26", account="ana", payment="1", credit_note=True)


def test_an_inquiry_moves_nothing_and_is_closed_or_becomes_a_dispute(paid: None) -> None:
    do("open_dispute", "2026-01-10", account="ana", payment="1", inquiry=True)
    assert (disputes(), payment(), balance("disputes")) == ([("24.14", "inquiry")], ("received", "0.00"), Decimal(0))
    refused("inquiry_open", "open_dispute", "2026-01-11", account="ana", payment="1", inquiry=True)
    refused("dispute_closed", "lose_dispute", "2026-01-11", account="ana")
    do("win_dispute", "2026-01-12", account="ana")
    do("open_dispute", "2026-01-13", account="ana", payment="1", inquiry=True)
    do("open_dispute", "2026-01-14", account="ana", payment="1")
    assert disputes() == [("24.14", "closed"), ("24.14", "escalated"), ("24.14", "open")]


def test_unused_money_is_held_while_the_bank_disputes_it(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    do("open_dispute", "2026-01-10", account="ana", payment="1", amount="10.00")
    assert (balance("credit"), balance("credit_held")) == (Decimal(0), Decimal("-5.86"))
    refused("not_enough_credit", "refund", "2026-01-11", account="ana")
    do("win_dispute", "2026-01-12", account="ana")
    assert (balance("credit"), balance("credit_held")) == (Decimal("-5.86"), Decimal(0))
    do("open_dispute", "2026-01-13", account="ana", payment="1", amount="10.00")
    do("lose_dispute", "2026-01-14", account="ana")
    assert postings("dispute.lost") == [("credit_held", "5.86"), ("disputes", "-10.00"), ("receivable", "4.14")]
    assert owed() == Decimal("4.14")


def test_what_credit_paid_is_open_again_when_the_money_behind_it_is_gone(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="48.28")
    advance("2026-02-01")  # the second invoice is paid by the credit
    assert documents()[1] == ("invoice", "INV-000002", "24.14", "0.00")
    do("open_dispute", "2026-02-02", account="ana", payment="1")
    do("lose_dispute", "2026-02-03", account="ana")
    assert [document[3] for document in documents()] == ["24.14", "24.14"]
    assert (balance("credit"), balance("expense:dispute-losses")) == (Decimal(0), Decimal(0))
    refused("not_enough_credit", "allocate", "2026-02-03", account="ana", payment="1")


def test_what_nobody_bears_is_a_loss(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    do("refund", "2026-01-03", account="ana")  # the credit leaves, not as a refund of the payment
    do("open_dispute", "2026-01-10", account="ana", payment="1")
    do("lose_dispute", "2026-01-11", account="ana")
    assert balance("expense:dispute-losses") == Decimal("5.86")
    assert owed() == Decimal("24.14")
