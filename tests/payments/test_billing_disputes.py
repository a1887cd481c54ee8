"""The customer disputes a part of a document: only that part is held, until it is credited or due again."""

from __future__ import annotations

import pytest

from billing import bulk
from billing.queries.status import status
from tests.books import advance, do, documents, moment
from tests.payments.helpers import refused, row

pytestmark = pytest.mark.django_db


def overdue(at: str) -> str:
    return f"{status('ana', at=moment(at)).in_currency('EUR').overdue:.2f}"


def holds() -> list[tuple[str, str]]:
    return [(f"{amount:.2f}", state) for amount, state in bulk.fetch("SELECT amount, status FROM read_hold ORDER BY sequence")]


def test_only_the_disputed_part_is_not_overdue(ana: None) -> None:
    assert overdue("2026-01-20") == "24.14"
    do("dispute", "2026-01-18", account="ana", invoice="1", amount="10.00", reason="Down for ten days")
    assert (row("INV-000001", "open", "held"), overdue("2026-01-20")) == (("24.14", "10.00"), "14.14")
    do("pay", "2026-01-19", account="ana", amount="14.14")
    assert overdue("2026-01-20") == "0.00"
    do("resolve_dispute", "2026-01-21", account="ana", outcome="rejected", reason="The log shows two hours")
    assert (row("INV-000001", "open", "held"), overdue("2026-01-22")) == (("10.00", "0.00"), "10.00")
    assert holds() == [("10.00", "rejected")]
    refused("dispute_closed", "resolve_dispute", "2026-01-22", account="ana", outcome="upheld")


def test_upheld_becomes_a_credit_note_of_the_amount(ana: None) -> None:
    do("dispute", "2026-01-18", account="ana", invoice="1", amount="12.10", reason="Half of it")
    refused("invoice_disputed", "void", "2026-01-18", account="ana", invoice="1", reason="x")
    outcome = do("resolve_dispute", "2026-01-21", account="ana", outcome="upheld")
    assert [one.event.kind for one in outcome.events] == ["invoice.hold_released", "credit_note.issued"]
    assert (documents()[1][2], row("INV-000001", "open", "held")) == ("12.10", ("12.04", "0.00"))


def test_upheld_in_part(ana: None) -> None:
    do("dispute", "2026-01-18", account="ana", invoice="1", reason="All of it")
    refused("more_than_disputed", "resolve_dispute", "2026-01-21", account="ana", outcome="upheld", amount="24.15")
    refused("conflict", "resolve_dispute", "2026-01-21", account="ana", outcome="rejected", amount="1.00")
    refused("unknown_choice", "resolve_dispute", "2026-01-21", account="ana", outcome="lost")
    do("resolve_dispute", "2026-01-21", account="ana", outcome="upheld", amount="12.10")
    assert row("INV-000001", "open", "held") == ("12.04", "0.00")


def test_lines_are_disputed_and_credited(ana: None) -> None:
    do("sell", "2026-01-03", account="ana", item="ticket", quantity="2", invoice="now")
    do("sell", "2026-01-03", account="ana", item="ticket", invoice="next_invoice")
    advance("2026-02-01")  # the third document: a ticket and a fee
    do("dispute", "2026-02-05", account="ana", invoice="INV-000003", lines=["1"], reason="Never went")
    do("resolve_dispute", "2026-02-06", account="ana", outcome="upheld")
    assert (row("INV-000003", "held"), row("CN-000001", "corrects")) == (("0.00",), row("INV-000003", "invoice"))
    assert row("CN-000001", "total") in (("11.50",), ("24.14",))


def test_what_can_not_be_disputed_is_refused(ana: None) -> None:
    refused("more_than_open", "dispute", "2026-01-05", account="ana", invoice="1", amount="24.15", reason="x")
    refused("conflict", "dispute", "2026-01-05", account="ana", invoice="1", amount="1.00", lines=["1"], reason="x")
    refused("unknown_invoice", "dispute", "2026-01-05", account="ana", invoice="7", reason="x")
    do("dispute", "2026-01-05", account="ana", invoice="1", amount="20.00", reason="x")
    refused("more_than_open", "dispute", "2026-01-05", account="ana", invoice="1", amount="4.15", reason="x")
    do("dispute", "2026-01-05", account="ana", invoice="1", reason="x")
    refused("nothing_open", "dispute", "2026-01-05", account="ana", invoice="1", reason="x")
    assert holds() == [("20.00", "open"), ("4.14", "open")]
    refused("unknown_thing", "resolve_dispute", "2026-01-05", account="ana", outcome="upheld", dispute="9")


def test_a_disputed_part_may_be_paid_all_the_same(ana: None) -> None:
    do("dispute", "2026-01-05", account="ana", invoice="1", reason="x")
    do("pay", "2026-01-06", account="ana", amount="24.14")
    assert row("INV-000001", "open", "status") == ("0.00", "paid")
    do("resolve_dispute", "2026-01-07", account="ana", outcome="upheld")
    assert row("INV-000001", "status", "held") == ("credited", "0.00")
