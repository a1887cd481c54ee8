"""Pure: when what we owe leaves by itself.

Statements of one currency leave together, on the morning of the day on which those that are due come to the least amount, or at the
moment of their issue where that is later. What failed
waits for a statement that falls due after that, or for another default method: it is not tried on and on.

A deposit goes back some days after the last contract ended, once nothing is disputed; what is open then is taken off it first. One
that was taken since is for a contract to come, and waits for the end of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from plans.periods import day_start, local_date


@dataclass(frozen=True)
class Owed:
    """A statement on which something is open."""

    invoice: str
    currency: str
    open: Decimal
    due: date
    issued_at: datetime

    def leaves_from(self, zone: str) -> datetime:
        """The morning of the day on which it is due; never before it was issued."""
        return max(day_start(self.due, zone), self.issued_at)


@dataclass(frozen=True)
class Kept:
    """A deposit of which something is left."""

    deposit: str
    currency: str
    left: Decimal
    taken_at: datetime


def statements_leave(
    owed: Sequence[Owed], *, least: Decimal, zone: str, failed: datetime | None, since: datetime | None
) -> datetime | None:
    """When the statements of one currency leave. `failed`: when a payout of the currency last failed; `since`: from when on the default
    method is the default one. None: not by what stands."""
    total, changed = Decimal(0), failed is not None and since is not None and since > failed
    for one in sorted(owed, key=lambda row: row.leaves_from(zone)):
        total += one.open
        moment = one.leaves_from(zone)
        if total < least:
            continue
        if changed and since is not None:
            return max(moment, since)
        if failed is None or moment > failed:
            return moment
    return None


def deposits_leave(ended: datetime, days: int, zone: str) -> datetime:
    """The morning of the day on which deposits go back, after the last contract ended; at once where that is no day later."""
    return day_start(local_date(ended, zone) + timedelta(days=days), zone) if days else ended
