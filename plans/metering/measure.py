"""From raw records to a quantity: what a meter shows for a stretch of time, from what, and why the rest did not count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from plans.calendars import Calendar
from plans.errors import Invalid
from plans.fields import suggestion
from plans.metering.extents import Extent, by_time_of_use, deal, level_extents, usage_extents
from plans.metering.levels import Identity, pick
from plans.metering.meters import ADDITIVE, Meter
from plans.metering.records import Key, Record, Skipped, effective
from plans.metering.registers import register_extents
from plans.metering.samples import Samples, sampled, summary
from plans.money import Exact, plain
from plans.periods import Cycle, Period, Span

NEEDS_VALUE = frozenset({"sum", "max", "min", "latest", "average", "percentile", "time_weighted"})
NONE: Mapping[str, Meter] = MappingProxyType({})


@dataclass(frozen=True)
class MeasuredEvent:
    """A part of the quantity, for prices that look at events or dimensions: one for each record (and band, and window) where the
    meter adds up, one for each combination of dimensions where it doesn't. `record` is "" where no single record stands for it."""

    at: datetime
    quantity: Exact
    amount: Exact | None
    dimensions: Mapping[str, str]
    record: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Measured:
    """What a meter shows: Decimal where the quantity has a finite form of at most 30 digits, else Fraction.

    `windows`: the meter's own windows that hold anything, each with its quantity. `counted`: references of the records behind it, in
    order of time. `skipped`: the records given for the span that did not count, with the reason. `problems`: those of them that a person should
    look at. `estimated`: whether an estimate is behind it.
    """

    quantity: Exact
    events: tuple[MeasuredEvent, ...] = ()
    windows: tuple[tuple[Span, Exact], ...] = ()
    counted: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problems: tuple[Skipped, ...] = ()
    estimated: bool = False

    def by(self, *names: str) -> dict[tuple[str | None, ...], Exact]:
        """The quantity of each combination of the named dimensions (of meters that add up, of all events)."""
        sums: dict[Identity, Fraction] = {}
        for event in self.events:
            key = pick(event.dimensions, names)
            sums[key] = sums.get(key, Fraction(0)) + Fraction(event.quantity)
        return {key: tidy(value) for key, value in sums.items()}


@dataclass(frozen=True)
class _Result:
    """One window measured. `events` still exact."""

    quantity: Fraction
    events: tuple[tuple[Fraction, MeasuredEvent], ...]
    used: Mapping[Key, Record]
    windows: tuple[tuple[Span, Fraction], ...] = ()


@dataclass
class _Prepared:
    """A meter with its records placed in time, ready to be asked about any part of the span."""

    meter: Meter
    zone: str
    extents: Sequence[Extent] = ()
    samples: Samples | None = None
    derive: tuple[tuple[str, Calendar], ...] = ()
    wanted: tuple[tuple[str, frozenset[str]], ...] = ()  # of derived dimensions
    parts: tuple[_Prepared, ...] = ()
    skipped: dict[str, Skipped] = field(default_factory=dict)
    problems: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class _Sources:
    records: Sequence[Record]
    zone: str
    calendars: Mapping[str, Calendar]
    meters: Mapping[str, Meter]


def measure(
    meter: Meter,
    records: Sequence[Record],
    span: Span,
    *,
    zone: str,
    calendars: Mapping[str, Calendar] = MappingProxyType({}),
    before: Sequence[Record] = (),
    meters: Mapping[str, Meter] = NONE,
    full: Span | None = None,
) -> Measured:
    """What the meter shows for `[span.start, span.end)`. The order of the records does not matter.

    `records` are those of the span and, for a register, the reading after it; `before` are earlier ones, for states, registers and uses
    that began before (not listed as skipped). Corrections may stand anywhere. `meters`: the parts of a meter made of meters. `full`: a time-weighted
    level is weighted over this longer period, so that the parts of a period add up. Raises Invalid `unknown_choice` for a missing calendar or
    meter, `conflict` for corrections in a circle.
    """
    standing = effective([*before, *records])
    prepared = _prepare(meter, span, _Sources(standing.records, zone, calendars, meters))
    result = _evaluate(prepared, span, full)
    reasons = {entry.record: entry for entry in standing.skipped} | prepared.skipped
    return _measured(result, _unused(prepared, records, span, result, reasons), tuple(prepared.problems))


