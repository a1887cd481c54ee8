"""The rate of a day: the newest that was published for that day or one of the week before, by what was known then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing import bulk
from billing.loading import trimmed
from plans.errors import Conflict
from plans.money import plain, round_money

#: How old a rate may be: banks publish none on holidays.
OLDEST = timedelta(days=7)


@dataclass(frozen=True)
class Rate:
    """What one unit of `base` is worth in `quote`: `rate`, or where it was published the other way round (`inverse`) one through it."""

    base: str
    quote: str
    day: date
    rate: Decimal
    source: str
    inverse: bool
    version: int

    def convert(self, amount: Decimal) -> Decimal:
        """The amount of `base` in `quote`, rounded half away from zero to its decimals."""
        factor = 1 / Fraction(self.rate) if self.inverse else Fraction(self.rate)
        return round_money(Fraction(amount) * factor, self.quote)

    @property
    def text(self) -> str:
        pair = f"{self.quote}/{self.base}" if self.inverse else f"{self.base}/{self.quote}"
        return f"{pair} {plain(self.rate)} ({self.source}, {self.day})"


def rate_on(seller: str, base: str, quote: str, *, day: date, at: datetime) -> Rate:
    """The rate of the day as it was published by `at`. Of two versions for one day the later holds. Raises Conflict `no_rate`."""
    statement = """
        SELECT base = %s, day, rate, source, version FROM read_rate
        WHERE seller = %s AND (base, quote) IN ((%s, %s), (%s, %s)) AND day <= %s AND effective_at <= %s
        ORDER BY day DESC, version DESC LIMIT 1"""
    rows = bulk.fetch(statement, [base, seller, base, quote, quote, base, day, at])
    if not rows or rows[0][1] < day - OLDEST:
        newest = f"; the newest is of {rows[0][1]}" if rows else ""
        message = f"there is no rate from {base} to {quote} for {day}{newest}; publish one: manage.py rates import FILE"
        raise Conflict("no_rate", message, at="currency", day=str(day))
    forward, found, rate, source, version = rows[0]
    return Rate(base, quote, found, trimmed(rate), source, not forward, version)
