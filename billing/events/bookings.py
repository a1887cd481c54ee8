"""Things reserved by time: who has them, from when until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class Stay:
    """What is booked: `[start, end)` of a named unit, or of `quantity` pieces of a pool. `slots` are the beginnings of the nights, days or
    hours that it takes (UTC); `amounts` what each costs for all the pieces, in the booking's currency."""

    unit: str
    quantity: int
    start: datetime
    end: datetime
    slots: tuple[datetime, ...]
    amounts: tuple[Decimal, ...]


@dataclass(frozen=True, kw_only=True)
class BookingEvent(Event):
    """The base of what happens to one booking, in the stream of its thing."""

    thing: str
    booking: str  # the id: address of its first event
    account: str


@dataclass(frozen=True, kw_only=True)
class BookingMade(BookingEvent):
    """`status`: held (until `due`) or confirmed (`due`: when who has not come is a no-show). `limit`: how many pieces of the pool may be
    booked, overbooking included; None for a single thing."""

    kind: ClassVar[str] = "booking.made"
    stay: Stay
    status: str
    due: datetime | None
    limit: int | None
    overbooked: bool
    currency: str
    catalogue: str
    version: int
    sale: str  # address of the sale that bills it; "": billed later, by a contract, or not at all
    name: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class BookingConfirmed(BookingEvent):
    kind: ClassVar[str] = "booking.confirmed"
    due: datetime | None
    sale: str


@dataclass(frozen=True, kw_only=True)
class BookingChanged(BookingEvent):
    """Other times, another unit or number: `before` is free again."""

    kind: ClassVar[str] = "booking.changed"
    before: Stay
    stay: Stay
    due: datetime | None
    limit: int | None
    overbooked: bool
    sale: str
    fee: Decimal


@dataclass(frozen=True, kw_only=True)
class BookingStarted(BookingEvent):
    """The guest came: from now on the contract bills, where there is one."""

    kind: ClassVar[str] = "booking.started"
    contract: str


@dataclass(frozen=True, kw_only=True)
class BookingEnded(BookingEvent):
    """`outcome`: cancelled, expired, no_show or completed. `freed` are the slots that others may have from now on."""

    kind: ClassVar[str] = "booking.ended"
    outcome: str
    stay: Stay
    freed: tuple[datetime, ...]
    fee: Decimal
    currency: str
    reason: str
