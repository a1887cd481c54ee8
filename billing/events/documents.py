"""Documents: what is owed, and what is taken back of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from billing.events.accounts import Place
from billing.events.base import Entry, Event
from billing.events.books import Released
from plans.frozen import frozen


@frozen(kw_only=True)
class LineTax:
    code: str
    name: str
    rate: str  # percent, exact text; "" for an amount per unit
    base: Decimal
    tax: Decimal
    reason: str = ""  # why nothing is due: exempt, reverse charge


@frozen(kw_only=True)
class DocumentLine:
    """One line. `charges` are the addresses (`account/sequence`) of the charges that it digests."""

    item: str
    name: str
    quantity: Decimal
    unit_price: str
    amount: Decimal  # as charged: net, or gross where prices include tax; after `discount`
    net: Decimal
    tax: Decimal
    contract: str
    component: str
    start: datetime
    end: datetime
    tax_category: str
    taxes: tuple[LineTax, ...]
    charges: tuple[str, ...]
    discount: Decimal = Decimal(0)  # share of document discounts, negative
    unit: str = ""
    corrects: str = ""  # number of the issued document whose period this line corrects


@frozen(kw_only=True)
class DocumentTax:
    code: str
    name: str
    rate: str
    base: Decimal
    tax: Decimal
    reason: str = ""


@frozen(kw_only=True)
class DiscountUse:
    attachment: str
    amount: Decimal  # what this document took of it, positive


@frozen(kw_only=True)
class PayBy:
    """Who pays by the day pays `percent` more than the document says; negative: less."""

    until: date
    percent: Decimal


@frozen(kw_only=True)
class Settlement:
    """What a document costs by the day on which it is paid. Between the first and the other days, until it is due, it costs what it says.

    `name`, `tax_category` and `bill` are those of a surcharge, by the catalogue that said them.
    """

    steps: tuple[PayBy, ...]
    name: str = ""
    tax_category: str = ""
    bill: str = "now"
    catalogue: str = ""
    version: int = 0
    inclusive: bool = False


@frozen(kw_only=True)
class InvoiceIssued(Event):
    """A document that says what is owed. `document` is `invoice`, `debit_note` where it adds to an earlier one (`corrects`), or `statement`
    where we owe (self-billed; amounts positive there).

    The number is drawn when everything else is written; a preview has none.
    """

    kind: ClassVar[str] = "invoice.issued"
    account: str
    invoice: str  # the id: address of this event
    document: str
    series: str
    number: str
    seller: Mapping[str, str]
    buyer: str  # hash of the frozen vault row
    place: Place
    currency: str
    issued: date
    due: date
    terms: str
    lines: tuple[DocumentLine, ...]
    taxes: tuple[DocumentTax, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    entry: Entry
    discounts: tuple[DiscountUse, ...] = ()
    credit_applied: Decimal = Decimal(0)
    inclusive: bool = False
    policy: Mapping[str, str] = field(default_factory=dict)  # rounding, level: what a later credit must repeat
    corrects: str = ""  # a debit note: the id of the document that it adds to
    corrects_number: str = ""
    reason: str = ""
    mentions: tuple[Mapping[str, str], ...] = ()  # what the law wants said on it: language ("" for any) → text
    settlement: Settlement | None = None


@frozen(kw_only=True)
class CreditNoteIssued(Event):
    """Takes back a part of an issued invoice: first what is open there (`applied`), the rest becomes the customer's credit."""

    kind: ClassVar[str] = "credit_note.issued"
    account: str
    credit_note: str  # the id: address of this event
    invoice: str
    invoice_number: str
    series: str
    number: str
    seller: Mapping[str, str]
    buyer: str
    place: Place
    currency: str
    issued: date
    lines: tuple[DocumentLine, ...]  # amounts positive: what is taken back
    taxes: tuple[DocumentTax, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    applied: Decimal
    credited: Decimal
    reason: str
    entry: Entry
    mentions: tuple[Mapping[str, str], ...] = ()
    released: tuple[Released, ...] = ()  # by hand: what was charged in advance and is never earned now
    early: bool = False  # because the document was paid in time for its discount


@frozen(kw_only=True)
class InvoiceVoided(Event):
    """The document never should have been; its charges are open again, or forgiven."""

    kind: ClassVar[str] = "invoice.voided"
    account: str
    invoice: str
    number: str
    reason: str
    forgive: bool
    open: Decimal  # what was open on it
    charges: tuple[str, ...]
    entry: Entry
    released: tuple[Released, ...] = ()  # forgiven: what was charged in advance and is never earned now