def measure_windows(
    meter: Meter,
    records: Sequence[Record],
    span: Span,
    *,
    window: Period,
    zone: str,
    calendars: Mapping[str, Calendar] = MappingProxyType({}),
    before: Sequence[Record] = (),
    meters: Mapping[str, Meter] = NONE,
) -> tuple[tuple[Span, Measured], ...]:
    """What the meter shows in each calendar window (hour, day, …) of the span alone, for prices with a `window`: all windows, in order,
    the empty ones too. `skipped` and `problems` are told by `measure` only."""
    standing = effective([*before, *records])
    prepared = _prepare(meter, span, _Sources(standing.records, zone, calendars, meters))
    return tuple((part, _measured(_evaluate(prepared, part, None), (), ())) for part in _windows(window, span, zone))


def tidy(value: Fraction) -> Exact:
    """The value as Decimal where that is exact with at most 30 digits, else as it is."""
    if value.denominator == 1 and abs(value.numerator) < 10**30:
        return Decimal(value.numerator)
    text = plain(value)
    return value if "/" in text or len(text) > 31 else Decimal(text)


def _windows(window: Period | None, span: Span, zone: str) -> list[Span]:
    return [span] if window is None else list(Cycle(window, span.start, zone, "calendar").spans(span.start, span.end))


def _measured(result: _Result | None, skipped: tuple[Skipped, ...], problems: tuple[Skipped, ...]) -> Measured:
    if result is None:
        return Measured(Decimal(0), skipped=skipped, problems=problems)
    used = sorted(result.used.values(), key=lambda record: record.order)
    return Measured(
        quantity=tidy(result.quantity),
        events=tuple(event for _, event in result.events),
        windows=tuple((window, tidy(quantity)) for window, quantity in result.windows),
        counted=tuple(record.reference for record in used),
        skipped=skipped,
        problems=problems,
        estimated=any(record.estimated for record in used),
    )


# ── preparing: records of the meter, placed in time ──────────────────────────────────────────────────────────────────────────────────────


def _prepare(meter: Meter, span: Span, sources: _Sources, above: tuple[str, ...] = ()) -> _Prepared:
    if meter.parts:
        return _prepare_parts(meter, span, sources, above)
    calendars = tuple((name, _calendar(calendar, sources.calendars)) for name, calendar in meter.derive)
    derived = {name for name, _ in meter.derive}
    prepared = _Prepared(meter, sources.zone, derive=calendars, wanted=tuple(rule for rule in meter.filter if rule[0] in derived))
    chosen = _select(meter, sources.records, prepared.skipped, derived)
    if meter.aggregate == "register":
        found = register_extents(meter, chosen)
        prepared.extents, prepared.problems = found.extents, found.problems
        prepared.skipped.update({entry.record: entry for entry in found.skipped})
    elif meter.aggregate == "time_weighted":
        prepared.extents = level_extents(meter, chosen, span)
    elif meter.aggregate in ADDITIVE:
        prepared.extents = usage_extents(meter, chosen)
    else:
        prepared.samples = sampled(meter, chosen, span, zone=sources.zone, derive=calendars, wanted=prepared.wanted)
    return prepared


def _prepare_parts(meter: Meter, span: Span, sources: _Sources, above: tuple[str, ...]) -> _Prepared:
    if meter.code in above:
        raise Invalid("conflict", f"a meter can't be made of itself: {' of '.join((*above, meter.code))}")
    prepared = _Prepared(meter, sources.zone)
    for code in meter.parts:
        if code not in sources.meters:
            raise Invalid("unknown_choice", f"there is no meter {code!r}{suggestion(code, sorted(sources.meters))}", at=meter.code)
        part = _prepare(sources.meters[code], span, sources, (*above, meter.code))
        prepared.parts += (part,)
        prepared.skipped |= part.skipped
        prepared.problems += part.problems
    return prepared


