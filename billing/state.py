"""What stands for one account, as plain values: what commands look at and what the clockwork computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from billing.events import Place, Terms
from plans.frozen import frozen

#: The documents on which the customer owes; on a `statement` we owe. Positions in an account's list of invoices count these.
CUSTOMER_OWES = ("invoice", "debit_note", "opening")


@frozen()
class TermsRow:
    """Terms that hold from `effective_at` until those of the next row; `sequence` is their event's."""

    sequence: int
    effective_at: datetime
    terms: Terms
    kind: str = ""


@frozen()
class Contract:
    id: str
    account: str
    currency: str
    start: datetime
    end: datetime | None
    timeline: tuple[TermsRow, ...]  # by (effective_at, sequence)
    status: str = "active"
    name: str = ""
    keep_unused: bool = False
    ended_early: bool = False
    paid_through: datetime | None = None
    settled: bool = False
    taken_over: str = ""  # the contract of another payer that it goes on with
    agreed_end: datetime | None = None  # of a contract that was cancelled: what had been agreed before
    early_fee: Decimal = Decimal(0)  # what was charged for leaving early
    cancelled: bool = False  # it ends for good: nothing renews it
    renewed_from: datetime | None = None  # it was renewed with the newest terms, which are set then
    reminded: datetime | None = None  # the last reminder of its end

    @cached_property
    def outlook(self) -> dict[str, Any]:
        """Where `billing.outlook` remembers what the terms hold."""
        return {}

    def terms_at(self, moment: datetime) -> TermsRow:
        """The terms in force at the moment (the first ones for an earlier moment)."""
        found = self.timeline[0]
        if len(self.timeline) == 1:
            return found
        for row in self.timeline:
            if row.effective_at <= moment:
                found = row
        return found


@frozen()
class PeriodRow:
    """A billing period of an item that has been opened. `[start, end)` is the piece to bill of `[full_start, full_end)`."""

    contract: str
    item: str
    start: datetime
    end: datetime
    full_start: datetime
    full_end: datetime
    closed: bool
    last: bool


@frozen()
class OpenCharge:
    """A charge on no issued document, as the journal recorded it. `address` is `account/sequence`."""

    address: str
    kind: str  # accrual sale adjustment
    contract: str
    item: str
    component: str
    name: str
    currency: str
    amount: Decimal
    quantity: Decimal
    unit_price: str
    unit: str
    start: datetime
    end: datetime
    effective_at: datetime
    supply_date: date
    tax_category: str
    inclusive: bool
    catalogue: str
    version: int
    invoice_when: str
    attributes: Mapping[str, Any]
    period_start: datetime | None
    terms: str = ""

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What charges are one line by: an accrual's key; a sale with all that came back of it; each adjustment alone."""
        if self.kind == "accrual":
            return ("accrual", self.contract, self.item, self.terms, self.period_start, self.component)
        if self.kind == "sale":
            return ("sale", self.terms or self.address)
        return (self.kind, self.address)


@frozen()
class Override:
    """What a person put in place of what is counted for one key; `event` is the address of its event."""

    amount: Decimal
    quantity: Decimal
    unit_price: str
    reason: str
    event: str


@frozen()
class OpenInvoice:
    """An issued document on which something is still to be paid."""

    id: str
    number: str
    document: str
    currency: str
    total: Decimal
    open: Decimal
    due: date | None
    issued: date
    sequence: int
    status: str = "open"  # as the document's row says it, where paid ones are listed too


@frozen()
class Discount:
    """A discount that the account holds."""

    attachment: str
    contract: str
    name: str
    level: str
    terms: Mapping[str, Any]
    currency: str
    start: datetime
    end: datetime | None
    remainder: Decimal | None
    uses: int
    coupon: str


@frozen()
class UsageMark:
    id: int
    meter: str
    at: datetime
    arrived_at: datetime


@dataclass
class AccountState:
    """One account. Lists hold what is live (not all of history), in the order in which it was recorded."""

    account: str
    seller: str
    currency: str
    zone: str
    locale: str
    terms: str
    status: str
    places: list[tuple[datetime, Place]] = field(default_factory=list)
    contracts: dict[str, Contract] = field(default_factory=dict)
    periods: list[PeriodRow] = field(default_factory=list)
    counted: bool = False  # whether the next four were read: what targets are compared with
    standing: dict[tuple[str, str, str, datetime, str], Decimal] = field(default_factory=dict)
    adjusted: dict[tuple[str, str], list[tuple[datetime, Decimal]]] = field(
        default_factory=dict
    )  # (contract, item) -> by hand, when and how much
    taken_back: dict[tuple[str, str, str, datetime, str], Decimal] = field(default_factory=dict)  # key -> what people credited of it
    overrides: dict[tuple[str, str, str, datetime, str], Override] = field(default_factory=dict)  # key -> a person's change of its draft
    billed_use: dict[str, Decimal] = field(default_factory=dict)  # contract whose plan has `thresholds` -> use on documents, ever
    open_charges: list[OpenCharge] = field(default_factory=list)
    open_invoices: list[OpenInvoice] = field(default_factory=list)
    credit: dict[str, Decimal] = field(default_factory=dict)  # currency -> the customer's unused money, positive
    discounts: list[Discount] = field(default_factory=list)
    marks: list[UsageMark] = field(default_factory=list)
    alerted: list[tuple[str, str]] = field(default_factory=list)  # (contract, item) with an alert on usage; of one account alone
    credit_status: str = "good"
    credit_set_by: str = ""
    held: dict[str, dict[str, datetime | None]] = field(default_factory=dict)  # contract -> items kept off documents ("": all), until
    suspended: dict[str, bool] = field(default_factory=dict)  # contract whose service is stopped -> whether its charges go on
    works: tuple[int, ...] = ()  # the works of the clockwork that concern it: positions in `billing.works.works()`
    facts: dict[str, Any] = field(default_factory=dict)  # what each of them needs to know, under its name

    def keeps(self, name: str) -> bool:
        """Whether what was recorded must be written into this attribute: always, where all of the state is in memory."""
        del name
        return True

    def place_on(self, moment: datetime) -> Place:
        """The tax place in force at the moment; the first one for an earlier moment."""
        found = self.places[0][1] if self.places else Place()
        for effective_at, place in self.places:
            if effective_at <= moment:
                found = place
        return found
