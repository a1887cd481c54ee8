"""What holds for every price: ticks compose, lines add up, orders do not matter where they must not, nothing leaves the decimals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plans.pricing import Consumption, Pricing, UsageEvent, parse_pricing, rate
from plans.pricing.cases import rate_runs

numbers = st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False, allow_infinity=False)
small = st.decimals(min_value=0, max_value=100, places=5, allow_nan=False, allow_infinity=False)
quantities = st.decimals(min_value=0, max_value=3000, places=3, allow_nan=False, allow_infinity=False)
roundings = st.sampled_from(["half_up", "half_even", "down", "up"])


@st.composite
def tier_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    bounds = sorted(draw(st.sets(st.integers(1, 2000), max_size=4)))
    return [{"up_to": bound, "unit": draw(small), "flat": draw(small)} for bound in [*bounds, None]]


@st.composite
def prices(draw: st.DrawFn) -> dict[str, Any]:
    model = draw(st.sampled_from(["flat", "unit", "package", "graduated", "volume"]))
    if model in ("graduated", "volume"):
        return {"model": model, "tiers": draw(tier_lists()), "zero": draw(st.sampled_from(["free", "due"]))}
    price = {"model": model, "amount": draw(small)}
    if model == "package":
        price |= {"size": draw(st.integers(1, 50)), "round": draw(st.sampled_from(["up", "down", "nearest", "none"]))}
    return price


@st.composite
def pricings(draw: st.DrawFn) -> Pricing:
    fields: dict[str, Any] = {"price": draw(prices()), "rounding": draw(roundings), "lines": draw(st.sampled_from(["tiers", "single"]))}
    for name in ("included", "minimum", "at_least"):
        if draw(st.booleans()):
            fields[name] = draw(small)
    if draw(st.booleans()):
        fields["maximum"] = fields.get("minimum", Decimal(0)) + draw(numbers)
    if draw(st.booleans()):
        fields["discount"] = draw(small)
    if draw(st.booleans()):
        fields["commitment"] = {"amount": draw(small), "overage_factor": draw(small), "true_up": draw(st.booleans())}
    if draw(st.booleans()):
        fields["quantity_transform"] = {"divide_by": draw(st.integers(1, 9)), "round": draw(st.sampled_from(["none", "up", "nearest"]))}
    return parse_pricing(fields, currency="EUR")


@given(pricings(), st.lists(quantities, min_size=1, max_size=8), st.booleans())
def test_runs_add_up_to_the_target_in_any_grain(pricing: Pricing, runs: list[Decimal], closes: bool) -> None:
    ticks = [Consumption(quantity) for quantity in runs]
    rated, amounts = rate_runs(pricing, ticks, closes=closes)
    assert sum(amounts) == rated.amount
    assert rated == rate(pricing, ticks[-1], closed=closes)
    assert all(amount.as_tuple().exponent == -2 for amount in (*amounts, rated.amount))


@given(pricings(), quantities, st.fractions(min_value=0, max_value=1, max_denominator=366))
def test_lines_add_up_to_the_amount(pricing: Pricing, quantity: Decimal, share: Fraction) -> None:
    for rated in (
        rate(pricing, Consumption(quantity)),
        rate(pricing, Consumption(quantity), share=share, prorate=("flat", "included", "minimum", "tiers")),
    ):
        assert sum(line.amount for line in rated.lines) == rated.amount
        if not pricing.lines_by_tier:
            assert len(rated.lines) == 1
            assert abs(Fraction(rated.amount) - rated.exact) < Fraction(1, 100)


@given(pricings(), quantities)
def test_decimals_and_fractions_agree(pricing: Pricing, quantity: Decimal) -> None:
    plain = rate(pricing, Consumption(quantity))
    in_fractions = rate(pricing, Consumption(quantity), share=Fraction(1, 3), prorate=())
    assert (plain.exact, plain.amount, plain.steps) == (in_fractions.exact, in_fractions.amount, in_fractions.steps)


@given(small, small, quantities)
def test_graduated_with_one_tier_is_the_unit_price(unit: Decimal, flat: Decimal, quantity: Decimal) -> None:
    graduated = parse_pricing({"price": {"model": "graduated", "tiers": [{"unit": unit}]}}, currency="EUR")
    volume = parse_pricing({"price": {"model": "volume", "tiers": [{"unit": unit}]}}, currency="EUR")
    by_unit = parse_pricing({"price": {"model": "unit", "amount": unit}}, currency="EUR")
    assert (
        rate(graduated, Consumption(quantity)).exact
        == rate(volume, Consumption(quantity)).exact
        == rate(by_unit, Consumption(quantity)).exact
    )
    assert rate(by_unit, Consumption(quantity)).exact == Fraction(unit) * Fraction(quantity)


@given(tier_lists(), quantities)
def test_graduated_against_its_definition(tiers: list[dict[str, Any]], quantity: Decimal) -> None:
    expected, lower = Fraction(0), Fraction(0)
    for number, tier in enumerate(tiers):
        if number == 0 or quantity > lower:
            upper = Fraction(quantity) if tier["up_to"] is None else min(Fraction(quantity), Fraction(tier["up_to"]))
            expected += (upper - lower) * Fraction(tier["unit"]) + Fraction(tier["flat"])
        lower = Fraction(tier["up_to"] or 0)
    priced = rate(parse_pricing({"price": {"model": "graduated", "tiers": tiers}}, currency="EUR"), Consumption(quantity))
    assert priced.exact == expected


@given(tier_lists(), quantities, quantities)
def test_graduated_rises_with_the_quantity(tiers: list[dict[str, Any]], one: Decimal, other: Decimal) -> None:
    pricing = parse_pricing({"price": {"model": "graduated", "tiers": tiers}}, currency="EUR")
    less, more = sorted((one, other))
    assert rate(pricing, Consumption(less)).exact <= rate(pricing, Consumption(more)).exact


percentages = st.builds(
    lambda rate_, fixed, free_events, free_amount: {
        "price": {"model": "percentage", "rate": rate_, "fixed": fixed, "free_events": free_events, "free_amount": free_amount}
    },
    small,
    small,
    st.none() | st.integers(0, 4),
    st.none() | small,
)
amounts = st.lists(small, min_size=1, max_size=8)


def of_amounts(values: list[Decimal]) -> Consumption:
    return Consumption(sum(values, Decimal(0)), tuple(UsageEvent(amount=value) for value in values))


@given(percentages, amounts)
def test_each_event_as_it_comes_adds_up_to_the_period(fields: dict[str, Any], values: list[Decimal]) -> None:
    pricing = parse_pricing(fields, currency="EUR")
    ticks = [of_amounts(values[: count + 1]) for count in range(len(values))]
    rated, billed = rate_runs(pricing, ticks)
    assert sum(billed) == rated.amount == rate(pricing, of_amounts(values)).amount
    assert all(amount >= 0 for amount in billed)


@given(tier_lists(), st.permutations(["1.5", "20", "300", "0", "7.25"]))
def test_the_order_of_events_does_not_matter_to_a_sum(tiers: list[dict[str, Any]], order: list[str]) -> None:
    percent = [{"up_to": tier["up_to"], "rate": tier["unit"], "flat": tier["flat"]} for tier in tiers]
    for price in ({"model": "dynamic"}, {"model": "graduated_percentage", "tiers": percent}):
        pricing = parse_pricing({"price": price}, currency="EUR")
        values = [Decimal(value) for value in order]
        assert rate(pricing, of_amounts(values)).exact == rate(pricing, of_amounts(sorted(values))).exact


@given(st.lists(st.tuples(st.sampled_from("abc"), quantities), max_size=8), st.randoms())
def test_the_order_of_events_does_not_matter_to_a_matrix(uses: list[tuple[str, Decimal]], random: Any) -> None:
    cells = [{"when": {"kind": kind}, "price": {"model": "unit", "amount": price}} for kind, price in (("a", "1"), ("b", "2"))]
    price = {"model": "matrix", "by": ["kind"], "cells": cells, "otherwise": {"model": "package", "size": "7", "amount": "1"}}
    pricing = parse_pricing({"price": price, "lines": "tiers"}, currency="EUR")

    def total(uses: list[tuple[str, Decimal]]) -> dict[str, Decimal]:
        events = tuple(UsageEvent(quantity=quantity, dimensions={"kind": kind}) for kind, quantity in uses)
        lines = rate(pricing, Consumption(sum((quantity for _, quantity in uses), Decimal(0)), events)).lines
        return {line.component: line.amount for line in lines}

    shuffled = list(uses)
    random.shuffle(shuffled)
    assert total(uses) == total(shuffled)


@given(pricings(), quantities)
def test_minimum_and_true_up_are_told_apart(pricing: Pricing, quantity: Decimal) -> None:
    opened = rate(pricing, Consumption(quantity), closed=False)
    closed = rate(pricing, Consumption(quantity))
    assert (opened.minimum_topup, opened.true_up) == (0, 0)
    if not pricing.lines_by_tier:
        assert closed.exact == opened.exact + closed.true_up + closed.minimum_topup
    assert closed.minimum_topup >= 0
    assert closed.true_up >= 0


def test_nothing_is_lost_at_the_widest_numbers() -> None:
    wide = "9" * 30
    pricing = parse_pricing(
        {"price": {"model": "graduated", "tiers": [{"up_to": "1", "unit": wide, "flat": "0.1"}, {"unit": "1e-30"}]}}, currency="EUR"
    )
    assert rate(pricing, Consumption(Decimal(wide))).exact == Fraction(wide) + Fraction("0.1") + (Fraction(wide) - 1) / 10**30
