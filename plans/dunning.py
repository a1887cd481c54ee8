"""What a catalogue says of debts: how they are pursued, what being late costs, and in which order money pays them. Values only.

Days are local days of the account; `after` counts from the due date, negative before it. Percents are percents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from plans.errors import Invalid
from plans.fields import suggestion
from plans.periods import Convention, Period

Status = Literal["grace", "limited", "suspended"]
Bill = Literal["now", "next_invoice"]
Decline = Literal["soft", "hard", "confirmation"]
Part = Literal["interest", "fees"]
DECLINES: tuple[Decline, ...] = ("soft", "hard", "confirmation")
PARTS: tuple[Part, ...] = ("interest", "fees")


@dataclass(frozen=True)
class Fee:
    """A fee of an `amount`, or `percent` of what is overdue, at least `least` and at most `most`."""

    name: str
    amount: Decimal = Decimal(0)
    percent: Decimal = Decimal(0)
    least: Decimal | None = None
    most: Decimal | None = None
    tax: str | None = None
    bill: Bill = "now"


@dataclass(frozen=True)
class DunningStep:
    """One step of the ladder, `after` days. `remind` names the text that is sent, `above` what must be overdue at least."""

    code: str
    after: int
    remind: str = ""
    fee: Fee | None = None
    status: Status | None = None
    cancel: bool = False
    collection: bool = False  # handed to collection: a candidate for write-off
    above: Decimal = Decimal(0)


@dataclass(frozen=True)
class LateInterest:
    """Simple interest for each day on what is overdue, from the due date on, once `grace` days are over. Never on interest or fees.

    The rate is a percent `per` year (by `day_count`), month (a thirtieth of it a day) or day; `rates` names a list of rates by date
    instead. Nothing is charged while it comes to less than `minimum`.
    """

    name: str = "Late interest"
    rate: Decimal | None = None
    rates: str | None = None
    per: Literal["year", "month", "day"] = "year"
    day_count: Convention = "act/365"
    grace: int = 0
    minimum: Decimal = Decimal(0)
    tax: str | None = None
    bill: Bill = "now"


@dataclass(frozen=True)
class DunningPolicy:
    """How debts are pursued. `per: account` counts from the oldest overdue due date of the account, `document` from that of each document.

    What is overdue in all must come to `minimum`, else nothing is done about it.
    """

    code: str
    per: Literal["account", "document"] = "account"
    minimum: Decimal = Decimal(0)
    steps: tuple[DunningStep, ...] = ()  # by `after`
    retries: Mapping[Decline, tuple[int, ...]] = field(default_factory=dict)  # days after the first decline of the class
    interest: LateInterest | None = None
    reconnection: Fee | None = None

    @property
    def before(self) -> tuple[DunningStep, ...]:
        """The steps until the due date, which remind of one document each."""
        return tuple(step for step in self.steps if step.after <= 0)

    @property
    def overdue(self) -> tuple[DunningStep, ...]:
        """The steps after the due date."""
        return tuple(step for step in self.steps if step.after > 0)

    def step(self, code: str) -> DunningStep | None:
        return next((step for step in self.steps if step.code == code), None)


@dataclass(frozen=True)
class RateEntry:
    """A rate, in percent, from a day on until the next entry."""

    start: date
    rate: Decimal


@dataclass(frozen=True)
class AllocationPolicy:
    """Which open amounts money pays that names none: the parts in `first`, in this order, then the rest; within each the oldest due."""

    first: tuple[Part, ...] = ()


@dataclass(frozen=True)
class InstalmentOffer:
    """A payment plan that the house offers. `rate` is a percent for each period between two instalments.

    `method`: `none` (no charge), `flat` (the rate on the first principal in each period), `french` (equal instalments, the rate on what is
    left). `tolerance`: days that an instalment may be late before the plan is broken.
    """

    code: str
    name: str
    count: int
    every: Period
    first: Period
    method: Literal["none", "flat", "french"] = "none"
    rate: Decimal = Decimal(0)
    down: Decimal = Decimal(0)  # percent that is paid at once, beside the instalments
    tolerance: int = 0
    tax: str | None = None
    public: bool = False  # customers may take it themselves


def rate_on(entries: tuple[RateEntry, ...], day: date) -> Decimal:
    """The rate in force on the day; before the first entry 0."""
    return next((entry.rate for entry in reversed(entries) if entry.start <= day), Decimal(0))


def find_policy(policies: Mapping[str, DunningPolicy], code: str, at: str = "policy") -> DunningPolicy:
    """The policy of that code. Raises Invalid `unknown_choice`."""
    if code not in policies:
        raise Invalid("unknown_choice", f"there is no dunning {code!r}{suggestion(code, sorted(policies))}", at=at)
    return policies[code]
