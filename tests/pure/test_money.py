"""Amounts: numbers read exactly, rounded once by a named rule, split without losing a cent."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid
from plans.money import allocate, decimals, parse_decimal, plain, round_money, round_to

MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=Decimal(-(10**15)), max_value=Decimal(10**15))


@pytest.mark.parametrize(("currency", "places"), [("JPY", 0), ("EUR", 2), ("KWD", 3), ("CLP", 0), ("ARS", 2)])
def test_decimals_of_a_currency(currency: str, places: int) -> None:
    assert decimals(currency) == places


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "XXX", None, ["EUR"]])
def test_an_unknown_currency_is_refused(currency: object) -> None:
    with pytest.raises(Invalid) as caught:
        decimals(currency, at="currency")  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.at) == ("unknown_currency", "currency")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12.50", "12.50"),
        ("1", "1"),
        ("-0.5", "-0.5"),
        ("+3", "3"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1E+3"),
        ("1e30", "1E+30"),
        (7, "7"),
    ],
)
def test_numbers_are_read_exactly(written: object, value: str) -> None:
    assert parse_decimal(written) == Decimal(value)


@pytest.mark.parametrize(
    "written",
    [
        "NaN",
        "nan",
        "sNaN",
        "Infinity",
        "-inf",
        "1e31",
        "1e400",
        "1e-31",
        "1" * 31,
        pytest.param("9" * 10**6, id="a million digits"),
        "",
        " ",
        " 1",
        "1 ",
        "1,5",
        "0x10",
        "1_000",
        "١٢",
        "--1",
        "1e",
        "12:00",
        "abc",
        True,
        False,
        None,
        1.5,
        [],
        {},
        [1],
        b"1",
        pytest.param(10**100_000, id="a huge int"),
        10**31,
    ],
)
def test_what_is_not_a_number_is_refused(written: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_decimal(written, at="here")
    assert (caught.value.code, caught.value.at) == ("not_a_number", "here")
    assert len(caught.value.message) < 300


@given(amounts, st.integers(0, 5), st.sampled_from(sorted(MODES)))
def test_rounding_agrees_with_decimal(value: Decimal, places: int, rule: str) -> None:
    with localcontext() as context:
        context.prec = 60
        expected = value.quantize(Decimal(1).scaleb(-places), rounding=MODES[rule])
    for exact in (value, Fraction(value)):
        rounded = round_to(exact, places, rule)  # type: ignore[arg-type]
        assert rounded == expected
        assert rounded.as_tuple().exponent == -places
        assert not (rounded.is_signed() and not rounded)


@pytest.mark.parametrize(
    ("rule", "results"),
    [
        ("half_up", ["0.03", "-0.03", "0.03", "0.02", "0.00"]),
        ("half_even", ["0.02", "-0.02", "0.03", "0.02", "0.00"]),
        ("down", ["0.02", "-0.02", "0.02", "0.02", "0.00"]),
        ("up", ["0.03", "-0.03", "0.03", "0.03", "-0.01"]),
    ],
)
def test_the_four_rules(rule: str, results: list[str]) -> None:
    values = ["0.025", "-0.025", "0.0250001", "0.0249", "-0.001"]
    assert [str(round_to(Decimal(value), 2, rule)) for value in values] == results  # type: ignore[arg-type]
    assert [str(round_to(Fraction(value), 2, rule)) for value in values] == results  # type: ignore[arg-type]


def test_rounding_to_the_currency() -> None:
    assert str(round_money(Fraction(1, 3), "EUR")) == "0.33"
    assert str(round_money(Fraction(5, 2), "JPY")) == "3"
    assert str(round_money(Decimal("1.0005"), "KWD")) == "1.001"


def test_allocation_by_largest_remainder() -> None:
    assert allocate(Decimal("100.00"), [1, 1, 1], 2) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert allocate(Decimal("-100.00"), [1, 1, 1], 2) == [Decimal("-33.34"), Decimal("-33.33"), Decimal("-33.33")]
    assert allocate(Decimal("19.95"), [9, 21], 2) == [Decimal("5.99"), Decimal("13.96")]
    assert allocate(Decimal("0.01"), [0, 0], 2) == [Decimal("0.01"), Decimal("0.00")]
    assert allocate(Decimal("0.00"), [], 2) == []


@pytest.mark.parametrize(
    ("total", "weights", "code"), [("1.00", [1, -1], "negative"), ("1.001", [1], "out_of_range"), ("1.00", [], "out_of_range")]
)
def test_what_cannot_be_allocated(total: str, weights: list[int], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        allocate(Decimal(total), weights, 2)
    assert caught.value.code == code


@given(st.integers(-(10**9), 10**9), st.lists(st.fractions(min_value=0, max_value=1000), min_size=1, max_size=12))
def test_shares_sum_to_the_whole(cents: int, weights: list[Fraction]) -> None:
    total = Decimal(cents).scaleb(-2)
    shares = allocate(total, weights, 2)
    assert sum(shares) == total
    whole = sum(weights)
    if whole:
        for share, weight in zip(shares, weights, strict=True):
            assert abs(Fraction(share) - Fraction(total) * weight / whole) < Fraction(1, 100)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1.500"), "1.5"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-2, 6), "-1/3"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E+3"), "1000"),
        (Fraction(1, 8), "0.125"),
        (100, "100"),
    ],
)
def test_plain_notation(value: Decimal | Fraction | int, written: str) -> None:
    assert plain(value) == written


def test_plain_notation_with_the_decimals_of_a_currency() -> None:
    assert plain(Decimal("-0.001"), 2) == "0.00"
    assert plain(Decimal("12"), 2) == "12.00"


@given(amounts)
def test_plain_reads_back(value: Decimal) -> None:
    assert Fraction(plain(value)) == Fraction(value)