def _calendar(name: str, calendars: Mapping[str, Calendar]) -> Calendar:
    if name not in calendars:
        raise Invalid("unknown_choice", f"there is no calendar {name!r}{suggestion(name, sorted(calendars))}")
    return calendars[name]


def _select(meter: Meter, records: Iterable[Record], skipped: dict[str, Skipped], derived: set[str]) -> list[Record]:
    """The records that were sent to this meter and that its filter lets through; the reason for each of the others."""
    chosen = []
    for record in records:
        if record.meter and record.meter != (meter.reads or meter.code):
            continue
        reason = _refused(meter, record, derived)
        if reason is None:
            chosen.append(record)
        else:
            skipped[record.reference] = reason
    return chosen


def _refused(meter: Meter, record: Record, derived: set[str]) -> Skipped | None:
    for name, values in meter.filter:
        if name not in derived and record.dimensions.get(name) not in values:
            told = f"{name} is {record.dimensions.get(name, 'missing')}; the meter counts {', '.join(sorted(values))}"
            return Skipped(record.reference, "filtered", told)
    if meter.aggregate in NEEDS_VALUE and record.value is None:
        return Skipped(record.reference, "no_value", "the record has no value")
    if meter.unique is not None and meter.unique not in record.dimensions:
        return Skipped(record.reference, "missing_dimension", f"the record does not say its {meter.unique}")
    return None


# ── evaluating: one span, through the meter's windows ────────────────────────────────────────────────────────────────────────────────────


def _evaluate(prepared: _Prepared, span: Span, full: Span | None) -> _Result | None:
    """The quantity of the span; None where nothing lies in it."""
    windows = _windows(prepared.meter.window, span, prepared.zone)
    if prepared.parts:
        found = [_composed(prepared, window, full) for window in windows]
    elif prepared.samples is not None:
        found = [_sampled(prepared.samples, window) for window in windows]
    else:
        found = [_summed(prepared, extents, window, full) for window, extents in zip(windows, deal(prepared.extents, windows), strict=True)]
    present = [(window, result) for window, result in zip(windows, found, strict=True) if result is not None]
    if not present:
        return None
    return present[0][1] if prepared.meter.window is None else _combined(prepared.meter, present)


def _summed(prepared: _Prepared, extents: Sequence[Extent], window: Span, full: Span | None) -> _Result | None:
    pieces = by_time_of_use(extents, prepared.derive, prepared.zone, prepared.wanted)
    if not pieces:
        return None
    divisor = (full or window).seconds if prepared.meter.aggregate == "time_weighted" else Fraction(1)
    merged: dict[tuple[Key, frozenset[tuple[str, str]]], list[Extent]] = {}
    for piece in pieces:
        merged.setdefault((piece.record.key, frozenset(piece.dimensions.items())), []).append(piece)
    events = tuple(_event(same, divisor) for same in merged.values())
    used = {piece.record.key: piece.record for piece in pieces}
    return _Result(sum((quantity for quantity, _ in events), Fraction(0)), events, used)


def _event(pieces: Sequence[Extent], divisor: Fraction) -> tuple[Fraction, MeasuredEvent]:
    """The pieces of one record with the same dimensions, as one event."""
    first, last = pieces[0], pieces[-1]
    quantity = sum((piece.quantity for piece in pieces), Fraction(0)) / divisor
    amount = None if first.amount is None else tidy(sum((piece.amount or Fraction(0) for piece in pieces), Fraction(0)))
    until = None if last.where.empty else last.where.end
    return quantity, MeasuredEvent(first.where.start, tidy(quantity), amount, first.dimensions, first.record.reference, until)


