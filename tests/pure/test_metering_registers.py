"""Registers: differences between readings, shared over time, through rollovers, replacements, estimates and mistakes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from plans.calendars import parse_calendar
from plans.metering import Measured, Record, measure, parse_meter
from plans.periods import Span, parse_time

UTC = "UTC"


def at(text: str) -> Any:
    return parse_time(text, UTC)


def read(identifier: str, time: str, value: str | None, **more: Any) -> Record:
    return Record(identifier, at(time), None if value is None else Decimal(value), kind="reading", **more)


def replaced(identifier: str, time: str, final: str | None, initial: str | None = None) -> Record:
    numbers = {name: None if text is None else Decimal(text) for name, text in (("final", final), ("initial", initial))}
    return Record(identifier, at(time), kind="replacement", **numbers)


def month(number: int) -> Span:
    return Span(at(f"2026-{number:02}-01"), at(f"2026-{number + 1:02}-01"))


def show(span: Span, *records: Record, **register: Any) -> Measured:
    return measure(parse_meter("kwh", {"aggregate": "register", "register": register}), records, span, zone=UTC)


def quantities(*records: Record, **register: Any) -> list[Fraction]:
    """What January, February and March show."""
    return [Fraction(show(month(number), *records, **register).quantity) for number in (1, 2, 3)]


def codes(found: Measured) -> dict[str, str]:
    return {entry.record: entry.code for entry in found.skipped}


def test_a_difference_is_spread_evenly_between_its_readings() -> None:
    """31 units from 22 January to 22 February: 10 days of them in January."""
    records = [read("a", "2026-01-22", "100"), read("b", "2026-02-22", "131")]
    assert quantities(*records) == [10, 21, 0]
    [event] = show(month(2), *records).events
    assert (event.at, event.until, event.record, event.since) == (at("2026-02-01"), at("2026-02-22"), "b", "a")


def test_or_lies_wholly_at_the_reading() -> None:
    records = [read("a", "2026-01-22", "100"), read("b", "2026-02-22", "131")]
    assert quantities(*records, spread="end") == [0, 31, 0]


def test_a_reading_at_the_period_s_end_reads_what_was_used_before_it() -> None:
    records = [read("a", "2026-01-01", "100"), read("b", "2026-02-01", "131"), read("c", "2026-03-01", "140")]
    for spread in ("days", "end"):
        assert quantities(*records, spread=spread) == [31, 9, 0]


def test_the_first_reading_is_only_a_start() -> None:
    found = show(month(1), read("a", "2026-01-05", "100"), read("b", "2026-01-20", "104"))
    assert (found.quantity, found.counted, codes(found)) == (Decimal(4), ("b",), {"a": "first_reading"})


@pytest.mark.parametrize(("setting", "expected"), [({"digits": 5}, 15), ({"modulus": "100000"}, 15), ({"digits": 5, "spread": "end"}, 15)])
def test_a_register_that_starts_again_from_zero(setting: dict[str, Any], expected: int) -> None:
    assert show(month(1), read("a", "2026-01-05", "99990"), read("b", "2026-01-20", "5"), **setting).quantity == expected


def test_a_lower_reading_is_a_problem_and_the_next_good_one_settles_it() -> None:
    records = [read("a", "2026-01-05", "100"), read("b", "2026-01-10", "10"), read("c", "2026-01-20", "130")]
    found = show(month(1), *records)
    assert (found.quantity, codes(found)) == (Decimal(30), {"a": "first_reading", "b": "lower_reading"})
    assert [problem.record for problem in found.problems] == ["b"]
    assert found.problems[0].reason == "10 is below 100, read by a, and the register was not replaced"


@pytest.mark.parametrize(
    ("value", "code"), [("40001", "unlikely_rollover"), ("100000", "beyond_register"), ("-1", "beyond_register"), (None, "no_value")]
)
def test_readings_that_can_t_be_are_left_out(value: str | None, code: str) -> None:
    found = show(month(1), read("a", "2026-01-05", "90000"), read("b", "2026-01-10", value), read("c", "2026-01-20", "90007"), digits=5)
    assert (found.quantity, codes(found)["b"], len(found.problems)) == (Decimal(7), code, 1)


def test_a_replaced_register_counts_to_its_closing_value_and_on_from_the_opening_one() -> None:
    records = [read("a", "2026-01-05", "100"), replaced("x", "2026-01-15", "150", "7"), read("b", "2026-01-25", "10")]
    found = show(month(1), *records)
    assert (found.quantity, found.counted, found.problems) == (Decimal(53), ("x", "b"), ())
    assert show(month(1), records[0], replaced("x", "2026-01-15", "150"), read("b", "2026-01-25", "10")).quantity == 60


def test_a_replacement_without_its_closing_value_is_a_problem() -> None:
    found = show(month(1), read("a", "2026-01-05", "100"), replaced("x", "2026-01-15", None, "7"), read("b", "2026-01-25", "10"))
    assert (found.quantity, [problem.code for problem in found.problems]) == (Decimal(3), ["no_final"])


ESTIMATED = [read("a", "2026-01-01", "100"), read("e", "2026-02-01", "150", estimated=True)]


def test_an_estimate_counts_until_an_actual_reading_comes() -> None:
    found = show(month(1), *ESTIMATED)
    assert (found.quantity, found.estimated) == (Decimal(50), True)
    later = show(month(1), *ESTIMATED, read("b", "2026-03-01", "159"))
    assert (later.quantity, later.estimated, codes(later)) == (Decimal(31), False, {"a": "first_reading", "e": "estimate_replaced"})
    assert quantities(*ESTIMATED, read("b", "2026-03-01", "159")) == [31, 28, 0]


def test_a_kept_estimate_is_corrected_by_the_actual_reading_never_below_the_last_actual_one() -> None:
    lower = read("b", "2026-03-01", "140")
    assert quantities(*ESTIMATED, lower, estimates="kept") == [50, -10, 0]
    assert quantities(*ESTIMATED, lower, spread="end") == [50, -10, 0]
    assert quantities(*ESTIMATED, lower, spread="end", estimates="replaced") == [0, 40, 0]
    impossible = show(month(2), *ESTIMATED, read("b", "2026-03-01", "90"), estimates="kept")
    assert (impossible.quantity, [problem.code for problem in impossible.problems]) == (Decimal(0), ["lower_reading"])


def test_readings_of_one_instant_the_actual_one_then_the_last() -> None:
    start = read("a", "2026-01-01", "100")
    estimate, first, second = (
        read("e", "2026-01-20", "150", estimated=True, sequence=3),
        read("b", "2026-01-20", "140", sequence=1),
        read("c", "2026-01-20", "141", sequence=2),
    )
    found = show(month(1), start, estimate, first, second)
    assert (found.quantity, codes(found)) == (Decimal(41), {"a": "first_reading", "b": "superseded", "e": "superseded"})


def test_registers_are_told_apart() -> None:
    meter = parse_meter("kwh", {"aggregate": "register", "factor": "40", "dimensions": ["site"], "register": {"per": "serial"}})
    records = [
        Record(f"{serial}{n}", at(f"2026-01-{n:02}"), Decimal(value), {"serial": serial, "site": site})
        for serial, site, values in (("s1", "north", (10, 12)), ("s2", "north", (500, 503)), ("s3", "south", (1, 2)))
        for n, value in zip((5, 20), values, strict=True)
    ]
    found = measure(meter, records, month(1), zone=UTC)
    assert (found.quantity, found.by("site"), found.problems) == (Decimal(240), {("north",): 200, ("south",): 40}, ())


def test_a_difference_by_band_of_the_time_between_its_readings() -> None:
    calendars = {"tariff": parse_calendar({"bands": {"night": ["00:00-06:00"]}, "otherwise": "day"})}
    meter = parse_meter("kwh", {"aggregate": "register", "derive": {"band": "tariff"}})
    found = measure(meter, [read("a", "2026-01-05", "0"), read("b", "2026-01-07", "48")], month(1), zone=UTC, calendars=calendars)
    assert found.by("band") == {("night",): 12, ("day",): 36}


def test_a_voided_reading_is_as_if_it_had_not_been_sent() -> None:
    records = [read("a", "2026-01-05", "100"), read("b", "2026-01-10", "170"), read("c", "2026-01-20", "130")]
    assert show(month(1), *records).quantity == 70
    assert show(month(1), *records, Record("v", at("2026-01-21"), voids=("", "b"))).quantity == 30
