"""What a command would do, as the engine's dry run says it; and what of that differs from what was shown before.

A preview leaves out what may differ without anybody minding: days, addresses and numbers that are drawn when it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.engine import Request, execute
from billing.events import CreditNoteIssued, InvoiceIssued, Moved, Preview, ShownDocument
from billing.journal import Recorded
from billing.requests.guarding import asking
from billing.stored import afresh
from plans import store
from plans.money import plain

ZERO = Decimal(0)
NEW = "new"


@dataclass(frozen=True)
class Asked:
    """A command with its arguments, and who would run it when."""

    command: str
    arguments: Mapping[str, Any]
    at: datetime
    known_at: datetime
    actor: str


def preview_of(asked: Asked) -> Preview:
    """Run the command dry. Raises the command's own refusal. What it reads on the way is not what stands: it is undone."""
    with afresh(), asking():
        outcome = execute(Request(asked.command, asked.arguments, asked.at, asked.actor, known_at=asked.known_at), dry_run=True)
    store.forget()  # a catalogue that it published is not there any more
    return summed(outcome.events)


def summed(events: Sequence[Recorded]) -> Preview:
    """What the events move and make."""
    made = {recorded.address for recorded in events}
    sums: dict[tuple[str, str, str], Decimal] = {}
    for recorded in events:
        entry = getattr(recorded.event, "entry", None)
        for posting in entry.postings if entry else ():
            document = NEW if posting.invoice in made else posting.invoice
            key = posting.ledger, posting.currency, document
            sums[key] = sums.get(key, ZERO) + posting.amount
    moves = tuple(
        Moved(ledger=ledger, currency=currency, amount=amount, document=document)
        for (ledger, currency, document), amount in sorted(sums.items())
        if amount
    )
    return Preview(kinds=tuple(recorded.event.kind for recorded in events), moves=moves, documents=tuple(_documents(events)))


def _documents(events: Iterable[Recorded]) -> Iterator[ShownDocument]:
    for recorded in events:
        event = recorded.event
        if isinstance(event, InvoiceIssued):
            yield ShownDocument(kind=event.document, total=event.total, currency=event.currency, corrects=event.corrects_number)
        if isinstance(event, CreditNoteIssued):
            yield ShownDocument(kind="credit_note", total=event.total, currency=event.currency, corrects=event.invoice_number)


def amount_of(preview: Preview, arguments: Mapping[str, Any], currency: str) -> tuple[Decimal | None, str]:
    """What is decided about: all that moves from ledger to ledger, or the amount that the arguments say, whichever is more, in the one
    currency that it is in. None where nothing says how much, or several currencies are moved."""
    by_ledger: dict[tuple[str, str], Decimal] = {}
    for move in preview.moves:
        by_ledger[move.currency, move.ledger] = by_ledger.get((move.currency, move.ledger), ZERO) + move.amount
    currencies = {one for one, _ in by_ledger}
    if len(currencies) > 1:
        return None, currency
    moved = sum((amount for amount in by_ledger.values() if amount > 0), ZERO)
    said = arguments.get("amount")
    amounts = [amount for amount in (moved, abs(said) if isinstance(said, Decimal) else ZERO) if amount]
    return max(amounts, default=None), next(iter(currencies), currency)


def differences(shown: Preview, now: Preview) -> list[str]:
    """What would be done otherwise than was shown, in words; nothing where it is the same."""
    found = []
    before, after = _amounts(shown.moves), _amounts(now.moves)
    for key in sorted({*before, *after}):
        was, will = before.get(key, ZERO), after.get(key, ZERO)
        if was != will:
            ledger, currency, document = key
            of = f" of {document}" if document else ""
            found.append(f"{ledger}{of} would move by {plain(will)} {currency}, not by {plain(was)}")
    if shown.documents != now.documents:
        found.append(f"the documents would be {_said(now.documents)}, not {_said(shown.documents)}")
    if not found and shown.kinds != now.kinds:
        found.append(f"what happens would be {', '.join(now.kinds)}, not {', '.join(shown.kinds)}")
    return found


def _amounts(moves: Sequence[Moved]) -> dict[tuple[str, str, str], Decimal]:
    """By ledger, currency and document. How much of what is taken back was earned already changes with every day and is nobody's decision:
    `deferred` counts as `credit_notes`."""
    found: dict[tuple[str, str, str], Decimal] = {}
    for one in moves:
        key = ledgers.CREDIT_NOTES if one.ledger == ledgers.DEFERRED else one.ledger, one.currency, one.document
        found[key] = found.get(key, ZERO) + one.amount
    return found


def _said(documents: Sequence[ShownDocument]) -> str:
    return ", ".join(f"{one.kind} {plain(one.total)} {one.currency}" for one in documents) or "none"
