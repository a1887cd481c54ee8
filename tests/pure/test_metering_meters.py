"""Reading meters from the catalogue: defaults, and every mistake named with its path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from plans.errors import Invalid
from plans.metering import AGGREGATES, Meter, Register, check_meters, parse_meter
from plans.periods import Period


def test_a_meter_with_everything() -> None:
    value = {
        "name": "Calls", "aggregate": "sum", "unit": "minute", "reads": "cdr", "filter": {"kind": ["a", 1, True], "net": "x"},
        "dimensions": ["destination"], "derive": {"band": "tariff"}, "window": "hour", "over": "max", "spread": "start", "factor": "0.5",
    }  # fmt: skip
    assert parse_meter("calls", value) == Meter(
        code="calls", aggregate="sum", name="Calls", unit="minute", reads="cdr", factor=Decimal("0.5"), spread="start", over="max",
        filter=(("kind", frozenset({"a", "1", "true"})), ("net", frozenset({"x"}))), dimensions=("destination",),
        derive=(("band", "tariff"),), window=Period(1, "hour"),
    )  # fmt: skip


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_every_aggregate_can_be_named_alone(aggregate: str) -> None:
    more = {"percentile": {"percentile": "95"}, "unique": {"unique": "user"}}.get(aggregate, {})
    assert parse_meter("m", {"aggregate": aggregate, **more}).aggregate == aggregate


@pytest.mark.parametrize(
    ("value", "carry"),
    [
        ({}, False),
        ({"aggregate": "time_weighted"}, True),
        ({"aggregate": "latest"}, True),
        ({"aggregate": "latest", "window": "hour"}, False),
        ({"aggregate": "max"}, False),
        ({"aggregate": "max", "values": "changes"}, True),
        ({"aggregate": "latest", "carry": False}, False),
    ],
)
def test_states_are_carried_into_the_period_unless_said(value: dict[str, Any], carry: bool) -> None:
    assert parse_meter("m", value).carry is carry


def test_registers_and_their_defaults() -> None:
    def register(**more: Any) -> Register:
        return parse_meter("m", {"aggregate": "register", "register": more}).register

    assert register() == Register(None, "days", "replaced", None)
    assert register(digits=5, spread="end") == Register(Decimal(100000), "end", "kept", None)
    assert register(modulus="999.9", estimates="kept", per="serial") == Register(Decimal("999.9"), "days", "kept", "serial")


def test_meters_made_of_meters() -> None:
    meter = parse_meter("link", {"max_of": ["in", "out"], "window": "5 minutes", "over": "percentile", "percentile": 95})
    assert (meter.aggregate, meter.parts, meter.window, meter.percentile) == ("max_of", ("in", "out"), Period(5, "minute"), Decimal(95))
    assert parse_meter("m", {"sum_of": ["a"], "window": "none"}).window is None


@pytest.mark.parametrize(
    ("value", "code", "at"),
    [
        ([], "wrong_type", "m"),
        ({"aggregate": "mean"}, "unknown_choice", "m.aggregate"),
        ({"agregate": "sum"}, "unknown_field", "m.agregate"),
        ({"aggregate": "percentile"}, "missing_field", "m.percentile"),
        ({"aggregate": "percentile", "percentile": 0}, "out_of_range", "m.percentile"),
        ({"aggregate": "percentile", "percentile": 101}, "out_of_range", "m.percentile"),
        ({"aggregate": "unique"}, "missing_field", "m.unique"),
        ({"unique": "user"}, "unknown_field", "m.unique"),
        ({"over": "max"}, "missing_field", "m.window"),
        ({"window": "moment"}, "not_a_period", "m.window"),
        ({"window": "hour", "over": "percentile"}, "missing_field", "m.percentile"),
        ({"values": "changes"}, "conflict", "m.values"),
        ({"aggregate": "latest", "derive": {"band": "tariff"}}, "conflict", "m.derive"),
        ({"dimensions": ["band"], "derive": {"band": "tariff"}}, "conflict", "m.dimensions"),
        ({"dimensions": ["a", ""]}, "wrong_type", "m.dimensions[1]"),
        ({"derive": {"band": 3}}, "wrong_type", "m.derive.band"),
        ({"filter": {"kind": []}}, "missing_field", "m.filter.kind"),
        ({"filter": {"kind": [{}]}}, "wrong_type", "m.filter.kind[0]"),
        ({"factor": "0"}, "out_of_range", "m.factor"),
        ({"factor": "-1"}, "negative", "m.factor"),
        ({"register": {}}, "unknown_field", "m.register"),
        ({"aggregate": "register", "register": {"digits": 0}}, "out_of_range", "m.register.digits"),
        ({"aggregate": "register", "register": {"digits": 5, "modulus": 10}}, "conflict", "m.register.modulus"),
        ({"aggregate": "register", "register": {"modulus": 0}}, "out_of_range", "m.register.modulus"),
        ({"aggregate": "register", "register": {"spread": "even"}}, "unknown_choice", "m.register.spread"),
        ({"max_of": ["a"], "sum_of": ["b"]}, "conflict", "m.sum_of"),
        ({"max_of": ["a"], "aggregate": "sum"}, "conflict", "m.max_of"),
        ({"max_of": []}, "missing_field", "m.max_of"),
        ({"max_of": [1]}, "wrong_type", "m.max_of[0]"),
        ({"max_of": ["a"], "filter": {"x": "y"}}, "unknown_field", "m.filter"),
    ],
)
def test_a_mistake_is_named_with_its_path(value: object, code: str, at: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_meter("m", value, "m")
    assert (refusal.value.code, refusal.value.at) == (code, at)


def test_references_between_meters_and_calendars_are_checked() -> None:
    meters = {"a": parse_meter("a", {"derive": {"band": "tariff"}}), "b": parse_meter("b", {"max_of": ["a"]})}
    check_meters(meters, {"tariff": object()}, "meters")
    for wrong, calendars, code, at in [
        (meters, {}, "unknown_choice", "meters.a.derive.band"),
        ({"b": meters["b"]}, {}, "unknown_choice", "meters.b.max_of"),
        ({"b": parse_meter("b", {"sum_of": ["b"]})}, {}, "conflict", "meters.b"),
    ]:
        with pytest.raises(Invalid) as refusal:
            check_meters(wrong, calendars, "meters")
        assert (refusal.value.code, refusal.value.at) == (code, at)
