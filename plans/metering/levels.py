"""Levels: states that hold from one record to the next, stated outright or as changes of a running total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from plans.metering.meters import Meter
from plans.metering.records import Record
from plans.money import fraction
from plans.periods import Span

Identity = tuple[str | None, ...]


@dataclass(frozen=True)
class Level:
    """The level from `at` on, and the record that set it."""

    at: datetime
    value: Fraction
    record: Record


def pick(dimensions: Mapping[str, str], names: Sequence[str]) -> Identity:
    """The values of the named dimensions; None where one is missing."""
    return tuple(dimensions.get(name) for name in names)


def levels_by_identity(meter: Meter, records: Sequence[Record], span: Span, names: Sequence[str]) -> dict[Identity, list[Level]]:
    """The levels of each combination of the named dimensions, in order of time, up to the end of the span.

    Records before the span count only where the meter carries its state. With `values: changes` each record adds to the level before
    it, except that a `reading` states it.
    """
    found: dict[Identity, list[Level]] = {}
    for record in records:
        if record.at >= span.end or (record.at < span.start and not meter.carry):
            continue
        levels = found.setdefault(pick(record.dimensions, names), [])
        value = record.exact * fraction(meter.factor)
        if meter.values == "changes" and record.kind != "reading" and levels:
            value += levels[-1].value
        levels.append(Level(record.at, value, record))
    return found
