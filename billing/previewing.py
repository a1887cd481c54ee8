"""A preview as a page shows it: events in words, documents with their lines, balances before and after, effects that would be owed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.engine import Outcome
from billing.queries.history import summary
from billing.queries.status import money_text
from plans.money import plain

ZERO = Decimal(0)


@dataclass(frozen=True)
class ShownDocument:
    title: str
    total: str
    lines: tuple[tuple[str, str, str, str], ...]  # name, quantity, amount, tax


@dataclass(frozen=True)
class Shown:
    token: str
    events: tuple[tuple[Any, str], ...]
    documents: tuple[ShownDocument, ...]
    balances: tuple[tuple[str, str, str, str], ...]  # account, currency, before, after
    effects: tuple[str, ...]


def shown_preview(outcome: Outcome) -> Shown:
    """The preview of a dry run. Balances are what is owed less the credit; equal ones are shown too, so that nothing is guessed."""
    preview = outcome.preview
    if preview is None:
        raise ValueError("the outcome is of no dry run")
    names = list(dict.fromkeys([*preview.before, *preview.after]))
    return Shown(
        token=preview.token,
        events=tuple((one, summary(one.event)) for one in outcome.events),
        documents=tuple(_document(event) for event in preview.documents),
        balances=tuple(
            (*name, money_text(preview.before.get(name, ZERO), name[1]), money_text(preview.after.get(name, ZERO), name[1]))
            for name in names
        ),
        effects=tuple(kind if count == 1 else f"{kind} × {count}" for kind, count in Counter(kind for kind, _ in preview.effects).items()),
    )


def _document(event: Any) -> ShownDocument:
    kind = getattr(event, "document", "credit_note").replace("_", " ")
    lines = tuple(
        (line.name, plain(line.quantity), money_text(line.amount, event.currency), money_text(line.tax, event.currency))
        for line in event.lines
    )
    return ShownDocument(kind, f"{money_text(event.total, event.currency)} {event.currency}", lines)
