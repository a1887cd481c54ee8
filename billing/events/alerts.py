"""Alerts on usage: what a customer wants to be told, and that it came to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class UsageAlertSet(Event):
    """Tell once in each period when the use of the item reaches `threshold`: units of its meter, or an amount of `currency`."""

    kind: ClassVar[str] = "usage_alert.set"
    account: str
    alert: str
    contract: str
    item: str
    measure: str  # units amount
    threshold: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class UsageAlertRemoved(Event):
    kind: ClassVar[str] = "usage_alert.removed"
    account: str
    alert: str


@dataclass(frozen=True, kw_only=True)
class UsageAlertReached(Event):
    """Said once for the period `[start, end)`. `quantity` and `amount` are the use so far and what it comes to before tax, as it was known
    then."""

    kind: ClassVar[str] = "usage_alert.reached"
    account: str
    alert: str
    contract: str
    item: str
    name: str
    measure: str
    threshold: Decimal
    quantity: Decimal
    unit: str
    amount: Decimal
    currency: str
    start: datetime
    end: datetime