def _sampled(samples: Samples, window: Span) -> _Result | None:
    found = samples.statistic(window)
    if found is None:
        return None
    events = tuple(
        (sample.value, MeasuredEvent(sample.at, tidy(sample.value), sample.record.amount, sample.dimensions, sample.record.reference))
        for sample in found.samples
    )
    return _Result(found.value, events, {record.key: record for record in found.used})


def _composed(prepared: _Prepared, window: Span, full: Span | None) -> _Result | None:
    """`max_of`: the greatest part (the first of equals), with its events; `sum_of`: all of them. A part without records is 0, unless all are."""
    found = [_evaluate(part, window, full) for part in prepared.parts]
    present = [result for result in found if result is not None]
    if not present:
        return None
    used = {key: record for result in present for key, record in result.used.items()}
    if prepared.meter.aggregate == "sum_of":
        total = sum((result.quantity for result in present), Fraction(0))
        return _Result(total, tuple(event for result in present for event in result.events), used)
    greatest = max(present, key=lambda result: result.quantity)
    if len(present) < len(found) and greatest.quantity < 0:
        return _Result(Fraction(0), (), used)
    return _Result(greatest.quantity, greatest.events, used)


def _combined(meter: Meter, present: Sequence[tuple[Span, _Result]]) -> _Result:
    """Windows put together by `over`; a window without records is absent. By `sum` their events stay, else one for each combination."""
    quantity = summary(meter.over, [result.quantity for _, result in present], meter.percentile)
    used = {key: record for _, result in present for key, record in result.used.items()}
    windows = tuple((window, result.quantity) for window, result in present)
    if meter.over == "sum":
        return _Result(quantity, tuple(event for _, result in present for event in result.events), used, windows)
    series: dict[Identity, list[Fraction]] = {}
    for _, result in present:
        sums: dict[Identity, Fraction] = {}
        for value, event in result.events:
            key = pick(event.dimensions, meter.names)
            sums[key] = sums.get(key, Fraction(0)) + value
        for key, value in sums.items():
            series.setdefault(key, []).append(value)
    return _Result(quantity, tuple(_series_event(meter, key, values, present[0][0]) for key, values in series.items()), used, windows)


def _series_event(meter: Meter, key: Identity, values: Sequence[Fraction], first: Span) -> tuple[Fraction, MeasuredEvent]:
    value = summary(meter.over, values, meter.percentile)
    dimensions = {name: part for name, part in zip(meter.names, key, strict=True) if part is not None}
    return value, MeasuredEvent(first.start, tidy(value), None, dimensions)


# ── why the rest did not count ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _unused(
    prepared: _Prepared, records: Sequence[Record], span: Span, result: _Result | None, reasons: Mapping[str, Skipped]
) -> tuple[Skipped, ...]:
    used = {record.reference for record in result.used.values()} if result is not None else set()
    codes = _codes(prepared)
    found: dict[str, Skipped] = {}
    for record in sorted(records, key=lambda record: record.order):
        if record.reference in used or (record.meter and record.meter not in codes):
            continue
        found[record.reference] = reasons.get(record.reference) or _outside(record, span)
    return tuple(found.values())


def _codes(prepared: _Prepared) -> set[str]:
    """The codes of the meters that were asked."""
    if prepared.parts:
        return {code for part in prepared.parts for code in _codes(part)}
    return {prepared.meter.reads or prepared.meter.code}


def _outside(record: Record, span: Span) -> Skipped:
    """Nothing refused the record, but nothing of it counted: it lies outside, or another one of the same time stood for it."""
    if record.at >= span.end:
        return Skipped(record.reference, "outside_period", f"at {record.at.isoformat()}, not before the period's end {span.end.isoformat()}")
    if record.at < span.start:
        return Skipped(record.reference, "outside_period", f"at {record.at.isoformat()}, before the period's start {span.start.isoformat()}")
    return Skipped(record.reference, "superseded", "nothing of it counted: its time of use is filtered out, or a record of the same instant outweighs it")
