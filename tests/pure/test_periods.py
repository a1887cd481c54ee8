"""Spans, periods and cycles: exact bounds on the hard days, and the properties that hold for all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid
from plans.periods import (
    Cycle,
    Period,
    Span,
    Unit,
    local_date,
    parse_date,
    parse_day,
    parse_duration,
    parse_period,
    parse_time,
    to_local,
    to_utc,
)

MADRID, NEW_YORK, LORD_HOWE, APIA = "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"
ZONES = ["UTC", MADRID, NEW_YORK, LORD_HOWE, APIA, "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Cairo"]


def utc(text: str) -> datetime:
    return parse_time(text, "UTC")


def starts(cycle: Cycle, start: str, count: int) -> list[str]:
    """The local dates on which `count` periods start, from the one that contains local `start`."""
    periods = islice(cycle.periods(parse_time(start, cycle.zone)), count)
    return [str(local_date(span.start, cycle.zone)) for span in periods]


def every(text: str, anchor: str, zone: str = MADRID, **more: object) -> Cycle:
    return Cycle(parse_period(text), parse_time(anchor, zone), zone, **more)  # type: ignore[arg-type]


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [
        ("month", 1, "month"), ("1 month", 1, "month"), ("2 weeks", 2, "week"), ("15 minutes", 15, "minute"), ("1 year", 1, "year"),
        ("quarter", 3, "month"), ("2 quarters", 6, "month"), ("half-year", 6, "month"), ("monthly", 1, "month"), ("P1M", 1, "month"),
        ("P2W", 2, "week"), ("PT15M", 15, "minute"), ("PT1H", 1, "hour"), ("P1Y", 1, "year"), ("P30D", 30, "day"), ("fortnight", 2, "week"),
    ],
)  # fmt: skip
def test_periods_are_read(text: str, count: int, unit: Unit) -> None:
    assert parse_period(text) == Period(count, unit)


@pytest.mark.parametrize("text", ["", "1", "monthling", "P1", "PT1D", "1.5 months", "-1 month", "month month", None, 3, "P", "２ weeks"])
def test_what_is_no_period_is_refused_with_its_path(text: object) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_period(text, "plans.room.period")
    assert (refusal.value.code, refusal.value.at) == ("not_a_period", "plans.room.period")


@pytest.mark.parametrize("text", ["0 days", "101 years", "999999999 minutes"])
def test_a_period_of_nothing_or_of_ages_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_period(text)
    assert refusal.value.code == "out_of_range"


@given(st.integers(1, 100), st.sampled_from(get_args(Unit)))
def test_a_period_reads_back_from_its_own_words(count: int, unit: Unit) -> None:
    assert parse_period(str(Period(count, unit))) == Period(count, unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-02-28T23:00:00+00:00"),
        ("2026-03-01T15:00", "2026-03-01T14:00:00+00:00"),
        ("2026-03-01 15:00:30.25", "2026-03-01T14:00:30.250000+00:00"),
        ("2026-03-01T15:00Z", "2026-03-01T15:00:00+00:00"),
        ("2026-03-01T15:00:00-03:00", "2026-03-01T18:00:00+00:00"),
        ("2026-03-01T15:00+0530", "2026-03-01T09:30:00+00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30:00+00:00"),  # skipped in Madrid: read as 03:30
        ("2026-10-25T02:30", "2026-10-25T00:30:00+00:00"),  # comes twice: the first
        (date(2026, 3, 1), "2026-02-28T23:00:00+00:00"),
    ],
)
def test_times_are_read_as_instants(text: object, expected: str) -> None:
    found = parse_time(text, MADRID)
    assert (found.isoformat(), found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize("text", ["", "2026-3-1", "2026-02-30", "2026-03-01T25:00", "2026-03-01T15", "yesterday", None, 20260301,
                                  "2026-03-01T15:00+99:00", "2026-03-01T15:00+14:75", "٢٠٢٦-03-01"])  # fmt: skip
def test_what_is_no_time_is_refused_with_its_path(text: object) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_time(text, MADRID, "steps[2].at")
    assert (refusal.value.code, refusal.value.at) == ("not_a_time", "steps[2].at")


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "0001-01-01T00:00+14:00", "1899-12-31T23:00Z", date(1, 1, 1)])
def test_a_time_beyond_the_calendar_is_refused_with_its_path(text: object) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_time(text, MADRID, "steps[2].at")
    assert (refusal.value.code, refusal.value.at) == ("out_of_range", "steps[2].at")


@pytest.mark.parametrize("zone", ["Europe/Madird", "", "../etc/passwd", "Europe", "\x00"])
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_time("2026-03-01", zone, "zone")
    assert (refusal.value.code, refusal.value.at) == ("unknown_zone", "zone")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8d", 691200), ("48h", 172800), ("P2D", 172800), ("90 minutes", 5400), ("1h 30m", 5400), ("PT15M", 900), ("2 weeks", 1209600),
     ("P1DT12H", 129600), ("30s", 30), ("1 day, 2 hours", 93600), ("0d", 0)],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "8", "8x", "P", "PT", "P1M", "1 month", "d8", None, 8, "-8d"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_duration(text, "fees[0].before")
    assert (refusal.value.code, refusal.value.at) == ("not_a_duration", "fees[0].before")


def test_dates_and_billing_days() -> None:
    assert parse_date("2028-02-29") == date(2028, 2, 29)
    assert (parse_day("last"), parse_day(28), parse_day("5")) == (31, 28, 5)
    for wrong in (0, 32, "first", True, "2.0"):
        with pytest.raises(Invalid):
            parse_day(wrong)
    for wrong_date in ("2026-02-29", "2026-2-1", 5, datetime(2026, 1, 1, tzinfo=UTC)):
        with pytest.raises(Invalid):
            parse_date(wrong_date)


# ── spans ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_span_is_half_open_and_kept_in_utc() -> None:
    span = Span(parse_time("2026-03-01", MADRID).astimezone(), utc("2026-03-05"))
    assert span.start.tzinfo is UTC
    assert span.contains(span.start)
    assert not span.contains(span.end)
    assert span.seconds == Fraction(4 * 86400 + 3600)
    assert span.intersect(Span(span.end, utc("2026-04-01"))) is None
    assert span.intersect(Span(utc("2026-03-02"), utc("2026-03-09"))) == Span(utc("2026-03-02"), utc("2026-03-05"))
    assert [piece.start for piece in span.cut([utc("2026-03-04"), utc("2026-03-02"), span.start])] == [
        span.start, utc("2026-03-02"), utc("2026-03-04")]  # fmt: skip


def test_a_span_runs_forward_between_instants() -> None:
    with pytest.raises(Invalid) as backwards:
        Span(utc("2026-03-02"), utc("2026-03-01"))
    with pytest.raises(Invalid) as naive:
        Span(datetime(2026, 3, 1), utc("2026-03-02"))  # noqa: DTZ001 - a datetime without a zone is the input under test
    assert (backwards.value.code, naive.value.code) == ("out_of_range", "wrong_type")


# ── cycles: exact ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_month_from_the_31st_comes_back_to_the_31st() -> None:
    assert starts(every("month", "2026-01-31"), "2026-01-31", 5) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert starts(every("month", "2028-01-31"), "2028-01-31", 3) == ["2028-01-31", "2028-02-29", "2028-03-31"]


def test_the_28th_and_the_last_day_are_different_intents() -> None:
    assert starts(every("month", "2026-02-28"), "2026-02-28", 3) == ["2026-02-28", "2026-03-28", "2026-04-28"]
    assert starts(every("month", "2026-02-28", day=31), "2026-02-28", 3) == ["2026-02-28", "2026-03-31", "2026-04-30"]


def test_a_year_from_the_leap_day() -> None:
    assert starts(every("year", "2024-02-29"), "2024-02-29", 6) == [
        "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29", "2029-02-28"]  # fmt: skip


def test_periods_before_the_anchor_exist_too() -> None:
    cycle = every("month", "2026-01-31")
    assert local_date(cycle.preceding(cycle.period_at(cycle.anchor)).start, MADRID) == date(2025, 12, 31)
    assert starts(cycle, "2025-02-28", 2) == ["2025-02-28", "2025-03-31"]


@pytest.mark.parametrize(
    ("period", "day", "start", "expected"),
    [
        ("month", None, "2026-02-17", ["2026-02-01", "2026-03-01", "2026-04-01"]),
        ("month", 15, "2026-02-10", ["2026-01-15", "2026-02-15", "2026-03-15"]),
        ("month", 31, "2026-02-10", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("quarter", None, "2026-02-17", ["2026-01-01", "2026-04-01", "2026-07-01"]),
        ("half-year", None, "2026-08-17", ["2026-07-01", "2027-01-01", "2027-07-01"]),
        ("5 months", None, "2026-02-17", ["2026-02-01", "2026-07-01", "2026-12-01"]),
        ("year", None, "2026-08-17", ["2026-01-01", "2027-01-01", "2028-01-01"]),
        ("week", None, "2026-03-01", ["2026-02-23", "2026-03-02", "2026-03-09"]),
        ("week", 7, "2026-03-01", ["2026-03-01", "2026-03-08", "2026-03-15"]),
        ("2 weeks", None, "2026-03-04", ["2026-03-02", "2026-03-16", "2026-03-30"]),
        ("day", None, "2026-03-28T10:00", ["2026-03-28", "2026-03-29", "2026-03-30"]),
    ],
)
def test_calendar_alignment(period: str, day: int | None, start: str, expected: list[str]) -> None:
    cycle = every(period, start, align="calendar", day=day)
    assert starts(cycle, start, 3) == expected
    assert all(to_local(span.start, MADRID).time().isoformat() == "00:00:00" for span in islice(cycle.periods(cycle.anchor), 3))


def test_a_contract_starts_and_ends_with_pieces_of_full_periods() -> None:
    cycle = every("month", "2026-01-17", align="calendar")
    start, end = parse_time("2026-01-17", MADRID), parse_time("2026-03-10T12:00", MADRID)
    bounds = ["2026-01-17", "2026-02-01", "2026-03-01", "2026-03-10T12:00"]
    assert list(cycle.spans(start, end)) == [Span(parse_time(a, MADRID), parse_time(b, MADRID)) for a, b in pairwise(bounds)]
    assert cycle.starting_at(start) == Span(start, parse_time("2026-02-01", MADRID))
    assert list(cycle.spans(start, start)) == []
    assert len(list(islice(cycle.spans(start), 30))) == 30


def test_a_daily_period_has_23_25_and_24_and_a_half_hours() -> None:
    for zone, day, hours in [
        (MADRID, "2026-03-29", "23"), (MADRID, "2026-10-25", "25"), (NEW_YORK, "2026-03-08", "23"), (NEW_YORK, "2026-11-01", "25"),
        (LORD_HOWE, "2026-10-04", "47/2"), (LORD_HOWE, "2026-04-05", "49/2"),
    ]:  # fmt: skip
        assert every("day", day, zone).period_at(parse_time(day, zone)).seconds / 3600 == Fraction(hours)


def test_bounds_keep_the_wall_clock_when_the_clocks_change() -> None:
    cycle = every("month", "2026-02-15T10:00", NEW_YORK)
    first = cycle.period_at(cycle.anchor)
    assert first == Span(utc("2026-02-15T15:00"), utc("2026-03-15T14:00"))


def test_a_bound_that_the_clocks_skip_moves_by_the_gap_and_one_that_repeats_is_the_first() -> None:
    daily = every("day", "2026-03-28T02:30")
    assert [to_local(span.start, MADRID).isoformat() for span in islice(daily.periods(daily.anchor), 3)] == [
        "2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]  # fmt: skip
    autumn = every("day", "2026-10-24T02:30")
    assert to_local(autumn.following(autumn.period_at(autumn.anchor)).start, MADRID).isoformat() == "2026-10-25T02:30:00+02:00"


def test_an_anchor_in_the_second_of_a_repeated_hour_stays_a_bound() -> None:
    anchor = to_utc(datetime(2026, 10, 25, 2, 30), MADRID, second=True)  # noqa: DTZ001 - a wall clock reading
    cycle = Cycle(Period(1, "day"), anchor, MADRID)
    assert cycle.period_at(anchor).start == anchor
    assert cycle.preceding(cycle.period_at(anchor)).end == anchor


def test_a_day_that_a_country_skipped_is_no_period() -> None:
    cycle = every("day", "2011-12-28", APIA)
    assert starts(cycle, "2011-12-28", 4) == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]


def test_minutes_and_hours_are_elapsed_time() -> None:
    def hours(period: str, day: str, next_day: str, align: str) -> list[Fraction]:
        spans = every(period, day, align=align).periods(parse_time(day, MADRID), parse_time(next_day, MADRID))
        return [span.seconds / 3600 for span in spans]

    assert hours("15 minutes", "2026-03-29", "2026-03-30", "anchor") == [Fraction(1, 4)] * 92
    assert hours("hour", "2026-10-25", "2026-10-26", "calendar") == [1] * 25
    assert hours("7 hours", "2026-01-05", "2026-01-06", "calendar") == [7, 7, 7, 3]


def test_lengths_on_the_wall_clock() -> None:
    assert Period(1, "month").after(utc("2026-01-31"), "UTC") == utc("2026-02-28")
    assert Period(1, "month").after(utc("2026-03-31"), "UTC", -1) == utc("2026-02-28")
    assert Period(2, "day").after(parse_time("2026-03-28T12:00", MADRID), MADRID) == parse_time("2026-03-30T12:00", MADRID)
    assert Period(48, "hour").after(parse_time("2026-03-28T12:00", MADRID), MADRID) == parse_time("2026-03-30T13:00", MADRID)


def test_time_ends_with_the_year_9999() -> None:
    for period, anchor in [("year", "9999-06-01"), ("hour", "9999-12-31T23:30"), ("month", "9999-12-15")]:
        with pytest.raises(Invalid) as refusal:
            every(period, anchor, "UTC").period_at(utc(anchor))
        assert refusal.value.code == "out_of_range"


def test_a_cycle_of_a_wrong_day_or_zone_is_refused() -> None:
    with pytest.raises(Invalid, match="billing day must be 1 to 31"):
        every("month", "2026-01-01", day=32)
    with pytest.raises(Invalid, match="billing day must be 1 to 7"):
        every("week", "2026-01-01", day=8)
    with pytest.raises(Invalid, match="is not a time zone"):
        Cycle(Period(1, "month"), utc("2026-01-01"), "Nowhere/Land")


# ── cycles from other systems' own tests ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("case", "anchor", "at", "start", "end"),
    [
        ("OM-CA1", "2025-01-31T15:00:00Z", "2025-08-13T20:00:00Z", "2025-07-31T15:00:00Z", "2025-08-31T15:00:00Z"),
        ("OM-CA3", "2025-01-30T15:00:00Z", "2025-02-13T20:00:00Z", "2025-01-30T15:00:00Z", "2025-02-28T15:00:00Z"),
    ],
)
def test_published_periods(case: str, anchor: str, at: str, start: str, end: str) -> None:
    assert Cycle(parse_period("P1M"), utc(anchor), "UTC").period_at(utc(at)) == Span(utc(start), utc(end)), case


def test_published_cycles_aligned_to_the_calendar() -> None:
    """SV-2: a contract from 17 February; the source names the last day of each piece, here it is the next day's start."""
    cycle = Cycle(Period(1, "month"), utc("2015-02-17"), "UTC", "calendar")
    assert [(str(s.start.date()), str(s.end.date())) for s in islice(cycle.spans(utc("2015-02-17")), 3)] == [
        ("2015-02-17", "2015-03-01"), ("2015-03-01", "2015-04-01"), ("2015-04-01", "2015-05-01")]  # fmt: skip


