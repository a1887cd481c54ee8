"""Security deposits, and debit notes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk
from tests.books import balance, do, documents, lines, owed
from tests.payments.helpers import postings, refused, row

pytestmark = pytest.mark.django_db


def left() -> list[str]:
    return [f"{amount:.2f}" for (amount,) in bulk.fetch('SELECT "left" FROM read_deposit ORDER BY sequence')]


def test_a_deposit_pays_nothing_until_it_is_applied_and_the_rest_goes_back(ana: None) -> None:
    do("take_deposit", "2026-01-02", account="ana", amount="500.00", name="Keys")
    assert (postings("deposit.taken"), owed()) == ([("cash:transfer", "500.00"), ("deposits", "-500.00")], Decimal("24.14"))
    do("apply_deposit", "2026-01-20", account="ana", invoices=["INV-000001"])
    assert (postings("deposit.applied"), owed(), left()) == ([("deposits", "24.14"), ("receivable", "-24.14")], Decimal(0), ["475.86"])
    do("forfeit_deposit", "2026-01-21", account="ana", amount="75.86", reason="Broken lock")
    outcome = do("release_deposit", "2026-01-21", account="ana", channel="cash")
    assert [one.event.kind for one in outcome.events] == ["deposit.released", "refund.settled"]
    assert left() == ["0.00"]
    assert [balance(name) for name in ("deposits", "revenue:forfeited-deposits", "cash:cash", "cash:transfer", "credit")] == [
        Decimal(amount) for amount in ("0", "-75.86", "-400", "500", "0")
    ]
    refused("more_than_left", "release_deposit", "2026-01-22", account="ana")


def test_wrong_deposits_are_refused(ana: None) -> None:
    refused("unknown_thing", "release_deposit", "2026-01-02", account="ana")
    do("take_deposit", "2026-01-02", account="ana", amount="10.00")
    do("take_deposit", "2026-01-02", account="ana", amount="20.00", reference="D-2")
    refused("more_than_left", "forfeit_deposit", "2026-01-02", account="ana", amount="20.01", reason="x")
    refused("more_than_left", "release_deposit", "2026-01-02", account="ana", deposit="1", amount="10.01")
    refused("out_of_range", "take_deposit", "2026-01-02", account="ana", amount="-1.00")
    do("pay", "2026-01-02", account="ana", amount="24.14")
    refused("nothing_open", "apply_deposit", "2026-01-03", account="ana")
    refused("invoice_paid", "apply_deposit", "2026-01-03", account="ana", invoices=["1"])


def test_a_release_that_fails_is_credit(ana: None) -> None:
    do("take_deposit", "2026-01-02", account="ana", amount="10.00")
    do("release_deposit", "2026-01-03", account="ana", settle="later")
    assert bulk.fetch("SELECT deposit <> '', status FROM read_refund") == [(True, "requested")]
    do("fail_refund", "2026-01-04", account="ana", reason="Account closed")
    assert (balance("credit"), balance("refunds_payable"), left()) == (Decimal(-10), Decimal(0), ["0.00"])


# --- debit notes


def test_a_debit_note_adds_a_document_at_the_taxes_of_the_invoice(ana: None) -> None:
    outcome = do("debit_note", "2026-01-05", account="ana", invoice="INV-000001", amount="10.00", reason="Reading corrected")
    assert [one.event.kind for one in outcome.events] == ["adjustment.made", "invoice.issued"]
    assert documents()[1] == ("debit_note", "DN-000001", "12.10", "12.10")
    assert lines("DN-000001") == [("", "10.00", "2.10")]
    assert (row("DN-000001", "corrects"), owed()) == (row("INV-000001", "invoice"), Decimal("36.24"))
    assert bulk.fetch("SELECT due - issued FROM read_invoice ORDER BY sequence") == [(14,), (14,)]
    do("pay", "2026-01-06", account="ana", amount="12.10", invoices=["2"])
    assert row("DN-000001", "status", "open") == ("paid", "0.00")
    do("credit_note", "2026-01-07", account="ana", invoice="DN-000001", reason="It was right before", refund=True)
    assert row("DN-000001", "status", "credited") == ("credited", "12.10")
    assert balance("credit") == 0


def test_a_debit_note_may_bear_no_tax_and_be_voided(ana: None) -> None:
    do("debit_note", "2026-01-05", account="ana", invoice="1", amount="3.00", reason="Late fee", taxed=False)
    assert documents()[1] == ("debit_note", "DN-000001", "3.00", "3.00")
    do("void", "2026-01-06", account="ana", invoice="DN-000001", reason="By mistake", forgive=True)
    assert owed() == Decimal("24.14")
    refused("out_of_range", "debit_note", "2026-01-06", account="ana", invoice="1", amount="3.00", reason="x", line="2")
    refused("out_of_range", "debit_note", "2026-01-06", account="ana", invoice="1", amount="0", reason="x")
    refused("invoice_void", "debit_note", "2026-01-06", account="ana", invoice="DN-000001", amount="1.00", reason="x")


def test_the_preview_of_a_debit_note_bears_no_number(ana: None) -> None:
    preview = do("debit_note", "2026-01-05", account="ana", invoice="1", amount="3.00", reason="x", dry_run=True)
    event = preview.events[-1].event
    assert (event.number, event.total) == ("draft ana/7", Decimal("3.63"))  # type: ignore[attr-defined]
