"""Before anything is counted: the records of a meter, filtered, and placed in time, ready to be asked about any part of a span."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from plans.calendars import Calendar
from plans.errors import Invalid
from plans.fields import suggestion
from plans.metering.extents import Extent, level_extents, usage_extents
from plans.metering.meters import ADDITIVE, Meter
from plans.metering.records import Record, Skipped
from plans.metering.registers import register_extents
from plans.metering.samples import Samples, sampled
from plans.periods import Span

NEEDS_VALUE = frozenset({"sum", "max", "min", "latest", "average", "percentile", "time_weighted"})


@dataclass
class Prepared:
    """A meter with its records placed in time, ready to be asked about any part of the span."""

    meter: Meter
    zone: str
    extents: Sequence[Extent] = ()
    samples: Samples | None = None
    derive: tuple[tuple[str, Calendar], ...] = ()
    wanted: tuple[tuple[str, frozenset[str]], ...] = ()  # of derived dimensions
    parts: tuple[Prepared, ...] = ()
    skipped: dict[str, Skipped] = field(default_factory=dict)
    problems: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    records: Sequence[Record]
    zone: str
    calendars: Mapping[str, Calendar]
    meters: Mapping[str, Meter]


def prepare(meter: Meter, span: Span, sources: Sources, above: tuple[str, ...] = ()) -> Prepared:
    if meter.parts:
        return _prepare_parts(meter, span, sources, above)
    calendars = tuple((name, _calendar(calendar, sources.calendars)) for name, calendar in meter.derive)
    derived = {name for name, _ in meter.derive}
    prepared = Prepared(meter, sources.zone, derive=calendars, wanted=tuple(rule for rule in meter.filter if rule[0] in derived))
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


def _prepare_parts(meter: Meter, span: Span, sources: Sources, above: tuple[str, ...]) -> Prepared:
    if meter.code in above:
        raise Invalid("conflict", f"a meter can't be made of itself: {' of '.join((*above, meter.code))}")
    prepared = Prepared(meter, sources.zone)
    for code in meter.parts:
        if code not in sources.meters:
            raise Invalid("unknown_choice", f"there is no meter {code!r}{suggestion(code, sorted(sources.meters))}", at=meter.code)
        part = prepare(sources.meters[code], span, sources, (*above, meter.code))
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
