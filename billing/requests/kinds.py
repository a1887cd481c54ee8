"""Which commands can be asked for, and how each is taken back: by a command that answers it, never by a change of what stands. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billing.house.policy import SUPERVISED
from billing.journal import Recorded

Arguments = Mapping[str, Any]
#: From the arguments of what was done and its events to the command that takes it back; None where nothing does.
Undo = Callable[[Arguments, Sequence[Recorded]], tuple[str, dict[str, Any]] | None]


def _first(events: Sequence[Recorded], kind: str) -> Any:
    return next((recorded.event for recorded in events if recorded.event.kind == kind), None)


def _adjust(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    made = _first(events, "adjustment.made")
    kept = {name: arguments[name] for name in ("contract", "item", "tax", "invoice", "currency", "name") if name in arguments}
    return ("adjust", {**kept, "amount": str(-made.amount)}) if made else None


def _credit_note(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    """By a debit note of the same amount, where one line says which taxes hold."""
    del arguments
    note = _first(events, "credit_note.issued")
    if note is None or not note.invoice:
        return None
    amount = sum((line.amount for line in note.lines), Decimal(0))
    taxed = any(tax.tax for line in note.lines for tax in line.taxes)
    positions = {line.corrects.rpartition("#")[2] for line in note.lines}
    line = {"line": next(iter(positions))} if len(positions) == 1 and next(iter(positions)).isdigit() else {}
    return "debit_note", {"invoice": note.invoice, "amount": str(amount), "taxed": "yes" if taxed else "no", **line}


def _debit_note(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    del arguments
    note = _first(events, "invoice.issued")
    return ("credit_note", {"invoice": note.invoice}) if note else None


def _discount(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    del arguments
    attached = next((recorded for recorded in events if recorded.event.kind == "discount.attached"), None)
    return ("end_discount", {"discount": attached.address}) if attached else None


def _grant(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    del arguments
    granted = next((recorded for recorded in events if recorded.event.kind == "wallet.granted"), None)
    return ("void_grant", {"grant": granted.address}) if granted else None


def _refund(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    del arguments
    asked = _first(events, "refund.requested")
    return ("fail_refund", {"refund": asked.refund}) if asked else None


def _write_off(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    del arguments
    written = _first(events, "invoice.written_off")
    return ("reinstate", {"invoice": written.invoice, "amount": str(written.amount)}) if written else None


def _nothing(arguments: Arguments, events: Sequence[Recorded]) -> tuple[str, dict[str, Any]] | None:
    del arguments, events


#: command → how it is taken back.
REQUESTABLE: Mapping[str, Undo] = {
    "adjust": _adjust,
    "apply_coupon": _discount,
    "change_price": _nothing,
    "credit_note": _credit_note,
    "debit_note": _debit_note,
    "discount": _discount,
    "end_discount": _nothing,
    "erase_person": _nothing,
    "fail_refund": _nothing,
    "forfeit_deposit": _nothing,
    "grant": _grant,
    "merge_accounts": _nothing,
    "merge_contacts": _nothing,
    "recover": _nothing,
    "refund": _refund,
    "refund_wallet": _nothing,
    "reinstate": _nothing,
    "void": _nothing,
    "void_grant": _nothing,
    "write_off": _write_off,
}

#: Commands that nobody does alone, whatever his limit: what is published (asked for by `request_publication`), and what people lose.
ALWAYS_ASKED = frozenset({"publish_draft", *SUPERVISED})
