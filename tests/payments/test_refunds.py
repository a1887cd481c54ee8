"""Credit notes by hand and refunds: what is taken back, where it goes, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from billing import bulk
from tests.books import balance, do, documents, lines, open_account, owed
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db


def refunds() -> list[tuple[str, str, str]]:
    rows = bulk.fetch("SELECT amount, channel, status FROM read_refund ORDER BY sequence")
    return [(f"{amount:.2f}", channel, status) for amount, channel, status in rows]


def payment() -> tuple[str, str, str]:
    """(status, refunded, disputed) of the first payment."""
    status, refunded, disputed = bulk.fetch("SELECT status, refunded, disputed FROM read_payment ORDER BY sequence")[0]
    return status, f"{refunded:.2f}", f"{disputed:.2f}"


# --- credit notes


def test_a_whole_open_invoice_is_credited_and_nothing_is_owed(ana: None) -> None:
    do("credit_note", "2026-01-05", account="ana", invoice="1", reason="Never delivered")
    assert documents() == [("invoice", "INV-000001", "24.14", "0.00"), ("credit_note", "CN-000001", "24.14", "0.00")]
    assert bulk.fetch("SELECT status FROM read_invoice WHERE number = 'INV-000001'") == [("credited",)]
    assert (balance("receivable"), balance("credit")) == (Decimal(0), Decimal(0))
    # 4 of 31 days were earned: 2.57; the rest is deferred no more
    assert (balance("credit_notes"), balance("deferred"), balance("tax:vat")) == (Decimal("2.57"), Decimal("-2.57"), Decimal(0))


def test_a_part_is_taken_off_what_is_open_and_the_rest_becomes_credit(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="14.14", invoices=["1"])
    do("credit_note", "2026-01-05", account="ana", invoice="INV-000001", amount="10.00", reason="Half a month was down")
    assert documents()[1] == ("credit_note", "CN-000001", "12.10", "0.00")
    assert owed() == 0
    assert balance("credit") == Decimal("-2.10")


def test_a_total_is_met_to_the_cent_or_by_the_least_note_above(ana: None) -> None:
    do("credit_note", "2026-01-05", account="ana", invoice="1", total="12.10", reason="x")
    assert documents()[1][2] == "12.10"
    # 21 % on one line: no net amount comes to 0.03 (0.02 + 0.00, 0.03 + 0.01): the note is of 0.04
    do("credit_note", "2026-01-05", account="ana", invoice="1", total="0.03", reason="x")
    assert documents()[2][2] in ("0.03", "0.04")
    do("credit_note", "2026-01-06", account="ana", invoice="1", reason="the rest")
    assert sum(Decimal(total) for kind, _, total, _ in documents() if kind == "credit_note") == Decimal("24.14")
    assert owed() == 0
    refused("more_than_left", "credit_note", "2026-01-07", account="ana", invoice="1", reason="again")


def test_lines_are_credited_by_position_amount_and_quantity(ana: None) -> None:
    do("sell", "2026-01-03", account="ana", item="ticket", quantity="4", invoice="now")  # 38.00 + 7.98
    do("credit_note", "2026-01-05", account="ana", invoice="INV-000002", lines=[{"line": "1", "quantity": "1"}], reason="One seat broken")
    assert lines("CN-000001") == [("ticket", "9.50", "1.99")]  # 7.98 less 21 % of the 28.50 that stay
    do("credit_note", "2026-01-05", account="ana", invoice="INV-000002", lines=[{"line": "1", "amount": "0.50"}], reason="Popcorn")
    do("credit_note", "2026-01-05", account="ana", invoice="INV-000002", lines=["1"], reason="The rest")
    assert bulk.fetch("SELECT open, credited FROM read_invoice WHERE number = 'INV-000002'") == [(Decimal(0), Decimal("45.98"))]
    refused("more_than_left", "credit_note", "2026-01-05", account="ana", invoice="INV-000002", lines=["1"], reason="x")
    refused("out_of_range", "credit_note", "2026-01-05", account="ana", invoice="INV-000001", lines=["2"], reason="x")
    refused("conflict", "credit_note", "2026-01-05", account="ana", invoice="INV-000001", lines=["1"], amount="1.00", reason="x")
    refused("conflict", "credit_note", "2026-01-05", account="ana", invoice="INV-000001", lines=["1", "1"], reason="x")
    refused("wrong_type", "credit_note", "2026-01-05", account="ana", invoice="INV-000001", lines=["fee"], reason="x")
    refused("more_than_left", "credit_note", "2026-01-05", account="ana", invoice="INV-000001", amount="19.96", reason="x")
    refused("unknown_invoice", "credit_note", "2026-01-05", account="ana", invoice="INV-9", reason="x")


def test_what_was_brought_over_has_no_lines_to_credit(ana: None) -> None:
    do("open_balance", "2026-01-03", account="ana", amount="50.00")
    refused("invoice_brought_over", "credit_note", "2026-01-05", account="ana", invoice="2", reason="x")


def test_the_preview_of_a_credit_note_is_what_happens_but_for_the_number(ana: None) -> None:
    preview = do("credit_note", "2026-01-05", account="ana", invoice="1", amount="5.00", reason="x", dry_run=True)
    done = do("credit_note", "2026-01-05", account="ana", invoice="1", amount="5.00", reason="x")
    assert [one.event.total for one in preview.events] == [one.event.total for one in done.events] == [Decimal("6.05")]  # type: ignore[attr-defined]


def test_the_database_refuses_to_credit_more_than_was_billed(ana: None) -> None:
    with pytest.raises(IntegrityError, match="invoice_credited_at_most_its_total"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE read_invoice SET credited = total + 0.01")


# --- refunds


def test_a_payment_is_refunded_with_its_credit_note_through_its_own_channel(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="24.14", channel="card")
    outcome = do("refund", "2026-01-10", account="ana", payment="1", credit_note=True, reason="Cancelled within 14 days")
    assert [one.event.kind for one in outcome.events] == ["credit_note.issued", "refund.requested", "refund.settled"]
    assert refunds() == [("24.14", "card", "settled")]
    assert payment() == ("refunded", "24.14", "0.00")
    assert (balance("cash:card"), balance("credit"), balance("refunds_payable")) == (Decimal(0), Decimal(0), Decimal(0))
    assert bulk.fetch("SELECT status FROM read_invoice WHERE number = 'INV-000001'") == [("credited",)]
    refused("more_than_paid", "refund", "2026-01-11", account="ana", payment="1", amount="0.01")


def test_a_refund_of_what_paid_a_document_needs_a_credit_note(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="24.14")
    error = refused("credit_note_needed", "refund", "2026-01-10", account="ana", payment="1", amount="10.00")
    assert error.facts == {"missing": "10"}


def test_a_part_is_refunded_with_a_note_that_comes_to_it(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="24.14")
    do("refund", "2026-01-10", account="ana", payment="1", amount="12.10", credit_note=True)
    assert documents()[1] == ("credit_note", "CN-000001", "12.10", "0.00")
    assert payment() == ("refunded_in_part", "12.10", "0.00")
    refused("more_than_paid", "refund", "2026-01-10", account="ana", payment="1", amount="12.05", credit_note=True)
    do("refund", "2026-01-10", account="ana", payment="1", credit_note=True)
    assert payment() == ("refunded", "24.14", "0.00")
    assert balance("credit") == 0


def test_an_overpayment_goes_back_without_a_credit_note(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    do("refund", "2026-01-03", account="ana", payment="1", amount="5.86")
    assert (owed(), balance("credit"), payment()) == (Decimal(0), Decimal(0), ("refunded_in_part", "5.86", "0.00"))
    refused("credit_note_needed", "refund", "2026-01-03", account="ana", payment="1", amount="0.01")


def test_credit_goes_back_by_the_channel_that_is_named(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    refused("not_enough_credit", "refund", "2026-01-03", account="ana", amount="5.87")
    refused("unknown_choice", "refund", "2026-01-03", account="ana", channel="pigeon")
    refused("missing_field", "refund", "2026-01-03", account="ana", credit_note=True)
    do("refund", "2026-01-03", account="ana", channel="cash")
    assert refunds() == [("5.86", "cash", "settled")]
    refused("not_enough_credit", "refund", "2026-01-03", account="ana")


def test_a_refund_waits_is_settled_and_may_fail_even_then(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00", channel="cheque")
    do("refund", "2026-01-03", account="ana", payment="1", amount="5.86", settle="later")
    assert refunds() == [("5.86", "cheque", "requested")]
    assert (balance("refunds_payable"), balance("credit")) == (Decimal("-5.86"), Decimal(0))
    do("settle_refund", "2026-01-04", account="ana")
    assert (balance("refunds_payable"), balance("cash:cheque")) == (Decimal(0), Decimal("24.14"))
    refused("refund_closed", "settle_refund", "2026-01-04", account="ana")
    do("fail_refund", "2026-01-05", account="ana", reason="The cheque came back")
    assert refunds() == [("5.86", "cheque", "failed")]
    assert payment() == ("received", "0.00", "0.00")
    assert (balance("credit"), balance("cash:cheque")) == (Decimal("-5.86"), Decimal("30.00"))
    refused("refund_closed", "fail_refund", "2026-01-05", account="ana", reason="x")
    do("refund", "2026-01-06", account="ana", payment="1", amount="5.86", channel="transfer")
    assert payment() == ("refunded_in_part", "5.86", "0.00")


def test_a_refund_that_was_only_asked_for_fails_back_into_credit(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    do("refund", "2026-01-03", account="ana", settle="later")
    do("fail_refund", "2026-01-05", account="ana", reason="Account closed", refund="1")
    assert (balance("credit"), balance("refunds_payable"), balance("cash:transfer")) == (Decimal("-5.86"), Decimal(0), Decimal("30.00"))


def test_a_credit_note_refunds_the_payments_newest_first(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="20.00", channel="cash")
    do("pay", "2026-01-03", account="ana", amount="4.14", channel="card")
    do("credit_note", "2026-01-05", account="ana", invoice="1", reason="Never worked", refund=True)
    assert refunds() == [("4.14", "card", "settled"), ("20.00", "cash", "settled")]
    assert balance("credit") == 0


def test_a_credit_note_on_a_half_paid_invoice_refunds_only_what_was_paid(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="10.00", channel="cash")
    do("credit_note", "2026-01-05", account="ana", invoice="1", reason="Never worked", refund=True)
    assert refunds() == [("10.00", "cash", "settled")]
    assert (owed(), balance("credit")) == (Decimal(0), Decimal(0))


def test_a_refund_with_a_note_is_refused_where_something_is_still_open(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="10.00")
    refused("invoice_open", "refund", "2026-01-05", account="ana", payment="1", credit_note=True)
    do("unallocate", "2026-01-05", account="ana", payment="1")
    do("refund", "2026-01-05", account="ana", payment="1")
    assert (owed(), payment()) == (Decimal("24.14"), ("refunded", "10.00", "0.00"))


def test_a_payment_is_found_by_id_reference_or_position(ana: None) -> None:
    made = do("pay", "2026-01-02", account="ana", amount="30.00", reference="R-1").made
    do("pay", "2026-01-02", account="ana", amount="1.00", reference="R-2")
    do("pay", "2026-01-02", account="ana", amount="1.00", reference="R-2")
    do("refund", "2026-01-03", account="ana", payment="R-1", amount="1.00")
    do("refund", "2026-01-03", account="ana", payment=made["payment"], amount="1.00")
    do("refund", "2026-01-03", account="ana", payment="1", amount="1.00")
    assert payment() == ("refunded_in_part", "3.00", "0.00")
    refused("which_payment", "refund", "2026-01-03", account="ana", payment="R-2")
    refused("unknown_payment", "refund", "2026-01-03", account="ana", payment="R-3")
    open_account("ben")
    refused("unknown_payment", "refund", "2026-01-03", account="ben", payment=made["payment"])


def test_the_database_refuses_to_refund_more_than_was_paid(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    with pytest.raises(IntegrityError, match="payment_refunded_at_most_paid"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE read_payment SET refunded = 20, disputed = 10.01")
    with pytest.raises(IntegrityError, match="balance_of_others_money"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE read_balance SET amount = 0.01 WHERE ledger = 'credit'")


# --- which document a payment pays


def test_a_payment_is_moved_from_one_invoice_to_another(ana: None) -> None:
    do("sell", "2026-01-03", account="ana", item="ticket", invoice="now")  # 11.50
    do("pay", "2026-01-04", account="ana", amount="24.14", invoices=["1"])
    do(
        "unallocate",
        "2026-01-05",
        account="ana",
        payment="1",
        invoices=[{"invoice": "1", "amount": "11.50"}],
        reason="It was for the ticket",
    )
    assert documents() == [("invoice", "INV-000001", "24.14", "11.50"), ("invoice", "INV-000002", "11.50", "11.50")]
    do("allocate", "2026-01-05", account="ana", payment="1", invoices=["INV-000002"])
    assert documents() == [("invoice", "INV-000001", "24.14", "11.50"), ("invoice", "INV-000002", "11.50", "0.00")]
    shares = bulk.fetch("SELECT invoice, sum(amount) FROM read_allocation WHERE payment <> '' GROUP BY invoice ORDER BY invoice")
    assert [f"{amount:.2f}" for _, amount in shares] == ["12.64", "11.50"]
    refused("not_allocated", "unallocate", "2026-01-05", account="ana", payment="1", invoices=[{"invoice": "2", "amount": "11.51"}])
    refused("not_enough_credit", "allocate", "2026-01-05", account="ana", payment="1")


def test_allocation_uses_no_more_than_the_credit_that_is_left(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="30.00")
    do("refund", "2026-01-03", account="ana")  # the credit of 5.86 is gone, though not as a refund of the payment
    refused("not_enough_credit", "allocate", "2026-01-05", account="ana", payment="1")
    do("unallocate", "2026-01-05", account="ana", payment="1")
    refused("not_enough_credit", "allocate", "2026-01-05", account="ana", payment="1", amount="24.15")
    do("allocate", "2026-01-05", account="ana", payment="1")
    assert owed() == 0
