"""Pure: the late interest of one document by a day, as lines that accrue to their own targets.

For each stretch of days with one overdue principal and one rate, within one month:

    line = round(principal × rate/100 × the year fraction of its days)        rate per year, by day count
    line = round(principal × rate/100 × days / 30)                            rate per month
    line = round(principal × rate/100 × days)                                 rate per day

The principal of a day is what is open at its end, less what is disputed, less what is not due yet, and never more than what the document
asks for other things than being late: interest bears no interest. A day counts from the due date on; that of the payment does not. A change
of the past (a payment that was recorded late) moves the lines, and the difference to what was charged is charged or given back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from billing.due import DuePart
from plans.dunning import LateInterest, RateEntry, rate_on
from plans.money import round_money
from plans.periods import day_start, year_fraction

ZERO = Decimal(0)
FURTHEST = 120  # months that are looked ahead for the next line


@dataclass(frozen=True)
class Dated:
    """An amount that holds in `[since, until)`: a dispute of the customer. Without `until` it still does."""

    since: date
    until: date | None
    amount: Decimal


@dataclass(frozen=True)
class Schedule:
    """Due dates that held in `[since, until)` instead of the document's own."""

    since: date
    until: date | None
    parts: tuple[DuePart, ...]


@dataclass(frozen=True)
class LateDocument:
    """A document and its past. `movements` are (moment, day, what it added to the open amount), in order; `late` is what of it bills for
    being late, with tax."""

    invoice: str
    number: str
    currency: str
    due: date
    total: Decimal
    late: Decimal
    movements: tuple[tuple[datetime, date, Decimal], ...]
    void: bool = False
    disputed: tuple[Dated, ...] = ()
    schedules: tuple[Schedule, ...] = ()

    @property
    def first_due(self) -> date:
        return min([self.due, *(part.due for schedule in self.schedules for part in schedule.parts)])

    def principal(self, day: date) -> Decimal:
        """What bears interest on the day."""
        if self.void:
            return ZERO
        is_open = sum((amount for _, moved, amount in self.movements if moved <= day), ZERO)
        held = sum((one.amount for one in self.disputed if one.since <= day and (one.until is None or day < one.until)), ZERO)
        parts = next(
            (one.parts for one in self.schedules if one.since <= day and (one.until is None or day < one.until)),
            (DuePart(self.due, self.total),),
        )
        not_due = sum((part.amount for part in parts if part.due > day), ZERO)
        return max(ZERO, min(is_open - held, self.total - self.late) - not_due)

    def changes(self) -> set[date]:
        """The days on which the principal may be another one than the day before."""
        found = {self.due, *(day for _, day, _ in self.movements)}
        for one in (*self.disputed, *self.schedules):
            found |= {one.since} | ({one.until} if one.until else set())
        return found | {part.due for schedule in self.schedules for part in schedule.parts}

    @property
    def closed(self) -> tuple[date, datetime] | None:
        """The day and moment since which nothing bears interest; None while something is open."""
        if self.movements and not sum((amount for _, _, amount in self.movements), ZERO):
            return self.movements[-1][1], self.movements[-1][0]
        return None


@dataclass(frozen=True)
class InterestLine:
    """The interest of the days `[start, end)`."""

    start: date
    end: date
    principal: Decimal
    rate: Decimal
    amount: Decimal

    @property
    def days(self) -> int:
        return (self.end - self.start).days


def accrued(document: LateDocument, terms: LateInterest, rates: tuple[RateEntry, ...], *, until: date) -> list[InterestLine]:
    """The interest from the due date until the day, excluded; lines of nothing are left out."""
    pieces = _pieces(document, rates, until)
    grace_ends = document.first_due + timedelta(days=terms.grace)
    if until <= grace_ends:
        return []
    if terms.grace and not document.principal(grace_ends):
        pieces = [piece for piece in pieces if piece[0] >= grace_ends]
    exact = [_exact(terms, *piece) for piece in pieces]
    if sum(exact) < terms.minimum:
        return []
    lines = [
        InterestLine(start, end, principal, rate, round_money(amount, document.currency))
        for (start, end, principal, rate), amount in zip(pieces, exact, strict=True)
    ]
    return [line for line in lines if line.amount]


Piece = tuple[date, date, Decimal, Decimal]  # start, end, principal, rate


def _pieces(document: LateDocument, rates: tuple[RateEntry, ...], until: date) -> list[Piece]:
    """The days that bear interest, cut where principal or rate change and at each month."""
    start = document.first_due
    if until <= start:
        return []
    cuts = {start, until, *document.changes(), *(entry.start for entry in rates)}
    month = next_month(start)
    while month < until:
        cuts.add(month)
        month = next_month(month)
    days = sorted(day for day in cuts if start <= day <= until)
    found: list[Piece] = []
    for first, end in pairwise(days):
        principal, rate = document.principal(first), rate_on(rates, first)
        if not principal or not rate:
            continue
        last = found[-1] if found else None
        if last and last[1:] == (first, principal, rate) and first.day != 1:
            found[-1] = last[0], end, principal, rate
        else:
            found.append((first, end, principal, rate))
    return found


def next_month(day: date) -> date:
    """The first day of the month after that of the day."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _exact(terms: LateInterest, start: date, end: date, principal: Decimal, rate: Decimal) -> Fraction:
    whole, days = Fraction(principal) * Fraction(rate) / 100, (end - start).days
    if terms.per == "year":
        return whole * year_fraction(start, end, terms.day_count)
    return whole * days / 30 if terms.per == "month" else whole * days


# --- what to charge, and when -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Charged:
    """What was charged for a document: start of the line → amount; `through` is the day until which it was counted."""

    lines: Mapping[date, Decimal]
    through: date | None = None


def differences(lines: Sequence[InterestLine], charged: Charged) -> list[tuple[InterestLine, Decimal]]:
    """Each line with what is to be charged (or given back) to come to it; lines that are no more come with a target of 0."""
    found = [(line, line.amount - charged.lines.get(line.start, ZERO)) for line in lines]
    kept = {line.start for line in lines}
    gone = [start for start, amount in charged.lines.items() if amount and start not in kept]
    found += [(InterestLine(start, start, ZERO, ZERO, ZERO), -charged.lines[start]) for start in gone]
    return [(line, amount) for line, amount in sorted(found, key=lambda one: one[0].start) if amount]


def next_accrual(
    document: LateDocument, terms: LateInterest, rates: tuple[RateEntry, ...], charged: Charged, zone: str
) -> tuple[datetime, date] | None:
    """When interest is next charged, and until which day it counts then: at once where the past changed, when the document is paid, at
    the start of each month. None where nothing is to come, as far as can be seen."""
    through = max(charged.through or document.first_due, document.first_due)

    def differs(until: date) -> bool:
        return bool(differences(accrued(document, terms, rates, until=until), charged))

    if charged.lines and differs(through):
        return day_start(through, zone), through
    closed, day = document.closed, next_month(through)
    for _ in range(FURTHEST):
        if closed is not None and closed[0] <= day:
            later = closed[0] > through
            return (closed[1], closed[0]) if later and differs(closed[0]) else None
        if differs(day):
            return day_start(day, zone), day
        day = next_month(day)
    return None
