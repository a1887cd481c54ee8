"""A preview in a customer's words: what is owed before and after, the documents line by line, and what follows besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing.engine import Outcome
from billing.events import ChangeScheduled, ContractCancelled, CreditNoteIssued, InvoiceHeld
from billing.portal.words import money, spoken
from payments.documents.words import Speech
from payments.instalments.events import InstalmentsAgreed

ZERO = Decimal(0)


@dataclass(frozen=True)
class Balance:
    """What is owed in one currency; less than nothing is the customer's credit."""

    before: str
    after: str
    moves: bool


@dataclass(frozen=True)
class Line:
    name: str
    span: str
    quantity: str
    amount: str
    tax: str


@dataclass(frozen=True)
class Document:
    kind: str
    total: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Foretold:
    """`follows`: sentences on what else comes of it. `instalments`: (day, sum) of a payment plan."""

    balances: tuple[Balance, ...]
    documents: tuple[Document, ...]
    follows: tuple[str, ...]
    instalments: tuple[tuple[str, str], ...]


def foretold(outcome: Outcome, *, at: datetime, zone: str) -> Foretold:
    """The preview of a dry run."""
    preview, said = outcome.preview, spoken(zone)
    if preview is None:
        raise ValueError("the outcome is of no dry run")
    names = list(dict.fromkeys([*preview.before, *preview.after]))
    return Foretold(
        balances=tuple(_balance(name[1], preview.before.get(name, ZERO), preview.after.get(name, ZERO)) for name in names),
        documents=tuple(_document(event, said) for event in preview.documents),
        follows=tuple(_follows(outcome, at, said)),
        instalments=tuple(_instalments(outcome, said)),
    )


def _balance(currency: str, before: Decimal, after: Decimal) -> Balance:
    return Balance(_stand(before, currency), _stand(after, currency), before != after)


def _stand(amount: Decimal, currency: str) -> str:
    return money(amount, currency) if amount >= 0 else _("%(amount)s in your favour") % {"amount": money(-amount, currency)}


def _document(event: Any, said: Speech) -> Document:
    kind = "credit_note" if isinstance(event, CreditNoteIssued) else event.document
    lines = (
        Line(
            name=line.name,
            span=said.span(line.start, line.end) if line.amount >= 0 else _("credit on what is billed already"),
            quantity=f"{said.number(line.quantity)} {line.unit}".strip(),
            amount=money(line.amount, event.currency),
            tax=money(line.tax, event.currency),
        )
        for line in event.lines
    )
    return Document(kind, money(event.total, event.currency), tuple(lines))


def _follows(outcome: Outcome, at: datetime, said: Speech) -> Iterator[str]:
    for one in outcome.events:
        event = one.event
        if isinstance(event, ContractCancelled) and event.end is not None:
            if event.end > at:
                day = {"day": said.local_day(event.end)}
                yield _("It ends on %(day)s. Until then it goes on, what is used is billed, and you can keep it after all.") % day
            else:
                yield _("It ends at once. There is no way back but to take a plan anew.")
        elif isinstance(event, ChangeScheduled):
            yield _("It happens on %(day)s. Until then you can withdraw it.") % {"day": said.local_day(event.moment)}
        elif isinstance(event, InvoiceHeld):
            yield _("Until we decide, we do not collect %(amount)s of it.") % {"amount": money(event.amount, event.currency)}


def _instalments(outcome: Outcome, said: Speech) -> Iterator[tuple[str, str]]:
    for one in outcome.events:
        if isinstance(one.event, InstalmentsAgreed):
            for part in one.event.instalments:
                yield said.day(part.due), money(part.principal + part.interest, one.event.currency)
