"""What stands beside a price, by hand: the order, the closing, runs, days, windows, commitments, choice, rounding and lines."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from plans.errors import Invalid
from plans.pricing import PRICING_FIELDS, Consumption, UsageEvent, parse_pricing, rate
from plans.pricing.cases import answer

UNIT = {"model": "unit", "amount": "1"}


def priced(**case: Any) -> dict[str, Any]:
    found = answer({"id": "t", "currency": "EUR", "price": UNIT} | case)
    assert "error" not in found, found
    return found


def exact(**case: Any) -> str:
    return str(priced(**case)["exact"])


def runs(**case: Any) -> list[str]:
    return list(priced(**case)["runs"])


def pricing(**fields: Any) -> Any:
    return parse_pricing({"price": UNIT} | fields, currency="EUR")


# -- the quantity ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "billed"), [("10", "30"), ("30", "30"), ("31", "36"), ("36", "36"), ("0", "30"), ("-31", "-36")])
def test_event_transform_30_6(seconds: str, billed: str) -> None:
    assert exact(event_transform={"minimum": "30", "step": "6"}, events=[{"quantity": seconds}], negative="allowed") == billed


def test_event_transform_comes_before_the_sum() -> None:
    transform = {"step": "60", "round": "up"}
    assert exact(event_transform=transform, quantity_transform={"divide_by": "60"}, events=["61", "61", "61"]) == "6"
    assert exact(event_transform={"step": "60", "round": "none"}, events=["61"]) == "61"
    assert exact(event_transform={"step": "60", "round": "down"}, events=["61"]) == "60"


@pytest.mark.parametrize(
    ("raw", "transform", "result"),
    [
        ("1247", {"divide_by": "1000"}, "1.247"),
        ("1999", {"divide_by": "1000", "round": "down"}, "1"),
        ("2500", {"divide_by": "1000", "round": "nearest"}, "3"),
        ("2500", {"divide_by": "1000", "round": "half_even"}, "2"),
        ("244", {"divide_by": "100", "round": "nearest", "decimals": 1}, "2.4"),
        ("7400", {"divide_by": "1000", "round": "up"}, "8"),
        ("1", {"divide_by": "3"}, "1/3"),
        ("1.5", {"multiply_by": "8"}, "12"),
    ],
)
def test_quantity_transform(raw: str, transform: dict[str, Any], result: str) -> None:
    assert exact(quantity_transform=transform, quantity=raw) == result


def test_the_transform_works_on_the_cumulative_quantity() -> None:
    assert runs(quantity_transform={"divide_by": "1000", "round": "up"}, runs=["400", "900", "1001"]) == ["1.00", "0.00", "1.00"]


def test_included_is_in_the_transformed_unit_and_not_below_zero() -> None:
    assert exact(quantity_transform={"divide_by": "1000", "round": "up"}, included="0.5", quantity="1400") == "1.5"
    assert exact(included="5", quantity="3") == "0"


def test_at_least_comes_before_included() -> None:
    assert exact(at_least="10", included="4", quantity="2") == "6"
    assert exact(at_least="10", quantity="12") == "12"


@pytest.mark.parametrize(
    ("beside", "quantity", "told"),
    [
        ({"included": "1000"}, "4908", {"quantity": "4908", "counted": "3908", "included": "1000"}),
        ({"included": "1000"}, "8", {"quantity": "8", "counted": "0", "included": "1000"}),
        ({"at_least": "10", "included": "4"}, "2", {"quantity": "2", "counted": "6", "at_least": "10", "included": "4"}),
        ({"quantity_transform": {"divide_by": "1000", "round": "up"}}, "1400", {"quantity": "1400", "transformed": "2", "counted": "2"}),
        (
            {"quantity_transform": {"divide_by": "60", "round": "up"}, "included": "100"},
            "6120",
            {"quantity": "6120", "transformed": "102", "counted": "2", "included": "100"},
        ),
        ({"at_least": "10"}, "12", None),
    ],
)
def test_the_steps_say_how_what_is_priced_came_from_what_was_counted(beside: Any, quantity: str, told: dict[str, str] | None) -> None:
    steps = priced(quantity=quantity, **beside)["steps"]
    assert [step for step in steps if step["step"] == "counted"] == ([{"step": "counted"} | told] if told else [])


def test_included_with_a_matrix_is_used_up_in_the_order_of_events() -> None:
    price = {"model": "matrix", "by": ["to"], "cells": [{"when": {"to": "a"}, "price": UNIT}, {"price": {"model": "unit", "amount": "10"}}]}
    events = [{"quantity": "5", "dimensions": {"to": to}} for to in ("a", "b", "a")]
    assert exact(price=price, included="8", events=events) == "25"  # a: 5 free, b: 3 of 5 free, a: none


# -- the amount ------------------------------------------------------------------------------------------------------------------


def test_the_order_of_the_amount_wrappers() -> None:
    assert exact(per_event="0.5", discount="50", events=["10", "10"]) == "10.5"
    assert exact(discount="50", maximum="100", quantity="270") == "100"
    assert exact(maximum="100", commitment={"amount": "80", "overage_factor": "2"}, quantity="270") == "120"
    assert exact(minimum="150", commitment={"amount": "100", "true_up": True}, quantity="4") == "150"


def test_per_event_counts_events() -> None:
    assert exact(per_event="0.1", events=[]) == "0"
    assert exact(per_event="0.1", events=["1", "1", "0"]) == "2.3"


@pytest.mark.parametrize(("used", "amount"), [("60", "100"), ("100", "100"), ("150", "200")])
def test_commitment(used: str, amount: str) -> None:
    assert exact(commitment={"amount": "100", "overage_factor": "2", "true_up": True}, quantity=used) == amount


def test_commitment_is_raised_only_when_closed() -> None:
    commitment = {"amount": "100", "true_up": True}
    assert exact(commitment=commitment, quantity="60", closes=False) == "60"
    assert runs(commitment=commitment, runs=["60", "60"]) == ["60.00", "40.00"]
    assert exact(commitment={"amount": "100"}, quantity="60") == "60"


def test_the_minimum_is_due_at_the_close() -> None:
    assert exact(minimum="150", quantity="100") == "150"
    assert exact(minimum="150", quantity="100", closes=False) == "100"
    assert exact(minimum="150", events=["100"]) == "150"
    assert runs(minimum="150", runs=["10", "100"]) == ["10.00", "140.00"]
    assert runs(minimum="150", runs=["10", "100"], closes=False) == ["10.00", "90.00"]
    assert runs(minimum="150", events=["10", "90"], each=True) == ["10.00", "140.00"]


def test_the_minimum_can_be_told_apart() -> None:
    rated = rate(pricing(minimum="150"), Consumption(Decimal("100.004")))
    assert (rated.exact, rated.amount, rated.minimum_topup) == (Fraction(150), Decimal("150.00"), Fraction("49.996"))
    assert rate(pricing(minimum="150"), Consumption(Decimal(200))).minimum_topup == 0
    trued = rate(pricing(commitment={"amount": "100", "true_up": True}), Consumption(Decimal(40)))
    assert (trued.true_up, trued.minimum_topup) == (60, 0)


# -- runs ------------------------------------------------------------------------------------------------------------------------


def test_each_event_pays_the_rounded_target_less_what_was_billed() -> None:
    found = priced(price={"model": "percentage", "rate": "2.5"}, events=["1.00", "1.00"], each=True)
    assert (found["runs"], found["amount"], found["exact"]) == (["0.03", "0.02"], "0.05", "0.05")


def test_runs_over_events_say_how_many_are_known() -> None:
    found = priced(price={"model": "percentage", "rate": "10"}, events=["10", "20", "30"], runs=["0", "2", "3", "1"])
    assert found["runs"] == ["0.00", "3.00", "3.00", "-5.00"]
    assert found["amount"] == "1.00"


def test_a_run_never_says_minus_zero() -> None:
    assert runs(price={"model": "unit", "amount": "-0.001"}, negative="allowed", runs=["1", "0", "1"]) == ["0.00", "0.00", "0.00"]


# -- days and shares -------------------------------------------------------------------------------------------------------------

KWH = {"model": "graduated", "tiers": [{"up_to": "120", "unit": "0.38496"}, {"unit": "0.5"}]}


def test_a_bill_for_59_days() -> None:
    found = priced(price=KWH, per_days=30, days=59, quantity="266", lines="tiers")
    assert found["steps"][0]["up_to"] == "236"
    assert found["steps"][0]["amount"] == "90.85056"
    assert found["amount"] == "105.85"
    assert priced(price={"model": "flat", "amount": "14.4251"}, per_days=30, days=59, quantity="0")["amount"] == "28.37"


def test_per_days_scales_what_is_stated_for_the_period() -> None:
    half: dict[str, Any] = {"per_days": 30, "days": 15}
    assert exact(**half, included="10", quantity="10") == "5"
    assert exact(**half, minimum="10", quantity="0") == "5"
    assert exact(**half, maximum="10", quantity="100") == "5"
    assert (
        exact(**half, price={"model": "volume", "tiers": [{"up_to": "10", "flat": "4"}, {"unit": "1", "flat": "2"}]}, quantity="6") == "7"
    )
    assert exact(**half, price={"model": "package", "size": "10", "amount": "1"}, quantity="10") == "1"
    assert exact(per_days=30, days=10, price={"model": "flat", "amount": "1"}, quantity="0") == "1/3"
    assert exact(**half, commitment={"amount": "10", "overage_factor": "2"}, quantity="20") == "30"


def test_days_are_required() -> None:
    found = answer({"id": "t", "currency": "EUR", "price": UNIT, "per_days": 30, "quantity": "1"})
    assert (found["error"]["code"], found["error"]["at"]) == ("missing_field", "days")


def test_a_share_scales_only_what_is_named() -> None:
    share = Fraction(9, 30)
    flat = parse_pricing({"price": {"model": "flat", "amount": "19.95"}}, currency="EUR")
    assert rate(flat, Consumption(Decimal(0)), share=share).exact == Fraction("5.985")
    assert rate(flat, Consumption(Decimal(0)), share=share, prorate=()).exact == Fraction("19.95")
    assert rate(flat, Consumption(Decimal(0)), share=share, prorate=("flat", "amount")).exact == Fraction("5.985")
    wrapped = pricing(included="10", minimum="10", maximum="50")
    assert rate(wrapped, Consumption(Decimal(11)), share=share).exact == 3
    assert rate(wrapped, Consumption(Decimal(11)), share=share, prorate=("included",)).exact == 10
    assert rate(wrapped, Consumption(Decimal(1000)), share=share, prorate=("maximum",)).exact == 15
    tiers = parse_pricing({"price": KWH}, currency="EUR")
    assert rate(tiers, Consumption(Decimal(60)), share=Fraction(1, 4), prorate=("tiers",)).exact == 30 * Fraction("0.38496") + 15
    assert rate(pricing(), Consumption(Decimal(10)), share=share, prorate=("amount",)).exact == 3
    with pytest.raises(Invalid) as caught:
        rate(pricing(), Consumption(Decimal(10)), share=share, prorate=("everything",))
    assert caught.value.code == "out_of_range"


# -- choice, windows, lines, rounding, negative ----------------------------------------------------------------------------------

BANDS = {
    "by": "average",
    "tiers": [
        {"up_to": "120", "price": {"model": "unit", "amount": "1"}},
        {"up_to": "500", "price": {"model": "unit", "amount": "2"}},
        {"price": {"model": "flat", "amount": "9"}},
    ],
}


@pytest.mark.parametrize(("average", "amount"), [("120", "266"), ("120.01", "532"), ("501", "9")])
def test_another_quantity_picks_the_price(average: str, amount: str) -> None:
    case = {"id": "t", "currency": "EUR", "choose": BANDS, "quantity": "266"}
    for given in ({"quantities": {"average": average}}, {"average": average}):
        assert answer(case | given)["exact"] == amount
    missing = answer(case)["error"]
    assert (missing["code"], missing["at"]) == ("missing_field", "quantities.average")


def test_the_own_quantity_picks_the_band_of_the_monthly_average() -> None:
    case = {"id": "t", "currency": "EUR", "choose": BANDS | {"by": "quantity"}, "per_days": 30, "days": 59, "quantity": "236"}
    assert answer(case)["exact"] == "236"
    assert answer(case | {"quantity": "237"})["exact"] == "474"


def test_windows_are_priced_alone_then_summed() -> None:
    price = {"model": "graduated", "tiers": [{"up_to": "10", "unit": "1"}, {"unit": "2"}]}
    events = [{"quantity": q, "at": at} for q, at in (("9", "2026-03-01T10:00"), ("4", "2026-03-02T10:00"), ("3", "2026-03-01T23:59"))]
    assert exact(price=price, window="day", events=events) == "18"  # 12: 10 + 2 × 2; 4
    assert exact(price=price, window="month", events=events) == "22"
    assert exact(price=price, window="hour", events=events) == "16"
    assert exact(price=price, window="day", included="3", events=events) == "10"  # 9 and 1
    assert exact(price=price, window="day", maximum="15", events=events) == "15"
    assert exact(price=price, window="day", windows=["12", "4"], minimum="20") == "20"


def test_a_window_may_have_wrappers_of_its_own() -> None:
    window = {"every": "day", "commitment": {"amount": "10", "overage_factor": "2", "true_up": True}}
    assert exact(window=window, windows=["4", "16"]) == "32"
    assert exact(window=window, windows=["4", "4"]) == "20"
    assert exact(window=window, windows=["4", "4"], closes=False) == "14"
    assert exact(window={"every": "day", "maximum": "8"}, windows=["4", "16", "9"], maximum="19") == "19"


def test_the_hour_that_the_clock_repeats_is_two_windows() -> None:
    price = pricing(price={"model": "graduated", "tiers": [{"flat": "1"}]}, window="hour")
    times = [datetime.fromisoformat(text) for text in ("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00", "2026-10-25T02:40+01:00")]
    events = tuple(UsageEvent(quantity=Decimal(1), at=at) for at in times)
    assert rate(price, Consumption(Decimal(3), events)).exact == 2
    week = pricing(price={"model": "graduated", "tiers": [{"flat": "1"}]}, window="week")
    across = (UsageEvent(Decimal(1), at=datetime(2025, 12, 31, tzinfo=UTC)), UsageEvent(Decimal(1), at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert rate(week, Consumption(Decimal(2), across)).exact == 1


SUBSIDY = {
    "model": "graduated",
    "tiers": [{"up_to": "120", "unit": "-23.52963"}, {"up_to": "150", "unit": "-37.37817"}, {"up_to": "300", "unit": "-8.87829"}, {}],
}


def test_lines_by_tier_round_each_tier() -> None:
    assert priced(price=SUBSIDY, negative="allowed", lines="tiers", quantity="200")["amount"] == "-4388.82"
    found = parse_pricing({"price": SUBSIDY, "negative": "allowed", "lines": "tiers"}, currency="ARS")
    rated = rate(found, Consumption(Decimal(200)))
    assert [(line.component, str(line.amount)) for line in rated.lines] == [
        ("tier:1", "-2823.56"),
        ("tier:2", "-1121.35"),
        ("tier:3", "-443.91"),
    ]


def test_lines_hold_the_maximum_and_the_minimum_on_the_rounded_sum() -> None:
    price = {"model": "graduated", "tiers": [{"up_to": "1", "unit": "1.005"}, {"unit": "1.005"}]}
    rated = rate(pricing(price=price, lines="tiers", maximum="2.01"), Consumption(Decimal(2)))
    assert [(line.component, str(line.amount)) for line in rated.lines] == [("tier:1", "1.01"), ("tier:2", "1.01"), ("maximum", "-0.01")]
    assert (str(rated.amount), rated.exact) == ("2.01", Fraction("2.01"))
    rated = rate(pricing(price=price, lines="tiers", minimum="5", discount="10"), Consumption(Decimal(2)))
    assert [(line.component, str(line.amount)) for line in rated.lines] == [
        ("tier:1", "1.01"),
        ("tier:2", "1.01"),
        ("discount", "-0.20"),
        ("minimum", "3.18"),
    ]
    assert str(rated.amount) == "5.00"


def test_lines_work_in_fractions_too() -> None:
    assert priced(price=KWH, per_days=30, days=59, quantity="266", lines="tiers", discount="10")["amount"] == "95.26"


@pytest.mark.parametrize(("rule", "amount"), [("half_up", "0.03"), ("half_even", "0.02"), ("down", "0.02"), ("up", "0.03")])
def test_rounding(rule: str, amount: str) -> None:
    assert priced(quantity="0.025", rounding=rule)["amount"] == amount


def test_negative_prices_and_corrections() -> None:
    assert exact(quantity="-5", negative="allowed") == "-5"
    assert exact(price={"model": "unit", "amount": "-2"}, negative="allowed", quantity="5") == "-10"
    assert exact(price={"model": "package", "size": "10", "amount": "1"}, negative="allowed", quantity="-11") == "-2"
    assert exact(events=["5", "-2"]) == "3"


def test_a_consumption_in_fractions_gives_the_same() -> None:
    parsed = pricing(price=KWH)
    for quantity in (Fraction(1, 3), Fraction(5, 2), Fraction(200)):
        expected = min(quantity, Fraction(120)) * Fraction("0.38496") + max(quantity - 120, Fraction(0)) / 2
        assert rate(parsed, Consumption(quantity)).exact == expected


def test_the_fields_of_a_pricing_are_named() -> None:
    assert "price" in PRICING_FIELDS
    assert "quantity" not in PRICING_FIELDS
