"""Write-off, recovery and reinstatement, with and without relief of the tax."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plans.errors import NotAllowed
from tests.books import advance, balance, do, documents, owed
from tests.payments.helpers import postings, refused, row

pytestmark = pytest.mark.django_db
STATE = ("status", "open", "written_off", "recovered")


def test_a_write_off_takes_the_whole_amount_as_bad_debt(ana: None) -> None:
    do("write_off", "2026-03-01", account="ana", invoice="INV-000001", reason="Insolvent")
    assert row("INV-000001", *STATE) == ("written_off", "0.00", "24.14", "0.00")
    assert postings("invoice.written_off") == [("expense:bad-debt", "24.14"), ("receivable", "-24.14")]
    assert balance("tax:vat") == Decimal("-12.57")  # three invoices, none relieved


def test_relief_takes_the_tax_back_in_the_documents_share(ana: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="12.07", invoices=["1"])
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="Uncollectable", vat_relief=True)
    assert postings("invoice.written_off") == [("expense:bad-debt", "9.98"), ("receivable", "-12.07"), ("tax:vat", "2.09")]


def test_relief_counts_what_credit_notes_left(ana: None) -> None:
    do("credit_note", "2026-01-05", account="ana", invoice="1", amount="9.95", reason="x")
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="Uncollectable", vat_relief=True)
    assert postings("invoice.written_off") == [("expense:bad-debt", "10.00"), ("receivable", "-12.10"), ("tax:vat", "2.10")]


def test_money_that_comes_after_all_is_revenue_and_its_tax_is_due_again(ana: None) -> None:
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="Gone", vat_relief=True)
    do("recover", "2026-01-25", account="ana", invoice="1", amount="10.00", channel="cash")
    assert postings("write_off.recovered") == [("cash:cash", "10.00"), ("revenue:bad-debt-recovered", "-8.26"), ("tax:vat", "-1.74")]
    assert row("INV-000001", *STATE) == ("written_off", "0.00", "24.14", "10.00")
    do("recover", "2026-01-26", account="ana", invoice="1")
    assert (balance("expense:bad-debt"), balance("revenue:bad-debt-recovered")) == (Decimal("19.95"), Decimal("-19.95"))
    assert balance("tax:vat") == Decimal("-4.19")
    assert row("INV-000001", *STATE) == ("written_off", "0.00", "24.14", "24.14")
    refused("not_written_off", "recover", "2026-01-27", account="ana", invoice="1")


def test_what_can_not_be_written_off_or_recovered_is_refused(ana: None) -> None:
    refused("more_than_open", "write_off", "2026-01-20", account="ana", invoice="1", reason="x", amount="24.15")
    refused("not_written_off", "recover", "2026-01-20", account="ana", invoice="1")
    refused("not_written_off", "reinstate", "2026-01-20", account="ana", invoice="1", reason="x")
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="x", amount="4.14")
    assert row("INV-000001", *STATE) == ("open", "20.00", "4.14", "0.00")
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="x")
    refused("nothing_open", "write_off", "2026-01-20", account="ana", invoice="1", reason="x")
    refused("more_than_written_off", "recover", "2026-01-20", account="ana", invoice="1", amount="24.15")
    refused("invoice_written_off", "pay", "2026-01-20", account="ana", amount="24.14", invoices=["1"])
    refused("invoice_moved", "void", "2026-01-20", account="ana", invoice="1", reason="x")
    refused("unknown_invoice", "write_off", "2026-01-20", account="ana", invoice="INV-7", reason="x")


def test_a_write_off_is_undone_and_then_credited(ana: None) -> None:
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="x", vat_relief=True)
    refused("invoice_written_off", "credit_note", "2026-01-21", account="ana", invoice="1", reason="Never delivered")
    do("recover", "2026-01-21", account="ana", invoice="1", amount="4.14")
    do("reinstate", "2026-01-21", account="ana", invoice="1", reason="By mistake")
    assert row("INV-000001", *STATE) == ("open", "20.00", "4.14", "4.14")
    do("credit_note", "2026-01-22", account="ana", invoice="1", reason="Never delivered", total="20.00")
    assert owed() == 0


def test_a_cancellation_that_would_credit_a_written_off_document_is_refused(ana: None) -> None:
    """Nobody gets credit for what was never paid."""
    do("write_off", "2026-01-20", account="ana", invoice="1", reason="x")
    error = refused("invoice_written_off", "cancel", "2026-01-21", account="ana", when="now", credit_unused=True)
    assert "reinstate" in error.message
    do("reinstate", "2026-01-21", account="ana", invoice="1", reason="The contract ends early")
    do("cancel", "2026-01-21", account="ana", when="now", credit_unused=True)
    advance("2026-02-01")
    assert documents()[1][0] == "credit_note"


def test_a_balance_that_was_brought_over_is_written_off_without_tax(ana: None) -> None:
    do("open_balance", "2026-01-03", account="ana", amount="50.00")
    do("write_off", "2026-01-20", account="ana", invoice="2", reason="x", vat_relief=True)
    assert postings("invoice.written_off") == [("expense:bad-debt", "50.00"), ("receivable", "-50.00")]


def test_tax_is_relieved_only_as_the_policy_allows(ana: None) -> None:
    rule = "currency: EUR\nrelief: {most: 20, days: 30, notified: yes, service_off: yes}\n"
    do("publish_policy", source=rule)
    with pytest.raises(NotAllowed) as caught:
        do("write_off", "2026-02-14", account="ana", invoice="1", reason="Gone", vat_relief="yes")
    assert caught.value.code == "relief_not_due"
    assert caught.value.message.endswith(
        "24.14 is more than 20; needs more than 30 days overdue, not 30; the debtor was not told; the service is still on"
    )
    do("cancel", "2026-01-20", account="ana", when="2026-02-01")
    do("write_off", "2026-02-15", account="ana", invoice="1", amount="20.00", reason="Gone", vat_relief="yes", notified="yes")
    assert balance("tax:vat") == Decimal("-0.72")
