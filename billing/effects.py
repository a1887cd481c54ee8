"""What the outside world is owed by an event: rows, written with the event; delivery happens elsewhere and later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billing import bulk
from billing.codec import canonical
from billing.events import AccountParked, CreditNoteIssued, Event, InvoiceIssued, WalletLow
from billing.journal import Recorded

EFFECT_COLUMNS = "id kind account stream sequence payload state due_at attempt last_error".split()


def owed_by(event: Event) -> list[tuple[str, dict[str, Any]]]:
    """(kind, payload) of each effect that the event owes."""
    if isinstance(event, InvoiceIssued):
        return [("document.send", {"document": event.document, "id": event.invoice})]
    if isinstance(event, CreditNoteIssued):
        return [("document.send", {"document": "credit_note", "id": event.credit_note})]
    if isinstance(event, AccountParked):
        return [("staff.notify", {"code": event.code, "reason": event.reason})]
    if isinstance(event, WalletLow):
        return [("wallet.top_up", {"unit": event.unit, "currency": event.currency, "amount": format(event.amount, "f")})]
    return []


def owe(batch: Sequence[Recorded]) -> None:
    """Write one row per effect; its id is the event's address and the kind, so that it exists once."""
    rows = [
        (
            f"{recorded.address}/{kind}",
            kind,
            recorded.stream,
            recorded.stream,
            recorded.sequence,
            canonical(payload).decode(),
            "owed",
            recorded.effective_at,
            0,
            "",
        )
        for recorded in batch
        for kind, payload in owed_by(recorded.event)
    ]
    bulk.copy("effect", EFFECT_COLUMNS, rows)
