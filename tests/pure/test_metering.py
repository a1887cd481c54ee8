"""Measuring: every aggregate, filters, windows, bands, levels and meters made of meters; what did not count, and why."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from plans.calendars import parse_calendar
from plans.errors import Invalid
from plans.metering import Measured, Meter, Record, effective, measure, measure_windows, parse_meter, percentile
from plans.periods import Period, Span, parse_time

ZONE = "Europe/Madrid"
TARIFF = {"tariff": parse_calendar({"bands": {"peak": ["18:00-23:00"]}, "otherwise": "off-peak"})}


def at(text: str) -> Any:
    return parse_time(text, ZONE)


MARCH = Span(at("2026-03-01"), at("2026-04-01"))


def use(identifier: str, time: str, value: str | None = None, until: str | None = None, **more: Any) -> Record:
    dimensions = {name: more.pop(name) for name in list(more) if name in ("kind_of", "user", "region", "disk", "serial")}
    return Record(
        id=identifier,
        at=at(time),
        value=None if value is None else Decimal(value),
        until=None if until is None else at(until),
        dimensions=dimensions,
        **more,
    )


def show(meter: Meter | dict[str, Any], *records: Record, span: Span = MARCH, **more: Any) -> Measured:
    meter = meter if isinstance(meter, Meter) else parse_meter("m", meter)
    return measure(meter, records, span, zone=ZONE, calendars=TARIFF, **more)


def reasons(found: Measured) -> dict[str, str]:
    return {entry.record: entry.code for entry in found.skipped}


DAYS = [use(f"r{day}", f"2026-03-{day:02}", str(day)) for day in (5, 20, 7, 11)]


# ── aggregates ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("meter", "expected"),
    [
        ({"aggregate": "count"}, "4"),
        ({"aggregate": "sum"}, "43"),
        ({"aggregate": "max"}, "20"),
        ({"aggregate": "min"}, "5"),
        ({"aggregate": "latest"}, "20"),
        ({"aggregate": "average"}, "10.75"),
        ({"aggregate": "percentile", "percentile": 50}, "7"),
        ({"aggregate": "percentile", "percentile": 75}, "11"),
        ({"aggregate": "percentile", "percentile": 100}, "20"),
        ({"aggregate": "sum", "factor": "0.5"}, "21.5"),
        ({"aggregate": "max", "window": "week", "over": "sum"}, "38"),  # 5 and 7 in one week, 11, 20
        ({"aggregate": "sum", "window": "week", "over": "max"}, "20"),
        ({"aggregate": "sum", "window": "week", "over": "average"}, "43/3"),
        ({}, "43"),
    ],
)
def test_aggregates(meter: dict[str, Any], expected: str) -> None:
    found = show(meter, *DAYS)
    assert Fraction(found.quantity) == Fraction(expected)
    assert found.counted == ("r5", "r7", "r11", "r20")
    assert (found.skipped, found.problems, found.estimated) == ((), (), False)


@pytest.mark.parametrize("aggregate", ["count", "sum", "max", "min", "latest", "average", "unique", "time_weighted", "register"])
def test_nothing_measured_is_zero(aggregate: str) -> None:
    found = show({"aggregate": aggregate, "unique": "user"} if aggregate == "unique" else {"aggregate": aggregate})
    assert (found.quantity, found.events, found.counted) == (Decimal(0), (), ())


def test_a_period_is_half_open() -> None:
    found = show(
        {},
        use("a", "2026-02-28T23:59:59", "1"),
        use("b", "2026-03-01", "2"),
        use("c", "2026-03-31T23:59:59", "4"),
        use("d", "2026-04-01", "8"),
    )
    assert (found.quantity, found.counted, reasons(found)) == (Decimal(6), ("b", "c"), {"a": "outside_period", "d": "outside_period"})


def test_different_values_are_counted_once() -> None:
    records = [
        use("a", "2026-03-01", user="ana"),
        use("b", "2026-03-02", user="ben"),
        use("c", "2026-03-03", user="ana"),
        use("d", "2026-03-04"),
    ]
    found = show({"aggregate": "unique", "unique": "user"}, *records)
    assert (found.quantity, [event.record for event in found.events], reasons(found)) == (
        Decimal(2),
        ["a", "b"],
        {"d": "missing_dimension"},
    )


def test_the_percentile_of_transit_drops_the_top_of_what_was_sampled() -> None:
    """8,640 samples of five minutes in 30 days: 432 are dropped at the 95th; a missing sample is absent, not zero."""
    values = [Fraction(n) for n in range(1, 8641)]
    assert percentile(values, 95) == 8640 - 432
    assert percentile(values[:100], Decimal(95)) == 95
    assert percentile([Fraction(7)], Decimal("0.1")) == 7
    assert percentile([Fraction(n) for n in range(1, 1001)], Decimal("99.9")) == 999
    with pytest.raises(Invalid):
        percentile([], 95)


def test_filters_and_missing_values_are_told() -> None:
    meter = {"aggregate": "sum", "filter": {"region": ["eu", "us"]}}
    found = show(meter, use("a", "2026-03-01", "1", region="eu"), use("b", "2026-03-02", "2", region="asia"), use("c", "2026-03-03", "4"),
                 use("d", "2026-03-04", region="us"))  # fmt: skip
    assert (found.quantity, reasons(found)) == (Decimal(1), {"b": "filtered", "c": "filtered", "d": "no_value"})
    assert found.skipped[0].reason == "region is asia; the meter counts eu, us"


def test_records_sent_to_another_meter_are_not_this_one_s_affair() -> None:
    found = show({}, use("a", "2026-03-01", "1", meter="m"), use("b", "2026-03-02", "2", meter="other"), use("c", "2026-03-03", "4"))
    assert (found.quantity, found.skipped) == (Decimal(5), ())
    assert show({"reads": "other"}, use("a", "2026-03-01", "1", meter="m"), use("b", "2026-03-02", "2", meter="other")).quantity == 2


# ── dimensions, amounts and bands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_events_keep_amounts_and_dimensions() -> None:
    found = show({}, use("a", "2026-03-01", "1", region="eu", amount=Decimal("9.90")))
    [event] = found.events
    assert (event.at, event.quantity, event.amount, event.dimensions, event.record) == (
        at("2026-03-01"),
        1,
        Decimal("9.90"),
        {"region": "eu"},
        "a",
    )


def test_each_combination_has_its_own_statistic_and_the_whole_another() -> None:
    meter = {"aggregate": "max", "dimensions": ["region"]}
    found = show(meter, use("a", "2026-03-01", "5", region="eu"), use("b", "2026-03-02", "3", region="us"),
                 use("c", "2026-03-03", "2", region="us"), use("d", "2026-03-04", "1"))  # fmt: skip
    assert (found.quantity, found.by("region")) == (Decimal(5), {("eu",): 5, ("us",): 3, (None,): 1})


def test_the_latest_states_of_different_things_add_up() -> None:
    meter = {"aggregate": "latest", "dimensions": ["disk"]}
    found = show(meter, use("a", "2026-03-01", "5", disk="x"), use("b", "2026-03-02", "3", disk="y"),
                 use("c", "2026-03-03", "2", disk="x"))  # fmt: skip
    assert (found.quantity, found.by("disk")) == (Decimal(5), {("y",): 3, ("x",): 2})


def test_a_band_derived_from_the_time_of_use() -> None:
    meter = {"aggregate": "sum", "derive": {"band": "tariff"}}
    found = show(
        meter,
        use("a", "2026-03-02T17:59", "1"),
        use("b", "2026-03-02T18:00", "2"),
        use("c", "2026-03-02T17:00", "6", until="2026-03-02T20:00"),
    )
    assert (found.quantity, found.by("band")) == (Decimal(9), {("off-peak",): 3, ("peak",): 6})
    only_peak = show({**meter, "filter": {"band": "peak"}}, use("a", "2026-03-02T17:59", "1"), use("b", "2026-03-02T18:00", "2"))
    assert (only_peak.quantity, reasons(only_peak)) == (Decimal(2), {"a": "filtered"})


def test_peak_demand_by_band() -> None:
    meter = {"aggregate": "max", "derive": {"band": "tariff"}}
    found = show(meter, use("a", "2026-03-02T12:00", "40"), use("b", "2026-03-02T19:00", "30"), use("c", "2026-03-03T19:00", "35"))
    assert (found.quantity, found.by("band")) == (Decimal(40), {("off-peak",): 40, ("peak",): 35})


def test_a_use_across_the_end_of_the_period_is_shared_or_lies_where_the_meter_says() -> None:
    call = use("a", "2026-03-31T23:30", "4", until="2026-04-01T01:30", amount=Decimal(8))
    april = Span(MARCH.end, at("2026-05-01"))
    for spread, march, later in [("time", 1, 3), ("start", 4, 0), ("end", 0, 4)]:
        assert [show({"spread": spread}, call, span=span).quantity for span in (MARCH, april)] == [march, later]
    assert show({}, call).events[0].amount == 2
    assert show({"aggregate": "count"}, call).quantity == 1
    assert show({}, span=april, before=[call]).quantity == 3


# ── windows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_published_hourly_latest() -> None:
    """ST-M1: 12:05 → 10, 12:40 → 4, 13:10 → 7: the raw meter sums 21, the hourly one 11."""
    records = [use("a", "2026-03-02T12:05", "10"), use("b", "2026-03-02T12:40", "4"), use("c", "2026-03-02T13:10", "7")]
    assert show({}, *records).quantity == 21
    found = show({"aggregate": "latest", "window": "hour", "over": "sum"}, *records)
    assert found.quantity == 11
    assert [(window.start, quantity) for window, quantity in found.windows] == [(at("2026-03-02T12:00"), 4), (at("2026-03-02T13:00"), 7)]


def test_windows_for_prices_are_all_there() -> None:
    parts = measure_windows(parse_meter("m", {}), DAYS, MARCH, window=Period(1, "week"), zone=ZONE)
    assert [part.quantity for _, part in parts] == [0, 12, 11, 20, 0, 0]
    assert [span.start for span, _ in parts][:2] == [MARCH.start, at("2026-03-02")]
    hours = measure_windows(parse_meter("m", {}), DAYS, MARCH, window=Period(1, "hour"), zone=ZONE)
    assert len(hours) == 743


def test_greater_of_in_and_out_in_each_window_then_the_percentile() -> None:
    meters = {code: parse_meter(code, {"aggregate": "sum"}) for code in ("in", "out")}
    link = parse_meter("link", {"max_of": ["in", "out"], "window": "5 minutes", "over": "percentile", "percentile": 50})
    records = [use(f"{code}{i}", f"2026-03-02T10:{5 * i + 1:02}", value, meter=code)
               for code, values in (("in", "1592"), ("out", "3333")) for i, value in enumerate(values)]  # fmt: skip
    found = show(link, *records, meters=meters)
    assert [quantity for _, quantity in found.windows] == [3, 5, 9, 3]
    assert (found.quantity, found.skipped, len(found.counted)) == (Decimal(3), (), 8)


def test_sum_of_keeps_the_events_of_its_parts() -> None:
    meters = {
        "a": parse_meter("a", {"filter": {"region": "eu"}}),
        "b": parse_meter("b", {"aggregate": "count", "filter": {"region": "us"}}),
    }
    records = [
        use("x", "2026-03-01", "5", region="eu"),
        use("y", "2026-03-02", "7", region="us"),
        use("z", "2026-03-02", "7", region="asia"),
    ]
    found = show(parse_meter("both", {"sum_of": ["a", "b"]}), *records, meters=meters)
    assert (found.quantity, found.by("region"), reasons(found)) == (Decimal(6), {("eu",): 5, ("us",): 1}, {"z": "filtered"})


def test_meters_that_are_missing_or_circular_are_named() -> None:
    circle = {"a": parse_meter("a", {"max_of": ["b"]}), "b": parse_meter("b", {"max_of": ["a"]})}
    with pytest.raises(Invalid) as unknown:
        show({"max_of": ["x"]})
    with pytest.raises(Invalid) as around:
        show(circle["a"], meters=circle)
    with pytest.raises(Invalid) as calendar:
        show({"derive": {"band": "tarif"}}, DAYS[0])
    assert [refusal.value.code for refusal in (unknown, around, calendar)] == ["unknown_choice", "conflict", "unknown_choice"]
    assert "did you mean 'tariff'" in calendar.value.message


# ── levels ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_level_is_carried_into_the_period_and_weighted_by_time() -> None:
    april = Span(parse_time("2026-04-01", "UTC"), parse_time("2026-05-01", "UTC"))
    before = [Record("a", parse_time("2026-02-01", "UTC"), Decimal(10)), Record("b", parse_time("2026-03-20", "UTC"), Decimal(20))]
    change = Record("c", parse_time("2026-04-16", "UTC"), Decimal(40))
    found = measure(parse_meter("m", {"aggregate": "time_weighted"}), [change], april, zone="UTC", before=before)
    assert (found.quantity, found.counted) == (Decimal(30), ("b", "c"))
    assert (
        measure(parse_meter("m", {"aggregate": "time_weighted", "carry": False}), [change], april, zone="UTC", before=before).quantity == 20
    )
    assert measure(parse_meter("m", {"aggregate": "latest"}), [], april, zone="UTC", before=before).quantity == 20
    assert measure(parse_meter("m", {"aggregate": "latest", "carry": False}), [], april, zone="UTC", before=before).quantity == 0


def test_published_weighted_sum() -> None:
    """lago-agg-011: 2500 at the start of April, −2000 on the 4th, −200 on the 6th: 533.33… units, 300 carried on."""
    april = Span(parse_time("2023-04-01", "UTC"), parse_time("2023-05-01", "UTC"))
    records = [Record("b", parse_time("2023-04-04", "UTC"), Decimal(-2000)), Record("c", parse_time("2023-04-06", "UTC"), Decimal(-200))]
    opening = [Record("a", parse_time("2023-03-31", "UTC"), Decimal(2500), kind="reading")]
    weighted = parse_meter("m", {"aggregate": "time_weighted", "values": "changes"})
    assert measure(weighted, records, april, zone="UTC", before=opening).quantity == Fraction(1600, 3)
    latest = parse_meter("m", {"aggregate": "latest", "values": "changes"})
    assert measure(latest, records, april, zone="UTC", before=opening).quantity == 300


def test_published_prorated_sum_without_the_source_s_rounding() -> None:
    """lago-agg-012: 10 units for 17 of 31 days at 50.00: exactly 27,419.35 (the source rounds the units up first, to 27,419.40)."""
    march = Span(parse_time("2023-03-01", "UTC"), parse_time("2023-04-01", "UTC"))
    found = measure(parse_meter("m", {"aggregate": "time_weighted", "values": "changes"}),
                    [Record("a", parse_time("2023-03-15", "UTC"), 10)],
                    march, zone="UTC")  # fmt: skip
    assert found.quantity == Fraction(170, 31)


def test_the_highest_running_level_is_that_of_all_together() -> None:
    """lago-agg-021: a seat is swapped; at no time were there two."""
    meter = {"aggregate": "max", "values": "changes", "dimensions": ["user"]}
    found = show(
        meter, use("a", "2026-03-02", "1", user="ana"), use("b", "2026-03-03", "-1", user="ana"), use("c", "2026-03-04", "1", user="ben")
    )
    assert (found.quantity, found.by("user")) == (Decimal(1), {("ana",): 1, ("ben",): 1})
    assert show({"aggregate": "max", "values": "changes"}, use("d", "2026-03-10", "-2"), before=[use("p", "2026-01-10", "5")]).quantity == 5
    assert show({"aggregate": "min", "values": "changes"}, use("d", "2026-03-10", "-2"), before=[use("p", "2026-01-10", "5")]).quantity == 3


def test_a_level_with_a_duration_stands_on_top() -> None:
    day = Span(parse_time("2026-05-01", "UTC"), parse_time("2026-05-02", "UTC"))
    records = [Record("a", day.start, Decimal(2)), Record("b", day.start, Decimal(8), until=parse_time("2026-05-01T06:00", "UTC"))]
    assert measure(parse_meter("m", {"aggregate": "time_weighted"}), records, day, zone="UTC").quantity == 4


def test_the_later_arrival_decides_between_levels_of_one_instant() -> None:
    found = show({"aggregate": "time_weighted"}, use("a", "2026-03-01", "5", sequence=2), use("b", "2026-03-01", "7", sequence=1))
    assert (found.quantity, reasons(found)) == (Decimal(5), {"b": "superseded"})


def test_levels_of_different_things_add_up() -> None:
    meter = {"aggregate": "time_weighted", "dimensions": ["disk"]}
    found = show(
        meter,
        use("a", "2026-03-01", "5", disk="x"),
        use("b", "2026-03-01", "7", disk="y"),
        use("c", "2026-03-01", "1", disk="y", sequence=-1),
    )
    assert (found.quantity, found.by("disk")) == (Decimal(12), {("x",): 5, ("y",): 7})


def test_hourly_average_levels_and_their_maximum() -> None:
    day = Span(at("2026-03-02"), at("2026-03-03"))
    records = [use("a", "2026-03-02T10:00", "4"), use("b", "2026-03-02T10:30", "8"), use("c", "2026-03-02T10:45", "0")]
    assert show({"aggregate": "time_weighted", "window": "hour", "over": "max"}, *records, span=day).quantity == 4


# ── published aggregations ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("case", "aggregate", "values", "expected"),
    [
        ("lago-agg-001", "count", [1, 1, 1], 3), ("lago-agg-002", "max", [5], 5), ("lago-agg-003", "max", [5, 20], 20),
        ("lago-agg-005", "latest", [10], 10), ("lago-agg-006", "latest", [10, 3], 3), ("lago-agg-007", "latest", [10, 3, 50], 50),
    ],
)  # fmt: skip
def test_published_aggregations(case: str, aggregate: str, values: list[int], expected: int) -> None:
    records = [use(f"r{i}", "2026-03-05", str(value), sequence=i) for i, value in enumerate(values)]
    assert show({"aggregate": aggregate}, *records).quantity == expected, case


def test_published_different_items_each_paid_once() -> None:
    """lago-agg-015: add 1, remove 1, add 1, add 2, add 2, add 3, remove 3: each item counts when it is first added."""
    adds = [("1", 1), ("1", 3), ("2", 4), ("2", 5), ("3", 6)]
    found = show({"aggregate": "unique", "unique": "user"}, *[use(f"e{n}", f"2026-03-{n:02}", user=item) for item, n in adds])
    assert (found.quantity, [event.record for event in found.events]) == (Decimal(3), ["e1", "e4", "e6"])


# ── corrections ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def standing(*records: Record) -> tuple[list[str], dict[str, str]]:
    found = effective(records)
    return [record.id for record in found.records], {entry.record: entry.code for entry in found.skipped}


A = use("a", "2026-03-01", "1")


def void(identifier: str, target: str, sequence: int) -> Record:
    return use(identifier, "2026-03-09", sequence=sequence, voids=("", target))


def amend(identifier: str, target: str, sequence: int, value: str = "9") -> Record:
    return use(identifier, "2026-03-01", value, sequence=sequence, amends=("", target))


@pytest.mark.parametrize(
    ("corrections", "left", "gone"),
    [
        ([void("v", "a", 1)], [], {"a": "voided", "v": "correction"}),
        ([amend("x", "a", 1)], ["x"], {"a": "amended"}),
        ([amend("x", "a", 1), amend("y", "a", 2)], ["y"], {"a": "amended", "x": "amended"}),
        ([amend("x", "a", 1), amend("y", "x", 2)], ["y"], {"a": "amended", "x": "amended"}),
        ([amend("x", "a", 1), void("v", "a", 2)], [], {"a": "voided", "x": "voided", "v": "correction"}),
        (
            [amend("x", "a", 1), amend("y", "x", 2), void("v", "a", 3)],
            [],
            {"a": "voided", "x": "amended", "y": "voided", "v": "correction"},
        ),
        ([void("v", "a", 1), amend("x", "a", 2)], ["x"], {"a": "amended", "v": "correction"}),
        ([void("v", "a", 1), void("w", "v", 2)], ["a"], {"v": "correction", "w": "correction"}),
        ([amend("x", "a", 1), void("v", "x", 2)], ["a"], {"x": "voided", "v": "correction"}),
        ([void("v", "unknown", 1)], ["a"], {"v": "correction"}),
        ([use("a", "2026-03-05", "5", sequence=3)], ["a"], {"a": "duplicate"}),
    ],
)
def test_the_last_correction_decides(corrections: list[Record], left: list[str], gone: dict[str, str]) -> None:
    for records in ([A, *corrections], [*corrections[::-1], A]):
        assert standing(*records) == (left, gone)


def test_the_same_id_from_two_sources_is_two_records() -> None:
    found = show(
        {},
        use("a", "2026-03-01", "1", source="x"),
        use("a", "2026-03-01", "2", source="y"),
        use("v", "2026-03-01", voids=("x", "a"), source="x"),
    )
    assert (found.quantity, found.counted, reasons(found)) == (Decimal(2), ("y/a",), {"x/a": "voided", "x/v": "correction"})
