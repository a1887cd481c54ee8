"""What holds for all measurements: any order, any cut, any correction; and an independent, slow definition of each aggregate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plans.calendars import parse_calendar
from plans.metering import Measured, Record, measure, measure_windows, parse_meter, tidy
from plans.periods import Period, Span

START = datetime(2026, 3, 27, tzinfo=UTC)
FULL = Span(START, START + timedelta(days=5))  # holds the night on which the clocks change in Europe
ZONE = "Europe/Madrid"
CALENDARS = {"tariff": parse_calendar({"bands": {"peak": ["18:00-23:00"], "night": ["22:00-03:00"]}, "otherwise": "flat"})}

METERS: dict[str, dict[str, Any]] = {
    "count": {"aggregate": "count"},
    "sum": {"aggregate": "sum"},
    "sum by band": {"aggregate": "sum", "derive": {"band": "tariff"}},
    "sum by disk": {"aggregate": "sum", "dimensions": ["disk"]},
    "sum at the end": {"aggregate": "sum", "spread": "end"},
    "max": {"aggregate": "max", "derive": {"band": "tariff"}},
    "min": {"aggregate": "min", "dimensions": ["disk"]},
    "latest": {"aggregate": "latest", "dimensions": ["disk"]},
    "average": {"aggregate": "average"},
    "percentile": {"aggregate": "percentile", "percentile": "90"},
    "unique": {"aggregate": "unique", "unique": "disk"},
    "level": {"aggregate": "time_weighted"},
    "levels": {"aggregate": "time_weighted", "dimensions": ["disk"], "values": "changes"},
    "highest level": {"aggregate": "max", "values": "changes"},
    "hourly": {"aggregate": "max", "window": "hour", "over": "average"},
    "register": {"aggregate": "register"},
    "register at readings": {"aggregate": "register", "register": {"spread": "end", "digits": 3}},
    "registers": {"aggregate": "register", "register": {"per": "disk", "estimates": "kept"}, "derive": {"band": "tariff"}},
}
ADDITIVE = [
    "count",
    "sum",
    "sum by band",
    "sum by disk",
    "sum at the end",
    "level",
    "levels",
    "register",
    "register at readings",
    "registers",
]

MOMENTS = st.integers(-2 * 86400, 7 * 86400).map(lambda seconds: START + timedelta(seconds=seconds))


@st.composite
def records(draw: st.DrawFn, most: int = 12) -> list[Record]:
    found = []
    for i in range(draw(st.integers(0, most))):
        at = draw(MOMENTS)
        length = draw(st.none() | st.integers(1, 2 * 86400))
        found.append(
            Record(
                id=str(i),
                at=at,
                value=draw(st.decimals(0, 900, places=2)),
                dimensions=draw(st.sampled_from([{"disk": "a"}, {"disk": "b"}])),
                until=None if length is None else at + timedelta(seconds=length),
                sequence=i,
                estimated=draw(st.integers(0, 4)) == 0,
            )
        )
    return found


def show(name: str, given_records: list[Record], span: Span = FULL, **more: Any) -> Measured:
    before = [record for record in given_records if record.at < span.start]
    rest = [record for record in given_records if record.at >= span.start]
    return measure(parse_meter("m", METERS[name]), rest, span, zone=ZONE, calendars=CALENDARS, before=before, **more)


@given(st.data(), st.sampled_from(sorted(METERS)), records())
def test_the_order_of_the_records_does_not_matter(data: st.DataObject, name: str, found: list[Record]) -> None:
    assert show(name, data.draw(st.permutations(found))) == show(name, found)


@given(st.sampled_from(ADDITIVE), records(), st.lists(MOMENTS, max_size=5))
def test_the_parts_of_a_period_add_up_to_the_whole(name: str, found: list[Record], cuts: list[datetime]) -> None:
    parts = [show(name, found, span, full=FULL) for span in FULL.cut(cuts)]
    assert sum(Fraction(part.quantity) for part in parts) == Fraction(show(name, found).quantity)


@given(st.sampled_from(ADDITIVE), records())
def test_events_add_up_to_the_quantity(name: str, found: list[Record]) -> None:
    whole = show(name, found)
    assert sum(Fraction(event.quantity) for event in whole.events) == Fraction(whole.quantity)
    assert sum(map(Fraction, whole.by("band", "disk").values())) == Fraction(whole.quantity)


@given(st.sampled_from(["count", "sum", "sum by band", "register"]), records(), st.sampled_from(["hour", "day", "week"]))
def test_windows_add_up_to_the_whole(name: str, found: list[Record], unit: Any) -> None:
    parts = measure_windows(parse_meter("m", METERS[name]), found, FULL, window=Period(1, unit), zone=ZONE, calendars=CALENDARS)
    assert sum(Fraction(part.quantity) for _, part in parts) == Fraction(show(name, found).quantity)
    assert (parts[0][0].start, parts[-1][0].end) == (FULL.start, FULL.end)


@given(st.sampled_from(sorted(METERS)), records(), st.integers(0, 11))
def test_a_voided_record_is_as_if_it_had_never_been_sent(name: str, found: list[Record], chosen: int) -> None:
    victim = str(chosen)
    without = show(name, [record for record in found if record.id != victim])
    voided = show(name, [*found, Record("void", START, voids=("", victim), sequence=99)])
    assert (voided.quantity, voided.counted, voided.events) == (without.quantity, without.counted, without.events)


@given(st.sampled_from(sorted(METERS)), records())
def test_every_record_of_the_period_is_counted_or_explained(name: str, found: list[Record]) -> None:
    whole = show(name, found)
    told = {*whole.counted, *(entry.record for entry in whole.skipped)}
    assert {record.id for record in found if record.at >= FULL.start} <= told
    assert not {*whole.counted} & {entry.record for entry in whole.skipped}
    assert all(entry.code and entry.reason for entry in whole.skipped)


STEPS = st.lists(st.tuples(st.integers(0, 5 * 86400 - 1), st.integers(0, 500)), min_size=2, max_size=12, unique_by=lambda step: step[0])


@given(STEPS, st.lists(MOMENTS, max_size=5), st.sampled_from(["register", "register at readings"]))
def test_a_register_s_parts_add_up_to_what_it_counted(steps: list[tuple[int, int]], cuts: list[datetime], name: str) -> None:
    total, readings = 0, []
    for i, (second, used) in enumerate(sorted(steps)):
        total += used if i else 0
        readings.append(Record(str(i), START + timedelta(seconds=second), total % 1000, kind="reading"))
    if name == "register":
        readings = [replace(record, value=sum(used for _, used in sorted(steps)[1 : i + 1])) for i, record in enumerate(readings)]
    parts = [show(name, readings, span) for span in FULL.cut(cuts)]
    assert sum(Fraction(part.quantity) for part in parts) == total
    assert not any(part.problems for part in parts)


@given(records(), st.booleans())
def test_levels_against_the_definition(found: list[Record], by_changes: bool) -> None:
    """The mean of the level at every hour of the period, with records that change it on the hour only."""
    grid = timedelta(seconds=3600)
    records_on_grid = [replace(record, at=START + (record.at - START) // grid * grid, until=None) for record in found]
    meter = {"aggregate": "time_weighted", "values": "changes" if by_changes else "absolute"}
    shown = measure(parse_meter("m", meter), records_on_grid, FULL, zone=ZONE)

    def level(instant: datetime) -> Fraction:
        until_now = sorted((record for record in records_on_grid if record.at <= instant), key=lambda record: (record.at, record.sequence))
        values = [record.exact for record in until_now]
        return sum(values, Fraction(0)) if by_changes else (values or [Fraction(0)])[-1]

    hours = [level(START + grid * hour) for hour in range(5 * 24)]
    assert Fraction(shown.quantity) == sum(hours) / len(hours)


@given(st.fractions())
def test_tidy_changes_no_value(value: Fraction) -> None:
    assert Fraction(tidy(value)) == value
