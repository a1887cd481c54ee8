"""Money that comes in, and what else changes the open amount of a document once it was issued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Entry, Event


@dataclass(frozen=True, kw_only=True)
class Allocation:
    invoice: str
    number: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class OpenMoved(Event):
    """The base of facts that move what is open on documents: an allocation takes its amount off, a negative one opens it again.

    `word` says in the list of allocations what took it. An event that has a `payment` moves that payment's money.
    """

    word: ClassVar[str] = ""
    account: str
    currency: str
    allocations: tuple[Allocation, ...]
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Money that was paid in another currency than it counts in: `amount` of `currency`, and the published rate that made it what it
    counts for. `inverse`: the rate was published the other way round. `version` is that of the seller's rates."""

    amount: Decimal
    currency: str
    rate: Decimal
    day: date
    source: str
    version: int
    inverse: bool = False


@dataclass(frozen=True, kw_only=True)
class PaymentReceived(OpenMoved):
    kind: ClassVar[str] = "payment.received"
    moves: ClassVar[frozenset[str] | None] = frozenset({"open_invoices", "credit"})
    word: ClassVar[str] = "payment"
    payment: str  # the id: address of this event
    amount: Decimal
    channel: str
    reference: str
    unapplied: Decimal
    conversion: Conversion | None = None


@dataclass(frozen=True, kw_only=True)
class CreditApplied(OpenMoved):
    """The customer's credit pays open invoices."""

    kind: ClassVar[str] = "credit.applied"
    word: ClassVar[str] = "credit"


@dataclass(frozen=True, kw_only=True)
class InvoiceWrittenOff(OpenMoved):
    """What will not be paid leaves the receivables. The claim survives: the document stays marked with what was written off.

    With `vat_relief` the tax in the amount is taken back too, in the shares that the document's taxes had.
    """

    kind: ClassVar[str] = "invoice.written_off"
    word: ClassVar[str] = "write_off"
    invoice: str
    number: str
    amount: Decimal
    reason: str
    vat_relief: bool


@dataclass(frozen=True, kw_only=True)
class WriteOffRecovered(PaymentReceived):
    """Money that arrives for a document that was written off. Tax that was relieved is due again, in the same share."""

    kind: ClassVar[str] = "write_off.recovered"
    invoice: str
    number: str


@dataclass(frozen=True, kw_only=True)
class InvoiceReinstated(OpenMoved):
    """A write-off is undone: what was written off (and did not come meanwhile) is open again, as a negative allocation says."""

    kind: ClassVar[str] = "invoice.reinstated"
    word: ClassVar[str] = "write_off"
    invoice: str
    number: str
    amount: Decimal
    reason: str


@dataclass(frozen=True, kw_only=True)
class InvoiceHeld(Event):
    """The customer disputes a part of a document: it is still owed but not overdue, until the dispute is resolved. No posting."""

    kind: ClassVar[str] = "invoice.held"
    account: str
    hold: str  # the id: address of this event
    invoice: str
    number: str
    amount: Decimal  # with tax
    currency: str
    lines: tuple[int, ...]  # the lines disputed (from 1); none: an amount of the whole
    reason: str


@dataclass(frozen=True, kw_only=True)
class HoldReleased(Event):
    """A billing dispute is over: `upheld` (a credit note comes with it) or `rejected` (what was held is due as before)."""

    kind: ClassVar[str] = "invoice.hold_released"
    account: str
    hold: str
    invoice: str
    number: str
    amount: Decimal
    currency: str
    outcome: str
    reason: str


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


@dataclass(frozen=True, kw_only=True)
class PartDue:
    due: date
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class DueSchedule:
    """The due dates of a document from now on; without parts its own holds again."""

    invoice: str
    parts: tuple[PartDue, ...]


@dataclass(frozen=True, kw_only=True)
class DueDatesSet(Event):
    """The base of facts that give documents several due dates, or take them back."""

    account: str
    schedules: tuple[DueSchedule, ...]
