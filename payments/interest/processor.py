"""Which documents the clockwork has to look at for interest although nothing is open on them."""

from __future__ import annotations

from datetime import date

from billing import bulk
from billing.events import ChargeAccrued, CreditNoteIssued, InvoiceVoided, OpenMoved
from billing.journal import Recorded
from billing.pipeline import Batch

ITEM = "late-interest"


def process(batch: Batch) -> None:
    """Runs after the documents: it asks their rows for the due date."""
    moved: dict[str, date | None] = {}
    for recorded, event in batch.of(OpenMoved, CreditNoteIssued, InvoiceVoided, ChargeAccrued):
        if isinstance(event, ChargeAccrued):
            if event.key.item == ITEM and event.attributes.get("settled"):
                moved[event.key.terms.partition("@")[0]] = None
        else:
            for invoice in _documents(event):
                moved[invoice] = max(moved.get(invoice) or date.min, _known(recorded))
    settled = [invoice for invoice, known in moved.items() if known is None]
    late = {invoice: known for invoice, known in moved.items() if known is not None}
    bulk.execute(
        """DELETE FROM read_late_document d USING {rows} WHERE d.invoice = given.invoice
            AND NOT EXISTS (SELECT 1 FROM read_pay_by p WHERE p.invoice = d.invoice AND p.percent > 0)""",
        {"invoice": ("text", settled)},
    )
    bulk.execute(
        """INSERT INTO read_late_document (invoice, account) SELECT i.invoice, i.account FROM {rows}
            JOIN read_invoice i ON i.invoice = given.invoice WHERE i.due < given.known ON CONFLICT DO NOTHING""",
        {"invoice": ("text", list(late)), "known": ("date", list(late.values()))},
    )


def _documents(event: OpenMoved | CreditNoteIssued | InvoiceVoided) -> list[str]:
    if isinstance(event, OpenMoved):
        return [one.invoice for one in event.allocations]
    return [event.invoice] if event.invoice else []


def _known(recorded: Recorded) -> date:
    """The day on which it was recorded or counts, whichever is later: a payment that was recorded late is a change of the past."""
    return max(recorded.recorded_at, recorded.effective_at).date()
