"""Calendars: which band an instant falls in, holidays and seasons, and spans cut where the band changes, on days of any length."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.calendars import Calendar, country_holidays, parse_calendar
from plans.errors import Invalid
from plans.periods import Span, parse_time

MADRID, LORD_HOWE = "Europe/Madrid", "Australia/Lord_Howe"

TARIFF: dict[str, Any] = {
    "holidays": ["2026-01-06"],
    "bands": {
        "valley": {"days": ["weekends", "holidays"]},
        "night": ["00:00-08:00"],
        "peak": ["10:00-14:00", "18:00-22:00"],
    },
    "otherwise": "flat",
}


def band(calendar: Calendar, time: str, zone: str = MADRID) -> str:
    return calendar.classify(parse_time(time, zone), zone)


def pieces(calendar: Calendar, start: str, end: str, zone: str = MADRID) -> list[tuple[str, Fraction]]:
    """Bands and their hours, in order."""
    span = Span(parse_time(start, zone), parse_time(end, zone))
    return [(name, piece.seconds / 3600) for piece, name in calendar.split(span, zone)]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-01-07T07:59:59", "night"), ("2026-01-07T08:00", "flat"), ("2026-01-07T10:00", "peak"), ("2026-01-07T13:59", "peak"),
        ("2026-01-07T14:00", "flat"), ("2026-01-07T21:59", "peak"), ("2026-01-07T22:00", "flat"), ("2026-01-07T00:00", "night"),
        ("2026-01-06T11:00", "valley"), ("2026-01-10T11:00", "valley"), ("2026-01-12T00:00", "night"),
    ],
)  # fmt: skip
def test_the_first_rule_that_matches_wins(time: str, expected: str) -> None:
    assert band(parse_calendar(TARIFF, "calendars.tariff"), time) == expected


def test_the_values_of_a_calendar_are_known() -> None:
    assert parse_calendar(TARIFF).names() == ("valley", "night", "peak", "flat")


def test_hours_across_midnight_belong_to_the_date_on_which_they_fall() -> None:
    calendar = parse_calendar({"bands": {"late": {"hours": "22:00-06:00", "days": "friday"}}, "otherwise": "-"})
    assert [band(calendar, f"2026-03-{t}") for t in ("06T23:00", "06T05:00", "07T05:00", "06T06:00")] == ["late", "late", "-", "-"]


def test_seasons_include_both_ends_and_cross_the_year() -> None:
    calendar = parse_calendar({"bands": {"winter": {"seasons": ["11-01..02-29"]}}, "otherwise": "rest"})
    days = ["2026-10-31", "2026-11-01", "2026-12-31", "2027-02-28", "2028-02-29", "2026-03-01"]
    assert [band(calendar, day) for day in days] == ["rest", "winter", "winter", "winter", "winter", "rest"]


def test_dates_one_by_one_and_in_ranges() -> None:
    calendar = parse_calendar({"bands": {"fair": {"dates": ["2026-04-21..2026-04-26", date(2026, 5, 1)]}}, "otherwise": "-"})
    assert [band(calendar, f"2026-{d}") for d in ("04-20", "04-21", "04-26", "04-27", "05-01")] == ["-", "fair", "fair", "-", "fair"]


def test_workdays_are_weekdays_without_holidays() -> None:
    calendar = parse_calendar({"country": "ES", "subdivision": "MD", "bands": {"work": {"days": ["workdays"]}}, "otherwise": "rest"})
    assert [band(calendar, f"2026-{d}") for d in ("01-05", "01-06", "05-02", "05-04", "01-10")] == ["work", "rest", "rest", "work", "rest"]
    assert calendar.is_holiday(date(2026, 1, 6))
    assert date(2026, 12, 25) in country_holidays("ES", None, 2026)


def test_a_calendar_with_a_zone_of_its_own_ignores_the_account() -> None:
    calendar = parse_calendar({"zone": "America/New_York", "bands": {"peak": ["18:00-20:00"]}, "otherwise": "off-peak"})
    assert band(calendar, "2026-06-01T22:30Z", MADRID) == "peak"


def test_a_span_is_cut_where_the_band_changes() -> None:
    calendar = parse_calendar(TARIFF)
    assert pieces(calendar, "2026-01-09T21:30", "2026-01-12T08:30") == [
        ("peak", Fraction(1, 2)), ("flat", 2), ("valley", 48), ("night", 8), ("flat", Fraction(1, 2))]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "next_day", "night"),
    [
        (MADRID, "2026-03-29", "2026-03-30", 7), (MADRID, "2026-10-25", "2026-10-26", 9),
        ("America/New_York", "2026-03-08", "2026-03-09", 7),
        (LORD_HOWE, "2026-10-04", "2026-10-05", Fraction(15, 2)), (LORD_HOWE, "2026-04-05", "2026-04-06", Fraction(17, 2)),
    ],
)  # fmt: skip
def test_days_on_which_the_clocks_change(zone: str, day: str, next_day: str, night: Fraction) -> None:
    calendar = parse_calendar({"bands": {"night": ["00:00-08:00"]}, "otherwise": "day"})
    assert pieces(calendar, day, next_day, zone) == [("night", night), ("day", 16)]


def test_a_band_that_starts_in_the_hour_that_is_skipped() -> None:
    calendar = parse_calendar({"bands": {"late": ["02:30-04:00"]}, "otherwise": "-"})
    assert pieces(calendar, "2026-03-29", "2026-03-30") == [("-", 2), ("late", 1), ("-", 20)]


def test_a_band_in_the_hour_that_comes_twice_is_there_twice() -> None:
    calendar = parse_calendar({"bands": {"half": ["02:00-02:30"]}, "otherwise": "-"})
    half = Fraction(1, 2)
    assert pieces(calendar, "2026-10-25", "2026-10-25T04:00") == [("-", 2), ("half", half), ("-", half), ("half", half), ("-", 1 + half)]


CALENDARS = [
    parse_calendar(TARIFF),
    parse_calendar({"bands": {"a": ["22:30-02:15"], "b": {"days": "sun", "hours": ["01:30-03:00"]}}, "otherwise": "c"}),
    parse_calendar({"bands": {"s": {"seasons": "03-20..10-31", "hours": "02:10-02:50"}}, "otherwise": "w"}),
]


@given(
    st.sampled_from(CALENDARS),
    st.sampled_from([MADRID, LORD_HOWE, "America/New_York", "UTC", "Asia/Kathmandu"]),
    st.sampled_from([datetime(2026, 3, 7), datetime(2026, 3, 28), datetime(2026, 4, 4), datetime(2026, 10, 3), datetime(2026, 10, 24)]),  # noqa: DTZ001
    st.integers(0, 3 * 86400),
    st.lists(st.fractions(0, 1, max_denominator=5000), max_size=8),
)
def test_every_moment_of_a_piece_is_in_its_band(
    calendar: Calendar, zone: str, start: datetime, seconds: int, moments: list[Fraction]
) -> None:
    span = Span(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + timedelta(seconds=seconds))
    found = calendar.split(span, zone)
    assert found[0][0].start == span.start
    assert found[-1][0].end == span.end
    assert sum(piece.seconds for piece, _ in found) == span.seconds
    assert all(earlier[0].end == later[0].start and earlier[1] != later[1] for earlier, later in pairwise(found))
    for moment in moments:
        for piece, name in found:
            instant = piece.start + timedelta(microseconds=int(moment * piece.seconds * 10**6))
            if piece.contains(instant):
                assert calendar.classify(instant, zone) == name


@pytest.mark.parametrize(
    ("value", "code", "at"),
    [
        ({"bands": {"a": ["18-23"]}, "otherwise": "b"}, "out_of_range", "c.bands.a[0]"),
        ({"bands": {"a": ["18:00-18:00"]}, "otherwise": "b"}, "out_of_range", "c.bands.a[0]"),
        ({"bands": {"a": "18:00-24:30"}, "otherwise": "b"}, "out_of_range", "c.bands.a"),
        ({"bands": {"a": {}}, "otherwise": "b"}, "missing_field", "c.bands.a"),
        ({"bands": {"a": {"days": "someday"}}, "otherwise": "b"}, "unknown_choice", "c.bands.a.days"),
        ({"bands": {"a": {"days": [1]}}, "otherwise": "b"}, "unknown_choice", "c.bands.a.days[0]"),
        ({"bands": {"a": {"hour": "18:00-23:00"}}, "otherwise": "b"}, "unknown_field", "c.bands.a.hour"),
        ({"bands": {"a": {"seasons": ["02-30..03-01"]}}, "otherwise": "b"}, "out_of_range", "c.bands.a.seasons[0]"),
        ({"bands": {"a": {"dates": ["2026-04-26..2026-04-21"]}}, "otherwise": "b"}, "out_of_range", "c.bands.a.dates[0]"),
        ({"bands": {"a": {"days": "holidays"}}, "otherwise": "b"}, "missing_field", "c.holidays"),
        ({"bands": {"a": ["18:00-23:00"]}}, "missing_field", "c.otherwise"),
        ({"bands": {}, "otherwise": "b", "country": "XX"}, "unknown_choice", "c.country"),
        ({"bands": {}, "otherwise": "b", "country": "ES", "subdivision": "XX"}, "unknown_choice", "c.subdivision"),
        ({"bands": {}, "otherwise": "b", "subdivision": "MD"}, "missing_field", "c.country"),
        ({"bands": {}, "otherwise": "b", "zone": "Spain"}, "unknown_zone", "c.zone"),
        ([], "wrong_type", "c"),
    ],
)
def test_a_mistake_is_named_with_its_path(value: object, code: str, at: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_calendar(value, "c")
    assert (refusal.value.code, refusal.value.at) == (code, at)
