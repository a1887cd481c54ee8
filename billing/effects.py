"""What the outside world is owed by an event: a row, written with the event. `billing/delivery.py` delivers it later, elsewhere.

The settings list who knows what an event owes (`BILLING_EFFECTS_OWED_BY`, dotted paths to functions) and who delivers which kind
(`BILLING_EFFECT_HANDLERS`). What is owed to a list of receivers that only the database knows is asked for a whole batch at once
(`BILLING_EFFECTS_OF_BATCH`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from billing import bulk
from billing.codec import canonical
from billing.events import (
    AccountParked,
    ChangeQuestioned,
    ContractReminded,
    CreditNoteIssued,
    EffectRetried,
    Event,
    InvoiceIssued,
    StockLow,
    TopUpDeclined,
    WalletLow,
)
from billing.journal import Recorded


class OwedOfBatch(NamedTuple):
    """One effect of an event that owes many: `receiver` follows the kind in the effect's id, and it is due so long after the event."""

    recorded: Recorded
    kind: str
    receiver: str
    payload: dict[str, Any]
    after: timedelta = timedelta(0)


EFFECT_COLUMNS = "id kind account stream sequence payload state due_at attempt last_error".split()

Owed = tuple[str, dict[str, Any]]


class OwedBy(Protocol):
    """(kind, payload) of each effect that an event owes. Pure; an event owes at most one effect of a kind. A payload that names an
    `account` belongs to it, else to the stream of the event."""

    def __call__(self, event: Event, /) -> list[Owed]: ...


KINDS = "owing_kinds"


def owed_of(*kinds: type[Event]) -> Callable[[Callable[[Any], list[Owed]]], OwedBy]:
    """Of which kinds of events the function is asked: of no others, because a run records thousands that owe nothing."""

    def marked(find: Callable[[Any], list[Owed]]) -> OwedBy:
        setattr(find, KINDS, kinds)
        return find

    return marked


@owed_of(InvoiceIssued, CreditNoteIssued, AccountParked, ChangeQuestioned, ContractReminded, WalletLow, TopUpDeclined, StockLow)
def owed_by(event: Event) -> list[Owed]:
    """What the events of billing owe."""
    if isinstance(event, InvoiceIssued):
        return [("document.send", {"document": event.document, "id": event.invoice})]
    if isinstance(event, CreditNoteIssued):
        return [("document.send", {"document": "credit_note", "id": event.credit_note})]
    if isinstance(event, AccountParked):
        return [("staff.notify", {"code": event.code, "reason": event.reason})]
    if isinstance(event, ChangeQuestioned):
        return [("staff.notify", {"code": event.code, "reason": event.message, "change": event.change})]
    if isinstance(event, ContractReminded):
        told = {"contract": event.contract, "name": event.name, "end": event.end.isoformat(), "deadline": event.deadline.isoformat()}
        return [("contract.remind", told | {"renews": event.renews})]
    if isinstance(event, WalletLow):
        return [("wallet.top_up", {"unit": event.unit, "currency": event.currency, "amount": format(event.amount, "f")})]
    if isinstance(event, TopUpDeclined) and event.again is None:
        return [("staff.notify", {"code": event.code, "reason": event.reason, "unit": event.unit})]
    if isinstance(event, StockLow):
        return [("stock.low", {"item": event.item, "location": event.location, "free": format(event.free, "f")})]
    return []


@cache
def _batch_finders() -> tuple[Callable[[Sequence[Recorded]], list[OwedOfBatch]], ...]:
    return tuple(import_string(path) for path in settings.BILLING_EFFECTS_OF_BATCH)


@cache
def _foreseeing() -> tuple[Callable[[], None], ...]:
    return tuple(import_string(path) for path in settings.BILLING_EFFECTS_FORESEEN)


def foresee() -> None:
    """Events are about to be recorded: what their effects are asked of the database may be asked already."""
    for ask in _foreseeing():
        ask()


@cache
def _finders() -> tuple[OwedBy, ...]:
    return tuple(import_string(path) for path in settings.BILLING_EFFECTS_OWED_BY)


def owe(batch: Sequence[Recorded]) -> None:
    """Write one row per effect; its id is the event's address and the kind (and the receiver, where there are several), so that it exists
    once. What is retried is owed again."""
    classes = {type(recorded.event) for recorded in batch}
    asked = {kind: [find for find in _finders() if issubclass(kind, getattr(find, KINDS))] for kind in classes}
    owed = [
        OwedOfBatch(recorded, kind, "", payload)
        for recorded in batch
        for find in asked[type(recorded.event)]
        for kind, payload in find(recorded.event)
    ]
    owed += [one for find_all in _batch_finders() for one in find_all(batch)]
    bulk.copy("effect", EFFECT_COLUMNS, [_row(one) for one in owed])
    again = {recorded.event.effect: recorded.effective_at for recorded in batch if isinstance(recorded.event, EffectRetried)}
    bulk.execute(
        "UPDATE effect SET state = 'owed', due_at = given.at, failures = 0 FROM {rows} WHERE effect.id = given.id AND state = 'failed'",
        {"id": ("text", list(again)), "at": ("timestamptz", list(again.values()))},
    )


def _row(owed: OwedOfBatch) -> tuple[Any, ...]:
    recorded, kind, receiver, payload, after = owed
    identity = f"{recorded.address}/{kind}{receiver}"
    told = canonical(payload).decode()
    owner = payload.get("account", recorded.stream)
    return identity, kind, owner, recorded.stream, recorded.sequence, told, "owed", recorded.effective_at + after, 0, ""
