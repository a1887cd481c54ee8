"""The tick, single sales, adjustments and discounts: what is charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from billing.events.base import Entry, Event
from plans.frozen import frozen


@frozen(kw_only=True)
class ItemPeriod:
    """One billing period of one item: the billed piece `[start, end)` of the full period `[full_start, full_end)`."""

    item: str
    start: datetime
    end: datetime
    full_start: datetime
    full_end: datetime


@frozen(kw_only=True)
class PeriodsOpened(Event):
    kind: ClassVar[str] = "period.opened"
    account: str
    contract: str
    periods: tuple[ItemPeriod, ...]


@frozen(kw_only=True)
class PeriodsClosed(Event):
    """From now on the target of these periods is the closed one."""

    kind: ClassVar[str] = "period.closed"
    account: str
    contract: str
    periods: tuple[ItemPeriod, ...]


@frozen(kw_only=True)
class Key:
    """What a target and what stands are compared by (the account, its stream, goes without saying)."""

    contract: str
    item: str
    terms: str  # sequence of the event that set the terms, with the list entry or phase where one counts
    period_start: datetime
    component: str  # fee usage tier… minimum discount interest
    currency: str


@frozen(kw_only=True)
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
    earned_in: str = ""  # charged in advance: the ledger where it is earned as its time passes; "": earned at once


@frozen(kw_only=True)
class ChargeOverridden(Event):
    """A person's change of a draft: what one key costs in one period, in place of what is counted, until the next such event.

    `amount` is signed as a charge's: positive where the customer owes. It is before percentages off and before tax on top.
    """

    kind: ClassVar[str] = "charge.overridden"
    account: str
    key: Key
    amount: Decimal
    quantity: Decimal
    unit_price: str  # exact text; "" where there is no single one
    reason: str


@frozen(kw_only=True)
class SaleMade(Event):
    """A single sale. `amount` is negative for goods that came back; `returns` names the sale then."""

    kind: ClassVar[str] = "sale.made"
    moves: ClassVar[frozenset[str] | None] = frozenset({"open_charges"})
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


@frozen(kw_only=True)
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


@frozen(kw_only=True)
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


@frozen(kw_only=True)
class DiscountEnded(Event):
    kind: ClassVar[str] = "discount.ended"
    account: str
    attachment: str
    reason: str
