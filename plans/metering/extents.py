"""Where each record's quantity lies in time: at a moment, or evenly over a stretch. For the aggregates that add up.

A quantity that is spread can be cut at any instant, and its parts are exact and add up: that is how a register's difference, a call
across midnight or a level held for days is shared among periods, windows and bands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

from plans.calendars import Calendar
from plans.metering.levels import levels_by_identity
from plans.metering.meters import Meter
from plans.metering.records import Record
from plans.money import fraction
from plans.periods import Span

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Extent:
    """What one record puts into the quantity, evenly over `where` (an empty span: at that moment). `since`: the record that it is the
    difference from."""

    record: Record
    where: Span
    quantity: Fraction
    amount: Fraction | None
    dimensions: Mapping[str, str]
    since: Record | None = None

    def within(self, span: Span) -> Extent | None:
        """The part that lies in the span; None where there is none."""
        if self.where.empty:
            return self if span.contains(self.where.start) else None
        common = self.where.intersect(span)
        if common is None or common == self.where:
            return None if common is None else self
        part = common.seconds / self.where.seconds
        amount = None if self.amount is None else self.amount * part
        return replace(self, where=common, quantity=self.quantity * part, amount=amount)


def usage_extents(meter: Meter, records: Iterable[Record]) -> list[Extent]:
    """Plain usage (`sum`, `count`): at its time, or spread over its duration as the meter says. A count is never spread."""
    found = []
    for record in records:
        amount = None if record.amount is None else fraction(record.amount)
        quantity = Fraction(1) if meter.aggregate == "count" else record.exact * fraction(meter.factor)
        found.append(Extent(record, _place(meter, record), quantity, amount, record.dimensions))
    return found


def _place(meter: Meter, record: Record) -> Span:
    if record.until is None or meter.spread == "start" or (meter.aggregate == "count" and meter.spread == "time"):
        return Span(record.at, record.at)
    if meter.spread == "end":
        return Span(record.until - MOMENT, record.until - MOMENT)
    return Span(record.at, record.until)


def level_extents(meter: Meter, records: Sequence[Record], span: Span) -> list[Extent]:
    """Levels over time, as level-seconds: each holds until the next one of its identity, the last until the end of the span.

    A record with `until` is a level of its own for as long as it says, on top of the others.
    """
    factor = fraction(meter.factor)
    found = []
    for record in records:
        if record.until is not None:
            held = Span(record.at, record.until)
            found.append(Extent(record, held, record.exact * factor * held.seconds, None, record.dimensions))
    open_ended = [record for record in records if record.until is None]
    for levels in levels_by_identity(meter, open_ended, span, meter.identity).values():
        for i, level in enumerate(levels):
            end = levels[i + 1].at if i + 1 < len(levels) else max(level.at, span.end)
            held = Span(level.at, end)
            if not held.empty:
                found.append(Extent(level.record, held, level.value * held.seconds, None, level.record.dimensions))
    return found


def deal(extents: Iterable[Extent], windows: Sequence[Span]) -> list[list[Extent]]:
    """The parts of the extents that lie in each window (adjoining, in order)."""
    dealt: list[list[Extent]] = [[] for _ in windows]
    starts = [window.start for window in windows]
    for extent in extents:
        i = max(bisect_right(starts, extent.where.start) - 1, 0)
        while i < len(windows) and windows[i].start <= extent.where.end:
            part = extent.within(windows[i])
            if part is not None:
                dealt[i].append(part)
            i += 1
    return dealt


def by_time_of_use(
    extents: Iterable[Extent], derive: Sequence[tuple[str, Calendar]], zone: str, wanted: Sequence[tuple[str, frozenset[str]]]
) -> list[Extent]:
    """The extents cut at the bounds of each calendar's bands, with the band as a dimension; of them those that `wanted` lets through."""
    found = list(extents)
    for name, calendar in derive:
        found = [piece for extent in found for piece in _by_band(extent, name, calendar, zone)]
    return [extent for extent in found if all(extent.dimensions.get(name) in values for name, values in wanted)]


def _by_band(extent: Extent, name: str, calendar: Calendar, zone: str) -> list[Extent]:
    found = []
    for where, band in calendar.split(extent.where, zone):
        piece = extent.within(where) if not where.empty else extent
        if piece is not None:
            found.append(replace(piece, dimensions={**piece.dimensions, name: band}))
    return found
