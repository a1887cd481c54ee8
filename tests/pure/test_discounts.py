"""Discounts in the price and on the document, coupons, and what a bad one says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.discounts import (
    Coupon,
    Discount,
    DiscountableLine,
    Held,
    Use,
    discount_amount,
    discount_steps,
    discount_terms,
    document_discounts,
    parse_coupon,
    parse_coupons,
    parse_discount,
    parse_discounts,
    spread_fixed,
)
from plans.errors import Invalid

D = Decimal


def off(percent: str, **given: Any) -> Discount:
    return Discount(code=percent, name=percent, percent=D(percent), **given)


# --- in the price -----------------------------------------------------------------------------------------------------------------


def test_successive_or_additive() -> None:
    """SAAS-14: 20 % and 10 % of 100.00 leave 72.00 one after the other, 70.00 added up."""
    assert discount_amount(100, [off("20"), off("10")]) == 28
    assert discount_amount(100, [off("20"), off("10", stacking="additive")]) == 30


def test_the_order_decides_what_is_left() -> None:
    steps = discount_steps(100, [off("50", order=2, cap=D(20)), off("10", order=1)])
    assert [(step.discount.percent, step.base, step.amount) for step in steps] == [(10, 100, 10), (50, 90, 20)]


def test_a_quarter_off_for_three_months() -> None:
    """SAAS-13: 25 % of 20.00 is 5.00."""
    assert discount_amount(D("20.00"), [off("25", duration="periods", periods=3)]) == 5
    assert off("25", duration="periods", periods=3).most_uses == 3


def test_all_together_never_take_more_than_there_is() -> None:
    assert discount_amount(100, [off("80", stacking="additive"), off("80", stacking="additive")]) == 100
    assert discount_amount(-100, [off("80", stacking="additive"), off("80", stacking="additive")]) == -100
    assert discount_amount(100, [Discount("F", "F", amount=D(5), level="document")]) == 0


@given(st.fractions(0, 1000, max_denominator=100), st.lists(st.integers(0, 100), max_size=5), st.sampled_from(["successive", "additive"]))
def test_a_discount_stays_between_nothing_and_all(base: Fraction, percents: list[int], stacking: Any) -> None:
    discounts = [off(str(percent), stacking=stacking) for percent in percents]
    assert 0 <= discount_amount(base, discounts) <= base
    assert discount_amount(-base, discounts) == -discount_amount(base, discounts)


# --- on the document --------------------------------------------------------------------------------------------------------------


def fixed(amount: str, **given: Any) -> Discount:
    return Discount(code=amount, name=amount, amount=D(amount), level="document", **{"duration": "once"} | given)


def held(discount: Discount, remainder: str | None = None, name: str = "h", **given: Any) -> Held:
    return Held(name, discount, D(remainder) if remainder is not None else discount.opening_remainder, **given)


def used(amounts: list[str], *discounts: Held) -> list[str]:
    lines = [DiscountableLine(str(i), D(amount)) for i, amount in enumerate(amounts)]
    return [str(use.amount) for use in document_discounts(lines, discounts, currency="EUR")]


@pytest.mark.parametrize(
    ("case", "base", "discount", "expected"),
    [
        ("coupon-002", "0.00", held(fixed("0.12")), []),
        ("coupon-004: 6 used already", "3.00", held(fixed("0.12"), "0.06"), ["0.06"]),
        ("coupon-005", "3.00", held(off("20", level="document", duration="once")), ["0.60"]),
        ("coupon-006", "3.00", held(fixed("0.12", duration="periods", periods=3)), ["0.12"]),
        ("coupon-009: larger than the base", "0.06", held(fixed("0.12", duration="forever")), ["0.06"]),
        ("coupon-010", "3.00", held(off("20", level="document", duration="periods", periods=3)), ["0.60"]),
        ("SAAS-15: floor at zero", "7.50", held(fixed("10.00")), ["7.50"]),
    ],
)
def test_one_coupon(case: str, base: str, discount: Held, expected: list[str]) -> None:
    assert used([base], discount) == expected, case


def test_percents_one_after_the_other() -> None:
    """coupon-103: 15 % then 20 % of 1.00 take 0.32."""
    assert used(["1.00"], held(off("15", level="document")), held(off("20", level="document"))) == ["0.15", "0.17"]


def test_what_finds_nothing_left_is_not_used_up() -> None:
    """coupon-104: the first covers everything."""
    assert used(["0.05"], held(fixed("0.10")), held(off("20", level="document"))) == ["0.05"]
    assert used(["100.00"], held(fixed("10.00")), held(fixed("110.00"))) == ["10.00", "90.00"]


def test_what_is_left_over_is_carried_or_lost() -> None:
    assert fixed("10.00").most_uses is None
    assert fixed("10.00").opening_remainder == D("10.00")
    assert fixed("10.00", leftover="lose").most_uses == 1
    assert fixed("10.00", duration="forever").opening_remainder is None
    assert off("10", duration="once").most_uses == 1
    assert off("10").most_uses is None


def test_three_coupons_over_eight_fees() -> None:
    """coupon-201: 20.00 on two items, 10.00 on a plan, 5.00 on everything; each spread over what is left of its lines."""
    amounts = [("a", "one", "10.00"), ("b", "one", "20.00"), ("c", "one", "30.00"), ("d", "one", "40.00")]
    amounts += [("e", "two", "10.00"), ("f", "two", "20.00"), ("g", "two", "30.00"), ("h", "two", "40.00")]
    lines = [DiscountableLine(item, D(amount), item=item, plan=plan) for item, plan, amount in amounts]
    coupons = [
        held(fixed("20.00", items=("a", "b")), name="items"),
        held(fixed("10.00", plans=("two",)), name="plan"),
        held(fixed("5.00"), name="all"),
    ]
    uses = document_discounts(lines, coupons, currency="EUR")
    assert [(use.held.id, str(use.amount)) for use in uses] == [("items", "20.00"), ("plan", "10.00"), ("all", "5.00")]
    shares = {line.id: sum((use.shares.get(line.id, D(0)) for use in uses), D(0)) for line in lines}
    assert [str(shares[name]) for name in "abcdefgh"] == ["6.77", "13.53", "0.88", "1.18", "1.26", "2.53", "3.79", "5.06"]
    assert sum(shares.values()) == D("35.00")


def test_a_coupon_over_four_charges() -> None:
    """tax-001: 10.00 over 100, 50, 30 and 20."""
    lines = [DiscountableLine(name, D(amount)) for name, amount in (("p", "100.00"), ("s", "50.00"), ("c", "30.00"), ("t", "20.00"))]
    [use] = document_discounts(lines, [held(fixed("10.00"))], currency="EUR")
    assert {name: str(share) for name, share in use.shares.items()} == {"p": "5.00", "s": "2.50", "c": "1.50", "t": "1.00"}


def test_scopes_caps_currencies_and_negative_lines() -> None:
    lines = [
        DiscountableLine("1", D("50.00"), contract="c-1"),
        DiscountableLine("2", D("-45.00"), contract="c-1"),
        DiscountableLine("3", D("30.00")),
    ]

    def give(one: Held) -> list[tuple[str, dict[str, Decimal]]]:
        return [(str(use.amount), dict(use.shares)) for use in document_discounts(lines, [one], currency="EUR")]

    assert give(held(fixed("60.00"))) == [("35.00", {"1": D("21.88"), "3": D("13.12")})]
    assert give(held(fixed("10.00", cap=D("4.00")), contract="c-1")) == [("4.00", {"1": D("4.00")})]
    assert give(held(off("50", level="document", cap=D("4.00")))) == [("4.00", {"1": D("2.50"), "3": D("1.50")})]
    assert give(held(fixed("10.00", currency="USD"))) == []
    assert give(held(fixed("10.00", items=("other",)))) == []


CENTS = st.integers(0, 100_000).map(lambda cents: D(cents).scaleb(-2))


@given(st.lists(CENTS, min_size=1, max_size=8), st.lists(CENTS, max_size=4), st.lists(st.integers(0, 100), max_size=3))
def test_no_line_and_no_document_falls_below_zero(amounts: list[Decimal], fixeds: list[Decimal], percents: list[int]) -> None:
    lines = [DiscountableLine(str(i), amount) for i, amount in enumerate(amounts)]
    given = [held(fixed(str(amount))) for amount in fixeds] + [held(off(str(percent), level="document")) for percent in percents]
    uses: list[Use] = document_discounts(lines, given, currency="EUR")
    for line in lines:
        assert sum((use.shares.get(line.id, D(0)) for use in uses), D(0)) <= line.amount
    for use in uses:
        assert sum(use.shares.values(), D(0)) == use.amount > 0


@given(st.lists(CENTS, min_size=1, max_size=8), st.data())
def test_shares_add_up(amounts: list[Decimal], data: st.DataObject) -> None:
    amount = D(data.draw(st.integers(0, int(sum(amounts) * 100)))).scaleb(-2)
    shares = spread_fixed([(str(i), left) for i, left in enumerate(amounts)], amount, places=2)
    assert sum(shares.values(), D(0)) == amount
    assert all(shares[str(i)] <= left for i, left in enumerate(amounts))


def test_more_than_there_is_can_not_be_spread() -> None:
    with pytest.raises(Invalid) as caught:
        spread_fixed([("1", D("1.00"))], D("1.01"), places=2)
    assert caught.value.code == "out_of_range"


# --- reading ----------------------------------------------------------------------------------------------------------------------


def test_a_discount_reads_every_field_and_freezes_unchanged() -> None:
    given = {
        "code": "START25",
        "name": "A quarter off",
        "percent": "25",
        "currency": "EUR",
        "level": "document",
        "duration": "periods",
        "periods": 3,
        "items": ["pro"],
        "plans": "team",
        "stacking": "additive",
        "order": 2,
        "cap": "12.50",
        "leftover": "lose",
    }
    found = parse_discount(given)
    assert found == Discount(
        code="START25",
        name="A quarter off",
        percent=D(25),
        currency="EUR",
        level="document",
        duration="periods",
        periods=3,
        items=("pro",),
        plans=("team",),
        stacking="additive",
        order=2,
        cap=D("12.50"),
        leftover="lose",
    )
    assert parse_discount(discount_terms(found)) == found


def test_what_is_not_said_follows_from_what_is() -> None:
    assert parse_discount({"code": "A", "percent": "10"}) == Discount("A", "A", percent=D(10), level="price", duration="forever")
    assert parse_discount({"code": "A", "amount": "10"}).level == "document"
    assert parse_discount({"code": "A", "percent": "10", "periods": 2}).duration == "periods"
    for discount in (parse_discount({"code": "A", "amount": "0.10", "duration": "once"}), off("12.5", cap=D(1))):
        assert parse_discount(discount_terms(discount)) == discount


@pytest.mark.parametrize(
    ("given", "code", "at"),
    [
        ({"percent": "10"}, "missing_field", "discount.code"),
        ({"code": "A"}, "missing_field", "discount.percent"),
        ({"code": "A", "percent": "1", "amount": "1"}, "missing_field", "discount.percent"),
        ({"code": "A", "percent": "101"}, "out_of_range", "discount.percent"),
        ({"code": "A", "percent": "-1"}, "negative", "discount.percent"),
        ({"code": "A", "amount": "1", "level": "price"}, "conflict", "discount.level"),
        ({"code": "A", "percent": "1", "duration": "periods"}, "conflict", "discount.periods"),
        ({"code": "A", "percent": "1", "duration": "once", "periods": 2}, "conflict", "discount.periods"),
        ({"code": "A", "percent": "1", "periods": 0}, "out_of_range", "discount.periods"),
        ({"code": "A", "percent": "1", "currency": "EURO"}, "unknown_currency", "discount.currency"),
        ({"code": "A", "percent": "1", "items": {}}, "wrong_type", "discount.items"),
        ({"code": "A", "percent": "1", "item": "x"}, "unknown_field", "discount.item"),
    ],
)
def test_a_bad_discount_is_named_with_its_path(given: Any, code: str, at: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_discount(given)
    assert (caught.value.code, caught.value.at) == (code, at)


def test_coupons() -> None:
    given = {"code": "HELLO", "discount": "START25", "limit": 100, "per_account": 2, "expires": "2026-12-31", "plans": ["pro"]}
    assert parse_coupon(given) == Coupon("HELLO", "START25", limit=100, per_account=2, expires=date(2026, 12, 31), plans=("pro",))
    assert parse_coupons({"HELLO": {"discount": "START25"}}) == {"HELLO": Coupon("HELLO", "START25", per_account=1)}
    with pytest.raises(Invalid) as caught:
        parse_coupon({"code": "HELLO", "discount": "A", "limit": 0})
    assert (caught.value.code, caught.value.at) == ("out_of_range", "coupon.limit")


@pytest.mark.parametrize(("reader", "fields"), [(parse_discounts, {"percent": "1"}), (parse_coupons, {"discount": "D"})])
def test_a_code_is_stated_once(reader: Any, fields: dict[str, str]) -> None:
    assert list(reader([{"code": "A", **fields}, {"code": "B", **fields}])) == list(reader({"A": fields, "B": fields})) == ["A", "B"]
    with pytest.raises(Invalid) as caught:
        reader([{"code": "A", **fields}, {"code": "A", **fields}], "list")
    assert (caught.value.code, caught.value.at) == ("conflict", "list[1]")
