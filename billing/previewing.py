"""A preview as a page shows it: events in words, documents with their lines, balances before and after, effects that would be owed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
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


Say = Callable[[Decimal, str], str]  # an amount of a currency in words


def shown_preview(outcome: Outcome, *, say: Say = money_text, say_total: Say | None = None) -> Shown:
    """The preview of a dry run. Balances are what is owed less the credit; equal ones are shown too, so that nothing is guessed."""
    preview = outcome.preview
    if preview is None:
        raise ValueError("the outcome is of no dry run")
    names = list(dict.fromkeys([*preview.before, *preview.after]))
    return Shown(
        token=preview.token,
        events=tuple((one, summary(one.event)) for one in outcome.events),
        documents=tuple(_document(event, say, say_total or _with_currency) for event in preview.documents),
        balances=tuple(
            (*name, say(preview.before.get(name, ZERO), name[1]), say(preview.after.get(name, ZERO), name[1])) for name in names
        ),
        effects=tuple(kind if count == 1 else f"{kind} × {count}" for kind, count in Counter(kind for kind, _ in preview.effects).items()),
    )


def _with_currency(amount: Decimal, currency: str) -> str:
    return f"{money_text(amount, currency)} {currency}"


def _document(event: Any, say: Say, say_total: Say) -> ShownDocument:
    kind = getattr(event, "document", "credit_note").replace("_", " ")
    lines = tuple(
        (line.name, plain(line.quantity), say(line.amount, event.currency), say(line.tax, event.currency)) for line in event.lines
    )
    return ShownDocument(kind, say_total(event.total, event.currency), lines)
