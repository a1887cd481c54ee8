"""Whether an account may be served and sold to: its credit status."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class CreditStatusChanged(Event):
    """From now on the account is `good`, in `grace`, `limited` (nothing new on credit) or `suspended` (service stops too).

    `suspended` are the contracts whose service stops with this event, `paused` those of them whose charges stop as well (by an event of
    their own that follows), `resumed` those whose service goes on. The event that led here is its cause.
    """

    kind: ClassVar[str] = "credit_status.changed"
    account: str
    status: str
    previous: str
    reason: str
    set_by: str  # person dunning
    suspended: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CreditLimitSet(Event):
    """From now on the account may owe so much, in `currency`, before it gets nothing more on credit. `amount` None: any amount."""

    kind: ClassVar[str] = "credit_limit.set"
    account: str
    amount: Decimal | None
    currency: str
    previous: Decimal | None
    reason: str
