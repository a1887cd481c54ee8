"""Every fact that the system can record, one frozen value each. Read this first.

An event is immutable and carries every number and name that is needed to understand it alone. Money is `Decimal` in the event's
currency, times are aware UTC datetimes, spans are half-open `[start, end)`. Postings are signed: debit positive, credit negative;
those of one event sum to zero per currency. Kinds are stable words; they are never renamed once they were stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Posting:
    """One leg of a balanced entry. `invoice` names the document that a receivable or payable belongs to."""

    ledger: str
    amount: Decimal
    currency: str
    invoice: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The postings of one event and the day they belong to in the seller's books."""

    accounting_date: date
    postings: tuple[Posting, ...]
    seller: str = "main"


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all facts. `kind` and `version` name the stored form."""

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1


# --- accounts -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the account is taxed, and why it may be exempt."""

    country: str = ""
    region: str = ""
    city: str = ""
    exempt: Mapping[str, str] = field(default_factory=dict)  # tax category or code -> reason
    tax_id: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountOpened(Event):
    kind: ClassVar[str] = "account.opened"
    account: str
    seller: str
    currency: str
    zone: str
    locale: str
    place: Place
    terms: str = ""  # payment terms of the account; "": those of the catalogue
    fields: tuple[str, ...] = ()  # which personal fields were written to the vault, never their values
    external_id: str = ""


@dataclass(frozen=True, kw_only=True)
class DetailsChanged(Event):
    """Details hold from `effective_at`; a new tax place acts on supplies from then on."""

    kind: ClassVar[str] = "account.details_changed"
    account: str
    place: Place | None = None
    zone: str = ""
    locale: str = ""
    terms: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccountClosed(Event):
    kind: ClassVar[str] = "account.closed"
    account: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AccountParked(Event):
    """The account is not billed until a person releases it: its next document looks insane, or it made a batch fail."""

    kind: ClassVar[str] = "account.parked"
    account: str
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AccountReleased(Event):
    kind: ClassVar[str] = "account.released"
    account: str
    reason: str


# --- contracts ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ItemTerms:
    """What one contract says of one item: how many, and what it says otherwise than the plan."""

    quantity: Decimal
    price: Mapping[str, Any] | None = None  # a price of its own, in the form of PRICING.md; None: the plan's
    principal: Decimal | None = None  # the amount that bears interest
    attributes: Mapping[str, Any] = field(default_factory=dict)  # facts for tax: persons, rooms


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The whole terms of a contract from one moment on."""

    plan: str
    catalogue: str
    version: int
    items: Mapping[str, ItemTerms]
    anchor: datetime  # periods are counted from here
    phases_from: datetime | None = None  # where the plan's phases begin; None: they are over
    paused: bool = False
    keep_billing: bool = False  # with `paused`: what was charged for the pause is kept
    subject: str = ""  # who consumes: usage records may name it


@dataclass(frozen=True, kw_only=True)
class TermsSet(Event):
    """The base of everything that sets the terms of a contract from `effective_at` on."""

    account: str
    contract: str
    terms: Terms


@dataclass(frozen=True, kw_only=True)
class ContractSigned(TermsSet):
    kind: ClassVar[str] = "contract.signed"
    currency: str
    start: datetime
    end: datetime | None
    digest: str  # of the catalogue version
    paid_through: datetime | None = None  # periods before it were billed elsewhere (an imported contract)
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanChanged(TermsSet):
    kind: ClassVar[str] = "contract.plan_changed"
    previous_plan: str
    credit_unused: bool = True


@dataclass(frozen=True, kw_only=True)
class QuantityChanged(TermsSet):
    kind: ClassVar[str] = "contract.quantity_changed"
    item: str
    quantity: Decimal
    previous_quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class ItemAdded(TermsSet):
    kind: ClassVar[str] = "contract.item_added"
    item: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class ItemRemoved(TermsSet):
    kind: ClassVar[str] = "contract.item_removed"
    item: str


@dataclass(frozen=True, kw_only=True)
class PriceChanged(TermsSet):
    """One customer's price of one item, or the version of the catalogue that the contract follows from now on."""

    kind: ClassVar[str] = "contract.price_changed"
    item: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContractPaused(TermsSet):
    kind: ClassVar[str] = "contract.paused"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContractResumed(TermsSet):
    kind: ClassVar[str] = "contract.resumed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class EndSet(Event):
    """The base of everything that moves the end of a contract. `end` None: open-ended again."""

    account: str
    contract: str
    end: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContractCancelled(EndSet):
    """`credit_unused` False: what was charged in advance beyond the end is kept."""

    kind: ClassVar[str] = "contract.cancelled"
    credit_unused: bool = True
    early: bool = False


@dataclass(frozen=True, kw_only=True)
class ContractExtended(EndSet):
    kind: ClassVar[str] = "contract.extended"


@dataclass(frozen=True, kw_only=True)
class ContractEnded(Event):
    """The contract's last period is closed."""

    kind: ClassVar[str] = "contract.ended"
    account: str
    contract: str


# --- the tick -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ItemPeriod:
    """One billing period of one item: the billed piece `[start, end)` of the full period `[full_start, full_end)`."""

    item: str
    start: datetime
    end: datetime
    full_start: datetime
    full_end: datetime


@dataclass(frozen=True, kw_only=True)
class PeriodsOpened(Event):
    kind: ClassVar[str] = "period.opened"
    account: str
    contract: str
    periods: tuple[ItemPeriod, ...]


