"""What is agreed beyond a price: renewal, the fee for leaving early, reminders, and prices that follow a published index. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from plans.money import Rounding, round_money
from plans.periods import Period, local_date

MOST_TERMS = 5_000
MOST_STEPS = 1_200


@dataclass(frozen=True)
class Renewal:
    """A contract goes on by itself for another `length` (None: its term) unless it is cancelled in time, with the `same` terms or those of
    the `newest` version of its catalogue."""

    terms: Literal["same", "newest"] = "same"
    length: Period | None = None


@dataclass(frozen=True)
class EarlyFee:
    """What ending before the agreed end costs: an `amount`, a `percent` of the fees that were left, or so much for each month begun
    (`per_month`); `maximum` at most."""

    amount: Decimal | None = None
    percent: Decimal | None = None
    per_month: Decimal | None = None
    maximum: Decimal | None = None
    tax: str | None = None
    name: str = "Early termination"

    def of(self, *, left: Fraction, months: int, currency: str, rounding: Rounding = "half_up") -> Decimal:
        """The fee, in the currency, rounded once. `left`: the fees from the end until the agreed end; `months` those begun by then."""
        if self.amount is not None:
            exact = Fraction(self.amount)
        elif self.per_month is not None:
            exact = Fraction(self.per_month) * months
        else:
            exact = left * Fraction(self.percent or 0) / 100
        most = exact if self.maximum is None else min(exact, Fraction(self.maximum))
        return round_money(max(most, Fraction(0)), currency, rounding)


@dataclass(frozen=True)
class Indexation:
    """A price that is adjusted `every` so long by what the index did since: `share` percent of it, at most `cap` and at least `floor`
    percent at a time."""

    index: str
    every: Period
    share: Decimal = Decimal(100)
    cap: Decimal | None = None
    floor: Decimal | None = None


@dataclass(frozen=True)
class IndexEntry:
    """The value of a published index from a day on, until the next entry."""

    start: date
    value: Decimal


def value_on(entries: Sequence[IndexEntry], day: date) -> Decimal | None:
    """The newest value published for the day or one before it."""
    found = None
    for entry in entries:
        if entry.start <= day:
            found = entry.value
    return found


def factors(
    rule: Indexation, entries: Sequence[IndexEntry], *, base: Decimal, start: datetime, until: datetime, zone: str
) -> Iterator[tuple[datetime, Fraction]]:
    """(from when, by what the price is multiplied): from `start`, and after each `every` before `until`. Exact. `base`:
    the value that was signed."""
    yield start, Fraction(1)
    factor, before = Fraction(1), base
    for count in range(1, MOST_STEPS):
        moment = rule.every.after(start, zone, times=count)
        if moment >= until:
            return
        value = value_on(entries, local_date(moment, zone)) or before
        growth = (Fraction(value) / Fraction(before) - 1) * Fraction(rule.share) / 100
        if rule.cap is not None:
            growth = min(growth, Fraction(rule.cap) / 100)
        if rule.floor is not None:
            growth = max(growth, Fraction(rule.floor) / 100)
        factor, before = factor * (1 + growth), value
        yield moment, factor


# -- terms and notice ----------------------------------------------------------------------------------------------------------------


def next_end(*, start: datetime, end: datetime, term: Period | None, length: Period, zone: str) -> datetime:
    """The end of the term after the one that ends at `end`. Counted from the start, so that 31 January comes back to 31 March after 28
    February; an end that no such term has is the start of a new count."""
    for base in (start, term.after(start, zone) if term else start):
        for count in range(1, MOST_TERMS):
            bound = length.after(base, zone, times=count)
            if bound == end:
                return length.after(base, zone, times=count + 1)
            if bound > end:
                break
    return length.after(end, zone)


def last_notice(end: datetime, notice: Period | None, zone: str) -> datetime:
    """The last moment at which a cancellation for `end` may be given: the notice before it; without one, the end itself."""
    return end if notice is None else notice.after(end, zone, times=-1)


def months_begun(start: datetime, end: datetime, zone: str) -> int:
    """How many months have begun between the two: 0 for none, 1 for a day or a month, 2 for a month and a day."""
    count = 0
    while Period(1, "month").after(start, zone, times=count) < end:
        count += 1
    return count
