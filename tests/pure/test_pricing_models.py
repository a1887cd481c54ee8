"""Each price model, by hand: the amounts of PRICING's table, its edges and the rules for events."""

from __future__ import annotations

from typing import Any

import pytest

from plans.pricing.cases import answer

BLOCKS = [{"up_to": "50", "unit": "0.14"}, {"up_to": "100", "unit": "0.18"}, {"up_to": "250", "unit": "0.32"}, {"unit": "0.49"}]


def priced(price: dict[str, Any], **case: Any) -> dict[str, Any]:
    found = answer({"id": "t", "currency": "EUR", "price": price} | case)
    assert "error" not in found, found
    return found


def exact(price: dict[str, Any], **case: Any) -> str:
    return str(priced(price, **case)["exact"])


def graduated(*tiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "graduated", "tiers": list(tiers), **more}


@pytest.mark.parametrize("quantity", ["0", "1", "1000.5"])
def test_flat(quantity: str) -> None:
    assert exact({"model": "flat", "amount": "9.995"}, quantity=quantity) == "9.995"


def test_unit_takes_fractions_of_units_and_of_cents() -> None:
    assert exact({"model": "unit", "amount": "0.0012"}, quantity="2.5") == "0.003"
    assert priced({"model": "unit", "amount": "0.0012"}, quantity="2.5")["amount"] == "0.00"


@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [("up", ["0", "1", "1", "2", "3"]), ("down", ["0", "0", "1", "1", "2"]), ("nearest", ["0", "0", "1", "2", "3"])],
)
def test_packages(rounding: str, amounts: list[str]) -> None:
    price = {"model": "package", "size": "10", "amount": "1", "round": rounding}
    assert [exact(price, quantity=quantity) for quantity in ("0", "4", "10", "15", "25")] == amounts


def test_packages_unrounded_are_exact() -> None:
    assert exact({"model": "package", "size": "3", "amount": "1", "round": "none"}, quantity="1") == "1/3"
    assert exact({"model": "package", "size": "3", "amount": "1", "round": "none"}, quantity="4.5") == "1.5"
    assert exact({"model": "package", "size": "10", "amount": "1"}, quantity="10.000001") == "2"


@pytest.mark.parametrize(
    ("quantity", "amount"), [("50", "7"), ("250", "64"), ("251", "64.49"), ("500", "186.5"), ("0", "0"), ("50.5", "7.09")]
)
def test_graduated_blocks(quantity: str, amount: str) -> None:
    assert exact(graduated(*BLOCKS), quantity=quantity) == amount


def test_graduated_steps_name_only_the_tiers_reached() -> None:
    assert priced(graduated(*BLOCKS), quantity="60")["steps"] == [
        {"step": "tier", "tier": "1", "from": "0", "up_to": "50", "quantity": "50", "unit": "0.14", "amount": "7"},
        {"step": "tier", "tier": "2", "from": "50", "up_to": "100", "quantity": "10", "unit": "0.18", "amount": "1.8"},
    ]


def test_the_first_flat_is_due_at_zero_unless_zero_is_free() -> None:
    tiers = [{"up_to": "5", "flat": "100"}, {"flat": "50"}]
    assert exact(graduated(*tiers), quantity="0") == "100"
    assert exact(graduated(*tiers), quantity="3", included="10") == "100"
    assert exact(graduated(*tiers, zero="free"), quantity="0") == "0"
    assert exact(graduated(*tiers, zero="free"), quantity="3", included="10") == "0"
    assert exact(graduated(*tiers, zero="free"), quantity="5.01") == "150"
    assert exact({"model": "volume", "tiers": tiers}, quantity="0") == "100"
    assert exact({"model": "volume", "tiers": tiers, "zero": "free"}, quantity="0") == "0"
    percentage = {"model": "graduated_percentage", "tiers": [{"flat": "2", "rate": "1"}]}
    assert exact(percentage, events=[]) == "2"
    assert exact(percentage | {"zero": "free"}, events=[]) == "0"


