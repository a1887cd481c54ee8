"""One document as plain values, before any language. Amounts are in the document's currency, spans are half-open, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from billing.events import DocumentLine, DocumentTax

Kind = Literal[
    "invoice",
    "debit_note",
    "credit_note",
    "statement",
    "receipt",
    "account_statement",
    "payment_plan",
    "reminder",
    "declined",
    "confirmation",
]

#: On these the customer owes, so they say how to pay.
PAYABLE = ("invoice", "debit_note", "payment_plan", "reminder", "declined", "confirmation")


@dataclass(frozen=True)
class Party:
    """Who sells or buys, as the document froze it; of an erased person only the account is left."""

    name: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    tax_id: str = ""
    email: str = ""
    telephone: str = ""
    website: str = ""
    text: str = ""
    erased: bool = False  # what the document showed of the person is gone


@dataclass(frozen=True)
class Bank:
    """Where a transfer goes. `text` is what the catalogue says in words."""

    iban: str = ""
    bic: str = ""
    text: str = ""


@dataclass(frozen=True)
class Fact:
    """One thing beside the lines: its label (a key of `words.FACTS`) and a text, an amount, a day or a span."""

    label: str
    value: str | Decimal | date | tuple[date, date]  # two days: from and to, both included


@dataclass(frozen=True)
class Sum:
    """One of the sums at the foot. `strong`: the one that the reader looks for."""

    label: str
    amount: Decimal
    strong: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Movement:
    """One row of a statement of account: what it added to the balance, and the balance after it."""

    at: datetime
    kind: str
    number: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True)
class Share:
    """What of a payment went to a document."""

    number: str
    amount: Decimal


@dataclass(frozen=True)
class Instalment:
    position: int
    due: date
    principal: Decimal
    interest: Decimal
    amount: Decimal
    open: Decimal


@dataclass(frozen=True)
class Claim:
    """An open document that a reminder is about."""

    number: str
    issued: date
    due: date
    days: int  # since it was due; negative: until it is
    open: Decimal


@dataclass(frozen=True)
class Document:
    kind: Kind
    id: str
    number: str
    account: str
    currency: str
    locale: str
    zone: str
    issued: date
    at: datetime
    seller: Party
    buyer: Party
    due: date | None = None
    facts: tuple[Fact, ...] = ()
    lines: tuple[DocumentLine, ...] = ()
    taxes: tuple[DocumentTax, ...] = ()
    movements: tuple[Movement, ...] = ()
    shares: tuple[Share, ...] = ()
    instalments: tuple[Instalment, ...] = ()
    claims: tuple[Claim, ...] = ()
    sums: tuple[Sum, ...] = ()
    by_day: tuple[tuple[date, Decimal, str], ...] = ()  # paid until the day it costs the amount; what comes on top in words of `BY_DAY`
    mentions: tuple[Mapping[str, str], ...] = ()  # what the law wants said: language ("" any) → text, as it was published
    inclusive: bool = False  # the lines' amounts hold their tax
    void: str | None = None  # the reason why it does not count any more
    payable: Decimal = Decimal(0)  # what the reader is asked to pay
    bank: Bank = field(default_factory=Bank)
    link: str = ""  # where it can be paid
