"""A stretch of time between two instants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from plans.errors import Invalid
from plans.frozen import frozen
from plans.periods.times import as_utc

_MICROSECOND = timedelta(microseconds=1)


@frozen(order=True)
class Span:
    """Half-open `[start, end)`, both aware; kept in UTC. May be empty, never backwards (Invalid `out_of_range`)."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            object.__setattr__(self, "start", as_utc(self.start))
            object.__setattr__(self, "end", as_utc(self.end))
        if self.end < self.start:
            raise Invalid("out_of_range", f"a span can't end ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")

    def __str__(self) -> str:
        return f"{self.start.isoformat()} to {self.end.isoformat()}"

    @property
    def empty(self) -> bool:
        return self.start == self.end

    @property
    def seconds(self) -> Fraction:
        """The elapsed time, exact, in seconds."""
        return Fraction((self.end - self.start) // _MICROSECOND, 10**6)

    def contains(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def intersect(self, other: Span) -> Span | None:
        """What both have in common; None where that is nothing (or empty)."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def cut(self, instants: Iterable[datetime]) -> tuple[Span, ...]:
        """The pieces between the instants that lie inside, in order; together they are the whole."""
        inside = sorted({as_utc(instant) for instant in instants if self.start < instant < self.end})
        bounds = [self.start, *inside, self.end]
        return tuple(Span(start, end) for start, end in pairwise(bounds))
