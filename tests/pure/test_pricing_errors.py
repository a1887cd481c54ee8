"""Every way to write a price or a case wrongly: its code, and the path of the offending field. Nothing crashes, nothing hangs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid
from plans.pricing import Consumption, UsageEvent, parse_pricing, rate
from plans.pricing.cases import answer

UNIT = {"model": "unit", "amount": "1"}
CODES = {
    "unknown_field",
    "missing_field",
    "wrong_type",
    "not_a_number",
    "negative",
    "out_of_range",
    "bad_tiers",
    "unknown_model",
    "unknown_currency",
    "no_cell",
    "conflict",
}


def error(**case: Any) -> tuple[str, str]:
    whole = {"id": "t", "currency": "EUR", "price": UNIT, "quantity": "1"} | case
    found = answer({name: value for name, value in whole.items() if value != "absent"})
    assert set(found) == {"id", "error"}, found
    assert found["error"]["code"] in CODES
    assert len(found["error"]["message"]) < 600
    return found["error"]["code"], found["error"]["at"]


def tiers(*rows: Any, model: str = "graduated") -> dict[str, Any]:
    return {"model": model, "tiers": list(rows)}


def nested(depth: int) -> dict[str, Any]:
    price: dict[str, Any] = UNIT
    for _ in range(depth):
        price = tiers({"price": price}, model="volume")
    return price


@pytest.mark.parametrize(
    ("price", "code", "at"),
    [
        ([], "wrong_type", "price"),
        ("unit", "wrong_type", "price"),
        ({}, "missing_field", "price.model"),
        ({"model": ["unit"]}, "wrong_type", "price.model"),
        ({"model": "units", "amount": "1"}, "unknown_model", "price.model"),
        ({"model": "unit"}, "missing_field", "price.amount"),
        ({"model": "unit", "amount": "1", "minimum": "1"}, "unknown_field", "price.minimum"),
        ({"model": "unit", "amount": "NaN"}, "not_a_number", "price.amount"),
        ({"model": "unit", "amount": "1e400"}, "not_a_number", "price.amount"),
        ({"model": "unit", "amount": "1" * 31}, "not_a_number", "price.amount"),
        ({"model": "unit", "amount": True}, "not_a_number", "price.amount"),
        ({"model": "unit", "amount": {}}, "not_a_number", "price.amount"),
        ({"model": "unit", "amount": 1.5}, "not_a_number", "price.amount"),
        ({"model": "unit", "amount": "-1"}, "negative", "price.amount"),
        ({"model": "flat", "amount": "-1"}, "negative", "price.amount"),
        ({"model": "package", "size": "0", "amount": "1"}, "out_of_range", "price.size"),
        ({"model": "package", "size": "-1", "amount": "1"}, "negative", "price.size"),
        ({"model": "package", "size": "1", "amount": "1", "round": "sideways"}, "out_of_range", "price.round"),
        ({"model": "package", "size": "1", "amount": "1", "round": 3}, "wrong_type", "price.round"),
        (tiers(), "bad_tiers", "price.tiers"),
        (tiers(*[{"up_to": str(n)} for n in range(10_001)]), "bad_tiers", "price.tiers"),
        ({"model": "graduated"}, "missing_field", "price.tiers"),
        ({"model": "graduated", "tiers": {"up_to": 1}}, "wrong_type", "price.tiers"),
        (tiers("1"), "wrong_type", "price.tiers[0]"),
        (tiers({"up_to": "5"}, {"up_to": "5"}), "bad_tiers", "price.tiers[1].up_to"),
        (tiers({"up_to": "5"}, {"up_to": "4"}), "bad_tiers", "price.tiers[1].up_to"),
        (tiers({}, {"up_to": "4"}), "bad_tiers", "price.tiers[0].up_to"),
        (tiers({"up_to": None}, {}), "bad_tiers", "price.tiers[0].up_to"),
        (tiers({"up_to": "-1"}, {}), "negative", "price.tiers[0].up_to"),
        (tiers({"upto": "1"}, {}), "unknown_field", "price.tiers[0].upto"),
        (tiers({"price": UNIT}), "unknown_field", "price.tiers[0].price"),
        (tiers({"size": "0"}), "out_of_range", "price.tiers[0].size"),
        (tiers({"unit": "-1"}), "negative", "price"),
        (tiers({"up_to": "0.5", "unit": "1"}), "out_of_range", "price.tiers"),
        (tiers({"unit": "1"}) | {"zero": "cheap"}, "out_of_range", "price.zero"),
        (tiers({"rate": "1"}), "unknown_field", "price.tiers[0].rate"),
        (tiers({"unit": "1"}, model="graduated_percentage"), "unknown_field", "price.tiers[0].unit"),
        (tiers({"price": UNIT, "unit": "1"}, model="volume"), "conflict", "price.tiers[0].unit"),
        (tiers({"up_to": "5", "price": UNIT}, {"price": {"model": "dynamic"}}, model="volume"), "conflict", "price.tiers"),
        (nested(9), "conflict", "price" + ".tiers[0].price" * 9),
        ({"model": "percentage"}, "missing_field", "price.rate"),
        ({"model": "percentage", "rate": "1", "free_events": "1.5"}, "wrong_type", "price.free_events"),
        ({"model": "percentage", "rate": "1", "free_events": "-1"}, "out_of_range", "price.free_events"),
        ({"model": "percentage", "rate": "1", "free_amount": "-1"}, "negative", "price.free_amount"),
        ({"model": "percentage", "rate": "1", "minimum_per_event": "2", "maximum_per_event": "1"}, "conflict", "price.minimum_per_event"),
        ({"model": "matrix", "by": [], "cells": []}, "out_of_range", "price.by"),
        ({"model": "matrix", "by": ["a", "a"], "cells": []}, "out_of_range", "price.by"),
        ({"model": "matrix", "by": [1], "cells": []}, "wrong_type", "price.by[0]"),
        ({"model": "matrix", "by": "a", "cells": []}, "wrong_type", "price.by"),
        ({"model": "matrix", "by": ["a"], "cells": []}, "missing_field", "price.cells"),
        ({"model": "matrix", "by": ["a"], "cells": [{"when": {"b": "1"}, "price": UNIT}]}, "unknown_field", "price.cells[0].when.b"),
        ({"model": "matrix", "by": ["a"], "cells": [{"when": {"a": ["1"]}, "price": UNIT}]}, "wrong_type", "price.cells[0].when.a"),
        ({"model": "matrix", "by": ["a"], "cells": [{"price": UNIT}, {"price": {"model": "dynamic"}}]}, "conflict", "price.cells"),
    ],
)
def test_a_wrong_price(price: Any, code: str, at: str) -> None:
    assert error(price=price) == (code, at)


@pytest.mark.parametrize(
    ("case", "code", "at"),
    [
        ({"id": "absent"}, "missing_field", "id"),
        ({"currency": "absent"}, "missing_field", "currency"),
        ({"currency": "eur"}, "unknown_currency", "currency"),
        ({"price": "absent"}, "missing_field", "price"),
        ({"quantity": "absent"}, "missing_field", "quantity"),
        ({"quantity": "-1"}, "negative", "quantity"),
        ({"quantity": "1e31"}, "not_a_number", "quantity"),
        ({"quantity": "Infinity"}, "not_a_number", "quantity"),
        ({"quantity": "9" * 10**6}, "not_a_number", "quantity"),
        ({"quantity": ["1"]}, "not_a_number", "quantity"),
        ({"quantitty": "1"}, "unknown_field", "quantitty"),
        ({"events": ["1"]}, "conflict", "events"),
        ({"runs": ["1"]}, "conflict", "quantity"),
        ({"each": True}, "conflict", "each"),
        ({"each": "perhaps"}, "wrong_type", "each"),
        ({"quantity": "absent", "events": [], "each": True}, "out_of_range", "events"),
        ({"quantity": "absent", "events": "5"}, "wrong_type", "events"),
        ({"quantity": "absent", "events": [True]}, "wrong_type", "events[0]"),
        ({"quantity": "absent", "events": [None]}, "wrong_type", "events[0]"),
        ({"quantity": "absent", "events": ["x"]}, "not_a_number", "events[0]"),
        ({"quantity": "absent", "events": [{"amount": "5"}]}, "missing_field", "events[0].quantity"),
        ({"quantity": "absent", "events": [{"quantity": "5", "when": "now"}]}, "unknown_field", "events[0].when"),
        ({"quantity": "absent", "events": [{"quantity": "5", "at": "noon"}]}, "wrong_type", "events[0].at"),
        ({"quantity": "absent", "events": ["5", "-6"]}, "negative", "events"),
        ({"quantity": "absent", "events": ["5"], "runs": ["2"]}, "out_of_range", "runs[0]"),
        ({"quantity": "absent", "events": ["5"], "runs": ["0.5"]}, "wrong_type", "runs[0]"),
        ({"quantity": "absent", "runs": []}, "out_of_range", "runs"),
        ({"quantity": "absent", "runs": ["1", "-1"]}, "negative", "runs[1]"),
        ({"quantity": "absent", "windows": ["1"]}, "conflict", "windows"),
        ({"days": "0"}, "out_of_range", "days"),
        ({"per_days": 30}, "missing_field", "days"),
        ({"per_days": 0, "days": 3}, "out_of_range", "per_days"),
        ({"minimum": "2", "maximum": "1"}, "conflict", "minimum"),
        ({"minimum": "-2"}, "negative", "minimum"),
        ({"included": "-2"}, "negative", "included"),
        ({"discount": "101"}, "out_of_range", "discount"),
        ({"rounding": "bankers"}, "out_of_range", "rounding"),
        ({"negative": "yes"}, "out_of_range", "negative"),
        ({"lines": "many"}, "out_of_range", "lines"),
        ({"window": "year"}, "out_of_range", "window.every"),
        ({"window": {"minimum": "1"}}, "missing_field", "window.every"),
        ({"window": {"every": "day", "included": "1"}, "included": "1"}, "conflict", "window.included"),
        ({"window": {"every": "day", "per_event": "1"}}, "conflict", "window.per_event"),
        ({"window": "day"}, "missing_field", "events"),
        ({"window": "day", "quantity": "absent", "events": ["1"]}, "missing_field", "events[0].at"),
        ({"per_event": "1"}, "missing_field", "events"),
        ({"event_transform": {"step": "6"}}, "missing_field", "events"),
        ({"event_transform": {"step": "0"}}, "out_of_range", "event_transform.step"),
        ({"quantity_transform": {}}, "missing_field", "quantity_transform.divide_by"),
        ({"quantity_transform": {"divide_by": "0"}}, "out_of_range", "quantity_transform.divide_by"),
        ({"quantity_transform": {"divide_by": "1", "multiply_by": "1"}}, "conflict", "quantity_transform.multiply_by"),
        ({"quantity_transform": {"divide_by": "1", "round": "ceil"}}, "out_of_range", "quantity_transform.round"),
        ({"commitment": {"overage_factor": "2"}}, "missing_field", "commitment.amount"),
        ({"commitment": {"amount": "2", "true_up": "often"}}, "wrong_type", "commitment.true_up"),
        ({"choose": {"by": "x", "tiers": [{"price": UNIT}]}}, "conflict", "choose"),
        ({"price": "absent", "choose": {"tiers": [{"price": UNIT}]}}, "missing_field", "choose.by"),
        ({"price": "absent", "choose": {"by": "x", "tiers": []}}, "bad_tiers", "choose.tiers"),
        ({"price": "absent", "choose": {"by": "x", "tiers": [{"up_to": 1, "price": UNIT}]}, "x": "2"}, "out_of_range", "choose.tiers"),
        ({"price": "absent", "choose": {"by": "x", "tiers": [{"price": UNIT}]}, "x": "-2"}, "negative", "x"),
        ({"price": {"model": "dynamic"}}, "missing_field", "events"),
        ({"price": {"model": "percentage", "rate": "1"}}, "missing_field", "events"),
        ({"price": {"model": "matrix", "by": ["a"], "cells": [{"price": UNIT}]}}, "missing_field", "events"),
        ({"price": {"model": "percentage", "rate": "1"}, "included": "1"}, "conflict", "included"),
        ({"price": {"model": "dynamic"}, "event_transform": {"step": "1"}}, "conflict", "event_transform"),
        ({"price": {"model": "matrix", "by": ["a"], "cells": [{"price": UNIT}]}, "at_least": "1"}, "conflict", "at_least"),
        ({"expect": "5"}, "wrong_type", "expect"),
        ({"expect": {"amonut": "5"}}, "unknown_field", "expect.amonut"),
        ({"expect": {"runs": "5"}}, "wrong_type", "expect.runs"),
    ],
)
def test_a_wrong_case(case: dict[str, Any], code: str, at: str) -> None:
    assert error(**case) == (code, at)


def test_a_misspelt_field_is_suggested() -> None:
    found = answer({"id": "t", "currency": "EUR", "price": {"model": "unit", "amout": "1", "amount": "1"}, "quantity": "1"})
    assert "did you mean 'amount'?" in found["error"]["message"]
    found = answer({"id": "t", "currency": "EUR", "price": {"model": "gradated"}, "quantity": "1"})
    assert "did you mean 'graduated'?" in found["error"]["message"]


def test_paths_start_where_the_price_stands() -> None:
    with pytest.raises(Invalid) as caught:
        parse_pricing({"price": tiers({"up_to": "x"})}, currency="EUR", at="plans.room.items[0]")
    assert caught.value.at == "plans.room.items[0].price.tiers[0].up_to"


def test_an_event_without_what_the_price_needs_is_refused_in_rating_too() -> None:
    for price in ({"model": "percentage", "rate": "1"}, {"model": "dynamic"}):
        with pytest.raises(Invalid) as caught:
            rate(parse_pricing({"price": price}, currency="EUR"), Consumption(Decimal(1), (UsageEvent(quantity=Decimal(1)),)))
        assert (caught.value.code, caught.value.at) == ("missing_field", "events[0].amount")


words = st.sampled_from(
    [
        "model",
        "tiers",
        "up_to",
        "unit",
        "flat",
        "size",
        "price",
        "by",
        "cells",
        "amount",
        "rate",
        "quantity",
        "events",
        "id",
        "EUR",
        "matrix",
    ]
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | words | st.decimals().map(str) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)


@given(junk, junk, junk)
def test_anything_is_answered(price: object, quantity: object, case: object) -> None:
    for one in (
        case,
        {"id": "x", "currency": "EUR", "price": price, "quantity": quantity},
        {"id": "x", "currency": "EUR", "events": quantity} | _dict(case),
    ):
        found = answer(one)
        assert "amount" in found or found["error"]["code"] in CODES


def _dict(value: object) -> dict[str, Any]:
    return {str(name): inner for name, inner in value.items()} if isinstance(value, dict) else {"price": value}
