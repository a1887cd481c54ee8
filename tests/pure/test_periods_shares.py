"""Shares of a period and year fractions: they add up, and they agree with published numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid
from plans.money import round_money, round_to
from plans.periods import CONVENTIONS, Convention, Cycle, Period, Span, local_days, parse_time, share, year_fraction

MADRID = "Europe/Madrid"
ZONES = ["UTC", MADRID, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def span(start: str, end: str, zone: str = MADRID) -> Span:
    return Span(parse_time(start, zone), parse_time(end, zone))


MARCH = span("2026-03-01", "2026-04-01")


def test_the_day_of_a_change_belongs_to_the_terms_in_force_at_its_end() -> None:
    before, after = span("2026-03-01", "2026-03-10T15:00"), span("2026-03-10T15:00", "2026-04-01")
    assert share(before, MARCH, proration="day", zone=MADRID) == Fraction(9, 31)
    assert share(after, MARCH, proration="day", zone=MADRID) == Fraction(22, 31)


def test_the_last_day_is_free_unless_charged() -> None:
    for end in ("2026-03-20", "2026-03-20T15:00"):
        assert share(span("2026-03-01", end), MARCH, proration="day", zone=MADRID) == Fraction(19, 31)
        assert share(span("2026-03-01", end), MARCH, proration="day", zone=MADRID, last_day="charged") == Fraction(20, 31)
    assert share(MARCH, MARCH, proration="day", zone=MADRID, last_day="charged") == 1
    second_half = span("2026-03-16", "2026-04-01")
    assert share(second_half, MARCH, proration="day", zone=MADRID, last_day="charged") == Fraction(16, 31)


def test_a_named_denominator() -> None:
    half = span("2026-03-01", "2026-03-16")
    assert share(half, MARCH, proration="day", zone=MADRID, denominator=30) == Fraction(15, 30)
    assert share(MARCH, MARCH, proration="day", zone=MADRID, denominator=30) == 1
    assert share(span("2026-03-01", "2026-03-31T12:00"), MARCH, proration="day", zone=MADRID, denominator=28) == 1
    with pytest.raises(Invalid) as refusal:
        share(half, MARCH, proration="day", zone=MADRID, denominator=0)
    assert refusal.value.code == "out_of_range"


def test_by_second_the_hour_that_the_clocks_skip_is_not_there() -> None:
    """March 2026 has 743 hours in Madrid; the half that holds the change has one fewer."""
    assert share(span("2026-03-16", "2026-04-01"), MARCH, proration="second", zone=MADRID) == Fraction(16 * 24 - 1, 743)


def test_without_proration_any_piece_is_the_whole() -> None:
    assert share(span("2026-03-31T23:59", "2026-05-01"), MARCH, proration="none", zone=MADRID) == 1
    assert share(span("2026-04-01", "2026-05-01"), MARCH, proration="none", zone=MADRID) == 0


def test_a_period_within_one_day_goes_to_the_piece_that_ends_it() -> None:
    hour = span("2026-03-01T10:00", "2026-03-01T11:00")
    assert share(span("2026-03-01T10:00", "2026-03-01T10:59"), hour, proration="day", zone=MADRID) == 0
    assert share(span("2026-03-01T10:59", "2026-03-01T11:00"), hour, proration="day", zone=MADRID) == 1


@pytest.mark.parametrize(
    ("case", "zone", "start", "end", "days"),
    [
        ("FX-DY5", "Europe/Berlin", "2024-05-01T08:00Z", "2024-05-01T17:00Z", 0),
        ("FX-DY1", "America/New_York", "2024-03-09T00:00Z", "2024-03-11T00:00Z", 2),
        ("spring", "America/New_York", "2024-03-10", "2024-03-11", 1),
        ("autumn", MADRID, "2026-10-25", "2026-10-26", 1),
    ],
)
def test_days_are_local_days(case: str, zone: str, start: str, end: str, days: int) -> None:
    assert local_days(span(start, end, zone), zone) == days, case


@pytest.mark.parametrize(
    ("case", "amount", "part", "full", "expected"),
    [
        ("OM-PR2", "100", ("2024-01-22", "2024-02-01"), ("2024-01-01", "2024-02-01"), "32.26"),
        ("OM-PR5", "10", ("2024-01-01", "2024-01-02"), ("2024-01-01", "2024-02-01"), "0.32"),
        ("OM-PR6", "20", ("2024-01-02", "2024-02-01"), ("2024-01-01", "2024-02-01"), "19.35"),
        ("OM-PR8", "10", ("2024-01-02", "2024-02-01"), ("2024-01-01", "2024-02-01"), "9.68"),
        ("OM-PR10", "100", ("2024-02-01", "2024-02-16"), ("2024-02-01", "2024-03-01"), "51.72"),
        ("FX-PR3 charge", "100", ("2024-03-15", "2024-04-01"), ("2024-03-01", "2024-04-01"), "54.84"),
        ("MT-PR4 credit", "50", ("2024-01-16", "2024-01-31"), ("2024-01-01", "2024-01-31"), "25.00"),
        ("MT-PR8", "3650", ("2023-01-01", "2023-01-31"), ("2023-01-01", "2024-01-01"), "300.00"),
        ("MT-PR9", "300", ("2024-04-16", "2024-05-01"), ("2024-04-01", "2024-05-01"), "150.00"),
        ("ST-P1", "20", ("2024-04-16", "2024-05-01"), ("2024-04-01", "2024-05-01"), "10.00"),
        ("RE-1", "365", ("2023-02-20", "2023-04-11"), ("2023-01-01", "2024-01-01"), "50.00"),
        ("BM-1 charge", "24", ("2022-02-08", "2022-03-01"), ("2022-02-01", "2022-03-01"), "18.00"),
        ("CB-3 extend", "31", ("2024-03-01", "2024-03-04"), ("2024-03-01", "2024-04-01"), "3.00"),
        ("CB-3 reduce", "31", ("2024-04-28", "2024-05-01"), ("2024-04-01", "2024-05-01"), "3.10"),
        ("lago-agg-019", "1", ("2024-02-23", "2024-03-01"), ("2024-02-01", "2024-03-01"), "0.24"),
        ("lago-agg-023", "30.12", ("2024-06-11", "2024-07-01"), ("2024-06-01", "2024-07-01"), "20.08"),
        ("lago-agg-023 fifth", "30.12", ("2024-06-15", "2024-07-01"), ("2024-06-01", "2024-07-01"), "16.06"),
        ("lago-agg-024", "30", ("2024-06-12", "2024-07-01"), ("2024-06-01", "2024-07-01"), "19.00"),
    ],
)
def test_published_prorations_by_day(case: str, amount: str, part: tuple[str, str], full: tuple[str, str], expected: str) -> None:
    found = share(span(*part, "UTC"), span(*full, "UTC"), proration="day", zone="UTC")
    assert str(round_money(Fraction(amount) * found, "EUR")) == expected, case


@pytest.mark.parametrize(
    ("case", "at", "amount", "expected"),
    [
        ("FX-CG2", "2025-01-31T23:59:30Z", "1", "0.00001120"),
        ("FX-CG5", "2025-03-15T00:00:00Z", "100", "0.00000000"),
        ("FX-CG6", "2025-01-16T12:00:00Z", "100", "50.00000000"),
    ],
)
def test_published_prorations_by_second(case: str, at: str, amount: str, expected: str) -> None:
    full = span("2025-01-01T00:00Z", "2025-02-01T00:00Z")
    start = min(parse_time(at, "UTC"), full.end)
    assert f"{round_to(Fraction(amount) * share(Span(start, full.end), full, proration='second', zone='UTC'), 8):f}" == expected, case


def test_the_last_day_charged_as_published() -> None:
    """lago-agg-014: from the 16th, terminated on the 20th, 10 units at 3 in a month of 31 days: 5 days, 4.84."""
    full = span("2024-01-01", "2024-02-01", "UTC")
    found = share(span("2024-01-16", "2024-01-20", "UTC"), full, proration="day", zone="UTC", last_day="charged")
    assert str(round_money(30 * found, "EUR")) == "4.84"


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds of a strategy
    st.sampled_from([Period(1, "month"), Period(1, "year"), Period(1, "week"), Period(1, "day"), Period(3, "hour"), Period(15, "minute")]),
    st.lists(st.fractions(0, 1, max_denominator=10000), max_size=6),
    st.sampled_from(["day", "second"]),
)
def test_the_shares_of_a_partition_add_up_to_one(zone: str, anchor: datetime, period: Period, cuts: list[Fraction], by: str) -> None:
    full = Cycle(period, anchor, zone).period_at(anchor)
    pieces = full.cut(full.start + timedelta(seconds=int(cut * full.seconds)) for cut in cuts)
    shares = [share(piece, full, proration=by, zone=zone) for piece in pieces]  # type: ignore[arg-type]
    assert sum(shares) == 1
    assert all(0 <= found <= 1 for found in shares)


# ── interest ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("convention", "start", "end", "expected"),
    [
        ("act/365", date(2026, 1, 1), date(2027, 1, 1), "1"),
        ("act/365", date(2024, 1, 1), date(2025, 1, 1), "366/365"),
        ("act/360", date(2026, 1, 1), date(2026, 4, 1), "1/4"),
        ("act/act", date(2024, 1, 1), date(2025, 1, 1), "1"),
        ("act/act", date(2003, 11, 1), date(2004, 5, 1), "66491/133590"),  # ISDA's own example: 61/365 + 121/366
        ("30/360", date(2026, 1, 31), date(2026, 2, 28), "28/360"),
        ("30/360", date(2026, 1, 30), date(2026, 3, 31), "60/360"),
        ("30/360", date(2026, 1, 15), date(2026, 3, 31), "76/360"),
        ("30e/360", date(2026, 1, 15), date(2026, 3, 31), "75/360"),
    ],
)
def test_day_counts(convention: Convention, start: date, end: date, expected: str) -> None:
    assert year_fraction(start, end, convention) == Fraction(expected)


@given(st.lists(st.dates(date(2000, 1, 1), date(2040, 1, 1)), min_size=2, max_size=5), st.sampled_from(["act/365", "act/360", "act/act"]))
def test_interest_in_pieces_is_interest_on_the_whole(days: list[date], convention: Convention) -> None:
    days = sorted(days)
    assert sum(year_fraction(a, b, convention) for a, b in pairwise(days)) == year_fraction(days[0], days[-1], convention)


def test_interest_runs_forward_by_a_known_convention() -> None:
    assert all(year_fraction(date(2026, 1, 1), date(2026, 1, 1), convention) == 0 for convention in CONVENTIONS)
    with pytest.raises(Invalid, match="backwards"):
        year_fraction(date(2026, 1, 2), date(2026, 1, 1), "act/365")
    with pytest.raises(Invalid, match="not a day count"):
        year_fraction(date(2026, 1, 1), date(2026, 1, 2), "act/364")  # type: ignore[arg-type]
