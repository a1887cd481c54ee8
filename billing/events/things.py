"""What happens to things that accounts share: goods in stock, and what is reserved of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class StockMoved(Event):
    """Goods came (positive) or went (negative) at one place; `level` is what is there afterwards, `value` what that cost.

    `reason`: purchase, sold, returned, written_off, stocktake (the difference to what was counted, also when it is 0), transfer.
    """

    kind: ClassVar[str] = "stock.moved"
    form: ClassVar[int] = 2
    item: str
    quantity: Decimal
    level: Decimal
    reason: str
    account: str = ""
    location: str = "main"
    cost: Decimal = Decimal(0)  # of the goods that moved, never negative
    value: Decimal = Decimal(0)  # of all that is there afterwards
    unit_cost: Decimal | None = None  # average afterwards
    currency: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class StockReserved(Event):
    """Goods kept for one account until they are sold to it or released, at the latest until `expires`."""

    kind: ClassVar[str] = "stock.reserved"
    item: str
    location: str
    reservation: str  # the id: address of this event
    account: str
    quantity: Decimal
    level: Decimal  # that is there, these included
    reserved: Decimal  # in all, afterwards
    expires: datetime | None
    reference: str


@dataclass(frozen=True, kw_only=True)
class StockReservationEnded(Event):
    kind: ClassVar[str] = "stock.reservation_ended"
    item: str
    location: str
    reservation: str
    account: str
    quantity: Decimal
    reserved: Decimal  # in all, afterwards
    outcome: str  # sold released expired


@dataclass(frozen=True, kw_only=True)
class StockLow(Event):
    """Less than the catalogue's minimum can be sold at this place: said once, until it was above it again."""

    kind: ClassVar[str] = "stock.low"
    item: str
    location: str
    free: Decimal
    minimum: Decimal


@dataclass(frozen=True, kw_only=True)
class CouponTaken(Event):
    kind: ClassVar[str] = "coupon.taken"
    coupon: str
    account: str
    taken: int  # how many have it now