def test_volume_moves_all_units_to_one_tier() -> None:
    price = {"model": "volume", "tiers": [{"up_to": 99, "unit": "1"}, {"up_to": 199, "unit": "0.5", "flat": "3"}, {"unit": "0.25"}]}
    assert [exact(price, quantity=quantity) for quantity in ("99", "99.5", "199", "200")] == ["99", "52.75", "102.5", "50"]


def test_a_volume_tier_may_carry_a_whole_price() -> None:
    tiers = [{"up_to": "10", "price": {"model": "flat", "amount": "5"}}, {"price": graduated({"up_to": "15", "unit": "1"}, {"unit": "2"})}]
    price = {"model": "volume", "tiers": tiers}
    assert [exact(price, quantity=quantity) for quantity in ("0", "10", "11", "20")] == ["5", "5", "11", "25"]


def test_a_tier_with_size_is_sold_in_started_blocks() -> None:
    price = graduated({"up_to": "50", "flat": "20"}, {"size": "50", "unit": "10"})
    assert [exact(price, quantity=quantity) for quantity in ("50", "50.1", "100", "101")] == ["20", "30", "30", "40"]
    assert exact({"model": "volume", "tiers": [{"size": "10", "unit": "3"}]}, quantity="21") == "9"


def test_percentage_of_each_event() -> None:
    assert exact({"model": "percentage", "rate": "2.9", "fixed": "0.30"}, events=["100", "10"]) == "3.79"
    price = {"model": "percentage", "rate": "1", "minimum_per_event": "0.5", "maximum_per_event": "2"}
    assert exact(price, events=["10", "100", "1000"]) == "3.5"


@pytest.mark.parametrize(
    ("free", "events", "amounts"),
    [
        # ends exactly at the limit: wholly free; the next pays in full
        ({"free_amount": "100"}, ["60", "40", "10"], ["0", "0", "2"]),
        # partly free: the rate on the rest, the fixed part in full
        ({"free_amount": "100"}, ["60", "50"], ["0", "2"]),
        # an event of 0 takes one of the free events
        ({"free_events": "2"}, ["0", "10", "10"], ["0", "0", "2"]),
        # with both, as long as both last
        ({"free_events": "2", "free_amount": "100"}, ["10", "10", "10"], ["0", "0", "2"]),
        ({"free_events": "2", "free_amount": "100"}, ["90", "20", "10"], ["0", "2", "2"]),
        ({"free_events": "0", "free_amount": "100"}, ["10"], ["2"]),
        # a correction of free value gives it back; of charged value, lowers the charge
        ({"free_amount": "100"}, ["100", "-20", "20"], ["0", "0", "0"]),
    ],
)
def test_free_events_and_free_amount(free: dict[str, str], events: list[str], amounts: list[str]) -> None:
    price = {"model": "percentage", "rate": "10", "fixed": "1", "minimum_per_event": "2", **free}
    assert [step["amount"] for step in priced(price, events=events)["steps"]] == amounts


def test_a_partly_free_event_pays_on_the_rest() -> None:
    price = {"model": "percentage", "rate": "10", "fixed": "1", "free_amount": "100"}
    assert exact(price, events=["60", "50"]) == "2"
    assert exact(price, events=["60", "70"]) == "4"


def test_many_events_are_explained_up_to_a_hundred() -> None:
    steps = priced({"model": "percentage", "rate": "1", "fixed": "0"}, events=["1"] * 150)["steps"]
    assert len(steps) == 101
    assert steps[-1] == {"step": "more_events", "events": "50", "amount": "0.5"}


