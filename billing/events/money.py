"""Money that comes in."""

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
