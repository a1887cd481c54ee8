"""What prepared records amount to in one span, window by window, exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from plans.metering.extents import Extent, by_time_of_use, deal
from plans.metering.levels import Identity, pick
from plans.metering.meters import Meter
from plans.metering.prepare import Prepared
from plans.metering.records import Key, Record
from plans.metering.samples import Samples, summary
from plans.money import Exact, plain
from plans.periods import Cycle, Period, Span


@dataclass(frozen=True)
class MeasuredEvent:
    """A part of the quantity, for prices that look at events or dimensions: one for each record (and band, and window) where the
    meter adds up, one for each combination of dimensions where it doesn't. `record` is "" where no single record stands for it; `since`
    names the earlier reading that a register's reading was compared with, taken at `since_at`."""

    at: datetime
    quantity: Exact
    amount: Exact | None
    dimensions: Mapping[str, str]
    record: str = ""
    until: datetime | None = None
    since: str = ""
    since_at: datetime | None = None


@dataclass(frozen=True)
class Result:
    """One window measured. `events` still exact."""

    quantity: Fraction
    events: tuple[tuple[Fraction, MeasuredEvent], ...]
    used: Mapping[Key, Record]
    windows: tuple[tuple[Span, Fraction], ...] = ()


def tidy(value: Fraction) -> Exact:
    """The value as Decimal where that is exact with at most 30 digits, else as it is."""
    if value.denominator == 1 and abs(value.numerator) < 10**30:
        return Decimal(value.numerator)
    text = plain(value)
    return value if "/" in text or len(text) > 31 else Decimal(text)


def windows(window: Period | None, span: Span, zone: str) -> list[Span]:
    return [span] if window is None else list(Cycle(window, span.start, zone, "calendar").spans(span.start, span.end))


def evaluate(prepared: Prepared, span: Span, full: Span | None) -> Result | None:
    """The quantity of the span; None where nothing lies in it."""
    cut = windows(prepared.meter.window, span, prepared.zone)
    full = full if prepared.meter.window is None else None
    if prepared.parts:
        found = [_composed(prepared, window, full) for window in cut]
    elif prepared.samples is not None:
        found = [_sampled(prepared.samples, window) for window in cut]
    else:
        found = [_summed(prepared, extents, window, full) for window, extents in zip(cut, deal(prepared.extents, cut), strict=True)]
    present = [(window, result) for window, result in zip(cut, found, strict=True) if result is not None]
    if not present:
        return None
    return present[0][1] if prepared.meter.window is None else _combined(prepared.meter, present)


def _summed(prepared: Prepared, extents: Sequence[Extent], window: Span, full: Span | None) -> Result | None:
    pieces = by_time_of_use(extents, prepared.derive, prepared.zone, prepared.wanted)
    if not pieces:
        return None
    divisor = (full or window).seconds if prepared.meter.aggregate == "time_weighted" else Fraction(1)
    merged: dict[tuple[Key, frozenset[tuple[str, str]]], list[Extent]] = {}
    for piece in pieces:
        merged.setdefault((piece.record.key, frozenset(piece.dimensions.items())), []).append(piece)
    events = tuple(_event(same, divisor) for same in merged.values())
    used = {piece.record.key: piece.record for piece in pieces}
    return Result(sum((quantity for quantity, _ in events), Fraction(0)), events, used)


def _event(pieces: Sequence[Extent], divisor: Fraction) -> tuple[Fraction, MeasuredEvent]:
    """The pieces of one record with the same dimensions, as one event."""
    first, last = pieces[0], pieces[-1]
    quantity = first.quantity if len(pieces) == 1 else sum((piece.quantity for piece in pieces), Fraction(0))
    quantity = quantity if divisor == 1 else quantity / divisor
    amount = None if first.amount is None else tidy(sum((piece.amount or Fraction(0) for piece in pieces), Fraction(0)))
    until = None if last.where.empty else last.where.end
    event = MeasuredEvent(first.where.start, tidy(quantity), amount, first.dimensions, first.record.reference, until)
    return quantity, replace(event, since=first.since.reference, since_at=first.since.at) if first.since else event


def _sampled(samples: Samples, window: Span) -> Result | None:
    found = samples.statistic(window)
    if found is None:
        return None
    events = tuple(
        (sample.value, MeasuredEvent(sample.at, tidy(sample.value), sample.record.amount, sample.dimensions, sample.record.reference))
        for sample in found.samples
    )
    return Result(found.value, events, {record.key: record for record in found.used})


def _composed(prepared: Prepared, window: Span, full: Span | None) -> Result | None:
    """`max_of`: the greatest part (the first of equals), with its events; `sum_of`: all of them. A part without records is 0; a window
    in which no part has any is absent."""
    found = [evaluate(part, window, full) for part in prepared.parts]
    present = [result for result in found if result is not None]
    if not present:
        return None
    used = {key: record for result in present for key, record in result.used.items()}
    if prepared.meter.aggregate == "sum_of":
        total = sum((result.quantity for result in present), Fraction(0))
        return Result(total, tuple(event for result in present for event in result.events), used)
    greatest = max(present, key=lambda result: result.quantity)
    if len(present) < len(found) and greatest.quantity < 0:
        return Result(Fraction(0), (), used)
    return Result(greatest.quantity, greatest.events, used)


def _combined(meter: Meter, present: Sequence[tuple[Span, Result]]) -> Result:
    """Windows put together by `over`; a window without records is absent. By `sum` their events stay, else one for each combination."""
    quantity = summary(meter.over, [result.quantity for _, result in present], meter.percentile)
    used = {key: record for _, result in present for key, record in result.used.items()}
    each = tuple((window, result.quantity) for window, result in present)
    if meter.over == "sum":
        return Result(quantity, tuple(event for _, result in present for event in result.events), used, each)
    series: dict[Identity, list[Fraction]] = {}
    for _, result in present:
        sums: dict[Identity, Fraction] = {}
        for value, event in result.events:
            key = pick(event.dimensions, meter.names)
            sums[key] = sums.get(key, Fraction(0)) + value
        for key, value in sums.items():
            series.setdefault(key, []).append(value)
    return Result(quantity, tuple(_series_event(meter, key, values, present[0][0]) for key, values in series.items()), used, each)


def _series_event(meter: Meter, key: Identity, values: Sequence[Fraction], first: Span) -> tuple[Fraction, MeasuredEvent]:
    value = summary(meter.over, values, meter.percentile)
    dimensions = {name: part for name, part in zip(meter.names, key, strict=True) if part is not None}
    return value, MeasuredEvent(first.start, tidy(value), None, dimensions)