@dataclass(frozen=True, kw_only=True)
class PeriodsClosed(Event):
    """From now on the target of these periods is the closed one."""

    kind: ClassVar[str] = "period.closed"
    account: str
    contract: str
    periods: tuple[ItemPeriod, ...]


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a target and what stands are compared by (the account, its stream, goes without saying)."""

    contract: str
    item: str
    terms: str  # sequence of the event that set the terms, with the list entry or phase where one counts
    period_start: datetime
    component: str  # fee usage tier… minimum discount interest
    currency: str


@dataclass(frozen=True, kw_only=True)
class ChargeAccrued(Event):
    """The difference between what should have been accrued by now and what stands, for one key. Negative: less than before.

    `amount` is positive where the customer owes and negative where we owe. `target` is what the key stands at now.
    """

    kind: ClassVar[str] = "charge.accrued"
    account: str
    key: Key
    name: str
    amount: Decimal
    target: Decimal
    quantity: Decimal
    unit_price: str  # exact text; "" where there is no single one
    start: datetime
    end: datetime
    supply_date: date
    tax_category: str
    inclusive: bool
    catalogue: str
    version: int
    cause: str  # period | usage | terms | tick
    invoice_when: str  # the policy that decides when it is billed
    entry: Entry
    steps: tuple[Mapping[str, Any], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class SaleMade(Event):
    """A single sale. `amount` is negative for goods that came back; `returns` names the sale then."""

    kind: ClassVar[str] = "sale.made"
    account: str
    contract: str
    item: str
    name: str
    quantity: Decimal
    unit_price: str
    amount: Decimal
    currency: str
    supply_date: date
    tax_category: str
    inclusive: bool
    catalogue: str
    version: int
    invoice_when: str
    entry: Entry
    steps: tuple[Mapping[str, Any], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    returns: str = ""
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class AdjustmentMade(Event):
    """A person's charge (positive) or credit (negative). No tick ever undoes it."""

    kind: ClassVar[str] = "adjustment.made"
    account: str
    contract: str
    item: str
    name: str
    amount: Decimal
    currency: str
    supply_date: date
    tax_category: str
    inclusive: bool
    reason: str
    invoice_when: str
    entry: Entry
    catalogue: str = ""
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class DiscountAttached(Event):
    """A discount given to an account, a contract or an item of it. `terms` is the catalogue's discount, frozen."""

    kind: ClassVar[str] = "discount.attached"
    account: str
    contract: str
    discount: str
    name: str
    level: str  # price | document
    terms: Mapping[str, Any]
    start: datetime
    currency: str
    remainder: Decimal | None = None  # document level, fixed: what is left to give
    coupon: str = ""


@dataclass(frozen=True, kw_only=True)
class DiscountEnded(Event):
    kind: ClassVar[str] = "discount.ended"
    account: str
    attachment: str
    reason: str


# --- documents ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LineTax:
    code: str
    name: str
    rate: str  # percent, exact text; "" for an amount per unit
    base: Decimal
    tax: Decimal
    reason: str = ""  # why nothing is due: exempt, reverse charge


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class DocumentTax:
    code: str
    name: str
    rate: str
    base: Decimal
    tax: Decimal
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class DiscountUse:
    attachment: str
    amount: Decimal  # what this document took of it, positive


@dataclass(frozen=True, kw_only=True)
class InvoiceIssued(Event):
    """A document that says what is owed. `document` is `invoice`, or `statement` where we owe (self-billed; amounts positive there).

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


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
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


# --- money that comes in --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Allocation:
    invoice: str
    number: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class PaymentReceived(Event):
    kind: ClassVar[str] = "payment.received"
    account: str
    payment: str  # the id: address of this event
    amount: Decimal
    currency: str
    channel: str
    reference: str
    allocations: tuple[Allocation, ...]
    unapplied: Decimal
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class CreditApplied(Event):
    """The customer's credit pays open invoices."""

    kind: ClassVar[str] = "credit.applied"
    account: str
    currency: str
    allocations: tuple[Allocation, ...]
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class BalanceOpened(Event):
    """What an account owed (positive) or had in credit (negative) when it was brought over from another system."""

    kind: ClassVar[str] = "balance.opened"
    account: str
    invoice: str  # id of the opening document where something was owed, else ""
    reference: str
    amount: Decimal
    currency: str
    due: date | None
    entry: Entry
    seller: str = "main"


# --- shared things and the house ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StockMoved(Event):
    """Goods came (positive) or went (negative); `level` is what is there afterwards."""

    kind: ClassVar[str] = "stock.moved"
    item: str
    quantity: Decimal
    level: Decimal
    reason: str
    account: str = ""


@dataclass(frozen=True, kw_only=True)
class CouponTaken(Event):
    kind: ClassVar[str] = "coupon.taken"
    coupon: str
    account: str
    taken: int  # how many have it now


@dataclass(frozen=True, kw_only=True)
class CataloguePublished(Event):
    kind: ClassVar[str] = "catalogue.published"
    catalogue: str
    version: int
    digest: str
    effective: date | None
    source: str
    seller: str


def all_kinds() -> dict[str, type[Event]]:
    """Every stored kind with its class."""
    found: dict[str, type[Event]] = {}
    pending = list(Event.__subclasses__())
    while pending:
        cls = pending.pop()
        pending.extend(cls.__subclasses__())
        if cls.kind:
            found[cls.kind] = cls
    return dict(sorted(found.items()))