def test_graduated_percentage_keeps_the_running_total() -> None:
    tiers = [{"up_to": "1000", "rate": "1", "flat": "200"}, {"up_to": "10000", "rate": "2", "flat": "300"}, {"rate": "3", "flat": "400"}]
    found = priced({"model": "graduated_percentage", "tiers": tiers}, events=["500", "550", "4000"], each=True)
    assert found["runs"] == ["205.00", "306.00", "80.00"]
    assert found["amount"] == "591.00"
    assert found["steps"][0]["rate"] == "1"


def test_dynamic_sums_the_amounts() -> None:
    assert exact({"model": "dynamic"}, events=["1.10", "2.205"]) == "3.305"
    assert exact({"model": "dynamic", "multiplier": "1.33333"}, events=[{"amount": "50", "quantity": "7"}]) == "66.6665"
    assert exact({"model": "dynamic"}, events=[]) == "0"


MATRIX = {
    "model": "matrix",
    "by": ["region", "size"],
    "cells": [
        {"when": {"region": "eu", "size": "big"}, "price": {"model": "unit", "amount": "5"}},
        {"when": {"region": "eu"}, "price": graduated({"up_to": "1", "unit": "1", "flat": "10"}, {"unit": "2"})},
        {"when": {"region": None}, "price": {"model": "unit", "amount": "7"}},
    ],
}


def use(quantity: str, **dimensions: str | None) -> dict[str, Any]:
    return {"quantity": quantity, "dimensions": dimensions}


def test_matrix_prices_each_group_alone_by_the_first_cell_that_matches() -> None:
    events = [
        use("1", region="eu", size="big"),
        use("1", region="eu", size="small"),
        use("1", region="eu"),
        use("2", region="eu", size="small"),
    ]
    found = priced(MATRIX, events=events)
    # big 1 × 5; small 3: 10 + 1 + 2 × 2; without a size 1: 10 + 1
    assert found["exact"] == "31"
    assert [step["cell"] for step in found["steps"] if step["step"] == "cell"] == [
        "region=eu, size=big",
        "region=eu, size=small",
        "region=eu, size=null",
    ]


def test_matrix_with_a_missing_dimension_and_otherwise() -> None:
    assert exact(MATRIX, events=[use("2")]) == "14"
    assert exact(MATRIX | {"otherwise": {"model": "flat", "amount": "1"}}, events=[use("2", region="us"), use("2", region="cn")]) == "2"
    assert exact(MATRIX, events=[]) == "0"


def test_a_combination_without_a_cell_is_named() -> None:
    found = answer({"id": "t", "currency": "EUR", "price": MATRIX, "events": [use("2", region="us")]})
    assert found["error"]["code"] == "no_cell"
    assert "region=us, size=null" in found["error"]["message"]
    assert found["error"]["at"] == "price.cells"


def test_matrix_of_amounts() -> None:
    cells = [
        {"when": {"card": "amex"}, "price": {"model": "percentage", "rate": "3"}},
        {"price": {"model": "percentage", "rate": "1", "fixed": "0.1"}},
    ]
    events = [{"amount": "100", "dimensions": {"card": "amex"}}, {"amount": "10", "dimensions": {"card": "visa"}}]
    assert exact({"model": "matrix", "by": ["card"], "cells": cells}, events=events) == "3.2"


def test_matrix_is_rounded_once_on_the_sum() -> None:
    cells = [{"price": {"model": "unit", "amount": "0.004"}}]
    events = [use("1", region="a"), use("1", region="b")]
    assert priced({"model": "matrix", "by": ["region"], "cells": cells}, events=events)["amount"] == "0.01"


def test_a_bare_number_is_what_the_model_looks_at() -> None:
    assert exact({"model": "unit", "amount": "2"}, events=["3", "4"]) == "14"
    assert exact({"model": "percentage", "rate": "10"}, events=["3", "4"]) == "0.7"


def test_amounts_follow_the_currency() -> None:
    price = {"model": "unit", "amount": "0.5"}
    assert [priced(price, quantity="3", currency=code)["amount"] for code in ("JPY", "EUR", "KWD")] == ["2", "1.50", "1.500"]
