"""Statistics of samples: maximum, minimum, latest, average, percentile and the number of different values. They can't be added up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from plans.calendars import Calendar
from plans.errors import Invalid
from plans.metering.levels import Identity, Level, levels_by_identity, pick
from plans.metering.meters import Meter
from plans.metering.records import Record
from plans.money import Exact, fraction
from plans.periods import Span


@dataclass(frozen=True)
class Sample:
    """One value at one instant, with its dimensions (derived ones too)."""

    at: datetime
    value: Fraction
    record: Record
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class Statistic:
    """The value of a whole window, and that of each combination of dimensions as the samples that stand for it."""

    value: Fraction
    samples: tuple[Sample, ...]
    used: tuple[Record, ...]


@dataclass(frozen=True)
class Samples:
    """All that one meter may sample up to the end of a span, in order of time."""

    meter: Meter
    zone: str
    derive: tuple[tuple[str, Calendar], ...]
    wanted: tuple[tuple[str, frozenset[str]], ...]
    levels: Mapping[Identity, Sequence[Level]]
    total: Sequence[Level]  # `values: changes`: the level of all combinations together

    def statistic(self, window: Span) -> Statistic | None:
        """The statistic of the samples in the window; None where there are none."""
        samples = self._filtered([sample for levels in self.levels.values() for sample in self._in(levels, window)])
        if not samples:
            return None
        samples.sort(key=lambda sample: (sample.at, sample.record.order))
        groups: dict[Identity, list[Sample]] = {}
        for sample in samples:
            groups.setdefault(pick(sample.dimensions, self.meter.names), []).append(sample)
        standing = [chosen for members in groups.values() for chosen in self._standing(members)]
        used = {sample.record.key: sample.record for sample in samples}
        return Statistic(self._overall(samples, standing, window), tuple(standing), tuple(used.values()))

    def _in(self, levels: Sequence[Level], window: Span) -> list[Sample]:
        first = bisect_left(levels, window.start, key=lambda level: level.at)
        last = bisect_left(levels, window.end, key=lambda level: level.at)
        found = [self._sample(level, level.at) for level in levels[first:last]]
        if self.meter.carry and first > 0 and (not found or found[0].at > window.start):
            found.insert(0, self._sample(levels[first - 1], window.start))
        return found

    def _sample(self, level: Level, at: datetime) -> Sample:
        dimensions = dict(level.record.dimensions)
        for name, calendar in self.derive:
            dimensions[name] = calendar.classify(at, self.zone)
        return Sample(at, level.value, level.record, dimensions)

    def _filtered(self, samples: list[Sample]) -> list[Sample]:
        return [sample for sample in samples if all(sample.dimensions.get(name) in values for name, values in self.wanted)]

    def _standing(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples that stand for a group: the first of each different value, each counted as 1; else one with the statistic."""
        meter = self.meter
        if meter.unique is not None:
            first: dict[str, Sample] = {}
            for sample in samples:
                first.setdefault(sample.dimensions[meter.unique], replace(sample, value=Fraction(1)))
            return list(first.values())
        value = self._value(samples)
        at = next((sample for sample in samples if sample.value == value and meter.aggregate in ("max", "min", "percentile")), samples[-1])
        kept = {name: at.dimensions[name] for name in meter.names if name in at.dimensions}
        return [Sample(at.at, value, at.record, kept)]

    def _overall(self, samples: Sequence[Sample], standing: Sequence[Sample], window: Span) -> Fraction:
        """The statistic of everything: the latest levels add up, running levels are those of all together, others are of all samples."""
        if self.meter.aggregate == "latest":
            return sum((sample.value for sample in standing), Fraction(0))
        if self.meter.unique is not None:
            return Fraction(len({sample.dimensions[self.meter.unique] for sample in samples}))
        if self.meter.values == "changes":
            return self._value(self._filtered(self._in(self.total, window)) or samples)
        return self._value(samples)

    def _value(self, samples: Sequence[Sample]) -> Fraction:
        values = [sample.value for sample in samples]
        return values[-1] if self.meter.aggregate == "latest" else summary(self.meter.aggregate, values, self.meter.percentile)


def sampled(
    meter: Meter,
    records: Sequence[Record],
    span: Span,
    *,
    zone: str,
    derive: tuple[tuple[str, Calendar], ...],
    wanted: tuple[tuple[str, frozenset[str]], ...],
) -> Samples:
    """What the meter may sample up to the end of the span, from records in order of time."""
    total: Sequence[Level] = ()
    if meter.values == "changes":
        total = levels_by_identity(meter, records, span, ()).get((), ())
    return Samples(meter, zone, derive, wanted, levels_by_identity(meter, records, span, meter.identity), total)


def summary(how: str, values: Sequence[Fraction], p: Exact | None = None) -> Fraction:
    """`sum`, `max`, `min`, `average` or `percentile` of at least one value."""
    if how == "sum":
        return sum(values, Fraction(0))
    if how == "max":
        return max(values)
    if how == "min":
        return min(values)
    if how == "average":
        return sum(values, Fraction(0)) / len(values)
    return percentile(values, p if p is not None else 100)


def percentile(values: Sequence[Fraction], p: Exact) -> Fraction:
    """Sort, drop floor(n × (100 − p)/100) from the top, take the next. Missing samples are absent, not 0. Raises Invalid for no samples."""
    if not values:
        raise Invalid("out_of_range", "there is no percentile of no samples")
    dropped = int(len(values) * (100 - fraction(p)) / 100)
    return sorted(values, reverse=True)[min(dropped, len(values) - 1)]