# ── cycles: properties ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

INSTANTS = st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds of a strategy
PERIODS = st.builds(Period, st.integers(1, 40), st.sampled_from(get_args(Unit)))
CYCLES = st.builds(
    lambda period, anchor, zone, align, day: Cycle(period, anchor, zone, align, min(day, 7) if day and period.unit == "week" else day),
    PERIODS,
    INSTANTS,
    st.sampled_from(ZONES),
    st.sampled_from(["anchor", "calendar"]),
    st.none() | st.integers(1, 31),
)


@given(CYCLES, INSTANTS)
def test_every_instant_belongs_to_exactly_one_period(cycle: Cycle, instant: datetime) -> None:
    span = cycle.period_at(instant)
    assert span.contains(instant)
    assert not span.empty
    last = span.end - timedelta(microseconds=1)
    assert cycle.period_at(span.start) == cycle.period_at(last) == span
    assert cycle.following(span).start == span.end
    assert cycle.preceding(span).end == span.start


@given(CYCLES, INSTANTS, st.integers(1, 400 * 86400))
def test_periods_tile_a_contract_without_gap_or_overlap(cycle: Cycle, start: datetime, seconds: int) -> None:
    end = start + timedelta(seconds=seconds)
    pieces = list(islice(cycle.spans(start, end), 50))
    assert pieces[0].start == start
    assert all(earlier.end == later.start for earlier, later in pairwise(pieces))
    assert pieces[-1].end == end or len(pieces) == 50


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from(["month", "quarter", "year", "week", "day", "2 days"]))
def test_the_anchor_is_a_bound(anchor: datetime, zone: str, period: str) -> None:
    assert Cycle(parse_period(period), anchor, zone).period_at(anchor).start == anchor


@given(INSTANTS, st.sampled_from(ZONES))
def test_local_times_come_back(instant: datetime, zone: str) -> None:
    local = to_local(instant, zone)
    assert to_utc(local.replace(tzinfo=None), zone, second=bool(local.fold)) == instant
