"""From raw records to a quantity: what a meter shows for a stretch of time, from what, and why the rest did not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from plans.calendars import Calendar
from plans.frozen import frozen
from plans.metering.evaluate import MeasuredEvent, Result, evaluate, tidy, windows
from plans.metering.levels import Identity, pick
from plans.metering.meters import Meter
from plans.metering.prepare import Prepared, Sources, prepare
from plans.metering.records import Record, Skipped, effective
from plans.money import Exact
from plans.periods import Period, Span

NO_METERS: Mapping[str, Meter] = MappingProxyType({})
NO_CALENDARS: Mapping[str, Calendar] = MappingProxyType({})


@frozen()
class Measured:
    """What a meter shows: Decimal where the quantity has a finite form of at most 30 digits, else Fraction.

    `windows`: the meter's own windows that hold anything, each with its quantity. `counted`: references of the records behind it, in
    order of time. `skipped`: the records given for the span that did not count, with the reason. `problems`: what a person should look
    at. `estimated`: whether an estimate is behind it.
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


def measure(
    meter: Meter,
    records: Sequence[Record],
    span: Span,
    *,
    zone: str,
    calendars: Mapping[str, Calendar] = NO_CALENDARS,
    before: Sequence[Record] = (),
    meters: Mapping[str, Meter] = NO_METERS,
    full: Span | None = None,
) -> Measured:
    """What the meter shows for `[span.start, span.end)`. The order of the records does not matter.

    `records` are those of the span and, for a register, the reading after it; `before` are earlier ones, for states, registers and uses
    that began before (not listed as skipped). Corrections may stand anywhere. `meters`: the parts of a meter made of meters. `full`: a
    time-weighted level is weighted over this longer period, so that the parts of a period add up. Raises Invalid `unknown_choice` for
    a missing calendar or meter, `conflict` for corrections in a circle.
    """
    standing = effective([*before, *records])
    prepared = prepare(meter, span, Sources(standing.records, zone, calendars, meters))
    result = evaluate(prepared, span, full)
    reasons = {entry.record: entry for entry in standing.skipped} | prepared.skipped
    return _measured(result, _unused(prepared, records, span, result, reasons), tuple(prepared.problems))


def measure_windows(
    meter: Meter,
    records: Sequence[Record],
    span: Span,
    *,
    window: Period,
    zone: str,
    calendars: Mapping[str, Calendar] = NO_CALENDARS,
    before: Sequence[Record] = (),
    meters: Mapping[str, Meter] = NO_METERS,
) -> tuple[tuple[Span, Measured], ...]:
    """What the meter shows in each calendar window (hour, day, …) of the span alone, for prices with a `window`: all windows, in order,
    the empty ones too. `skipped` and `problems` are told by `measure` only."""
    standing = effective([*before, *records])
    prepared = prepare(meter, span, Sources(standing.records, zone, calendars, meters))
    return tuple((part, _measured(evaluate(prepared, part, None), (), ())) for part in windows(window, span, zone))


def _measured(result: Result | None, skipped: tuple[Skipped, ...], problems: tuple[Skipped, ...]) -> Measured:
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


def _unused(
    prepared: Prepared, records: Sequence[Record], span: Span, result: Result | None, reasons: Mapping[str, Skipped]
) -> tuple[Skipped, ...]:
    used = {record.reference for record in result.used.values()} if result is not None else set()
    codes, by_time = _codes(prepared), _filters_by_time(prepared)
    found: dict[str, Skipped] = {}
    for record in sorted(records, key=lambda record: record.order):
        if record.reference in used or (record.meter and record.meter not in codes):
            continue
        found[record.reference] = reasons.get(record.reference) or _outside(record, span, by_time=by_time)
    return tuple(found.values())


def _codes(prepared: Prepared) -> set[str]:
    """The codes of the meters that were asked."""
    if prepared.parts:
        return {code for part in prepared.parts for code in _codes(part)}
    return {prepared.meter.reads or prepared.meter.code}


def _filters_by_time(prepared: Prepared) -> bool:
    return bool(prepared.wanted) or any(_filters_by_time(part) for part in prepared.parts)


def _outside(record: Record, span: Span, *, by_time: bool) -> Skipped:
    """Nothing refused the record, but nothing of it counted: it lies outside, in another band, or behind another record of its instant."""
    told = f"its time, {record.at.isoformat()}, is"
    if record.at >= span.end:
        return Skipped(record.reference, "outside_period", f"{told} not before the period's end, {span.end.isoformat()}")
    if record.at < span.start:
        return Skipped(record.reference, "outside_period", f"{told} before the period's start, {span.start.isoformat()}")
    if by_time:
        return Skipped(record.reference, "filtered", f"{told} in a band that the meter does not count")
    return Skipped(record.reference, "superseded", "another record of the same instant outweighs it")
