"""The seller's books: what was earned, and which months are closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Entry, Event
from billing.events.charges import Key


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What of one key's charges was earned since the last time (negative: less than was thought), and in all (`target`)."""

    key: Key
    ledger: str
    amount: Decimal
    target: Decimal


@dataclass(frozen=True, kw_only=True)
class Released:
    """What a correction by hand took of one key's charge in advance before it was earned. By the day `since` the key had earned `settled`;
    what is left of it is earned by the days from there on."""

    key: Key
    amount: Decimal
    since: date
    settled: Decimal


@dataclass(frozen=True, kw_only=True)
class RevenueRecognised(Event):
    """What was charged in advance is earned as its time passes: at the end of each month, up to and including the day `through`."""

    kind: ClassVar[str] = "revenue.recognised"
    account: str
    through: date
    lines: tuple[Earned, ...]
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class ExpectedLoss:
    """What of one currency's receivables is expected to be lost (`target`), what of that is new (`amount`, negative: less than was
    thought), and from which open amounts and percents by bucket that comes."""

    currency: str
    target: Decimal
    amount: Decimal
    open: Mapping[str, Decimal]
    percents: Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class AllowanceBooked(Event):
    """The allowance for doubtful debts at the end of the day `through`."""

    kind: ClassVar[str] = "allowance.booked"
    account: str
    through: date
    losses: tuple[ExpectedLoss, ...]
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class BooksClosed(Event):
    """From now on nothing is posted on or before `through`. `left_out` is what was known to be missing then, and `reason` why it was
    closed in spite of that."""

    kind: ClassVar[str] = "books.closed"
    seller: str
    period: str  # 2026-03
    through: date
    left_out: tuple[str, ...] = ()
    reason: str = ""
