"""The sums of tax on a document: published bills, both levels, prices with tax inside, and credits in any parts."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid
from plans.tax import AppliedTax, TaxPolicy
from plans.taxing import TaxableLine, TaxedLine, TaxShare, rate_totals, spread, tax_differences, tax_lines

D = Decimal
ZERO = Decimal(0)


def percent(code: str, rate: str, **given: Any) -> AppliedTax:
    return AppliedTax(code=code, name=code, rate=D(rate), **given)


def fixed(code: str, amount: str, **given: Any) -> AppliedTax:
    return AppliedTax(code=code, name=code, fixed=Fraction(amount), **given)


def lines_of(amounts: list[str], *taxes: AppliedTax, inclusive: bool = False) -> list[TaxableLine]:
    return [TaxableLine(str(i), D(amount), taxes, inclusive) for i, amount in enumerate(amounts, start=1)]


def document(amounts: list[str], *taxes: AppliedTax, currency: str = "EUR", **policy: Any) -> list[TaxedLine]:
    return tax_lines(lines_of(amounts, *taxes, inclusive=policy.get("inclusive", False)), policy=TaxPolicy(**policy), currency=currency)


def total(lines: list[TaxedLine]) -> str:
    return str(sum((line.gross for line in lines), ZERO))


def taxes(lines: list[TaxedLine]) -> list[str]:
    return [str(line.tax) for line in lines]


# --- published bills --------------------------------------------------------------------------------------------------------------

NIGHT = (fixed("OCC_NIGHT", "2.00"), fixed("UNIT_FEE", "1.50"))


def test_one_night_in_new_york_has_three_defensible_totals() -> None:
    """HOTEL-01: 6.745 and 4.465 are exact halves. Rounded together 90.71 (published), alone 90.72, alone and half even 90.70."""
    together = document(["76.00"], percent("SALES", "8.875", group="room"), percent("OCC", "5.875", group="room"), *NIGHT)
    alone = document(["76.00"], percent("SALES", "8.875"), percent("OCC", "5.875"), *NIGHT)
    half_even = document(["76.00"], percent("SALES", "8.875"), percent("OCC", "5.875"), *NIGHT, rounding="half_even")
    assert [total(together), total(alone), total(half_even)] == ["90.71", "90.72", "90.70"]
    assert [str(share.tax) for share in together[0].taxes] == ["6.75", "4.46", "2.00", "1.50"]


def test_a_bill_of_several_taxes_as_one_rate() -> None:
    """EPEC-19: (268.80 + 54.46 + 30) × 44.1664 % = 156.02, in all 509.28."""
    found = document(["268.80", "54.46", "30.00"], percent("TAX", "44.1664"), currency="ARS")
    assert (sum(line.tax for line in found), total(found)) == (D("156.02"), "509.28")


def test_negative_lines_bear_negative_tax() -> None:
    """EPEC-20's subsidy lines, taxed as a whole: −4920.79 × 21 % = −1033.3659."""
    found = document(["-531.97", "-2823.56", "-1121.35", "-443.91"], percent("IVA", "21"), currency="ARS")
    assert sum(line.net for line in found) == D("-4920.79")
    assert sum(line.tax for line in found) == D("-1033.37")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"rounding": "down"}, "1098"),
        ({}, "1099"),
        ({"level": "line"}, "1098"),
    ],
)
def test_yen_have_no_decimals(policy: dict[str, Any], expected: str) -> None:
    """SAAS-23: three lines of 333 at 10 %."""
    assert total(document(["333", "333", "333"], percent("VAT", "10"), currency="JPY", **policy)) == expected


@pytest.mark.parametrize(("policy", "expected"), [({}, "1.20"), ({"level": "line"}, "1.20"), ({"rounding": "down"}, "1.19")])
def test_three_small_lines(policy: dict[str, Any], expected: str) -> None:
    """SAAS-28: 0.2079 is 0.21, per line 3 × 0.07, rounded down 0.20."""
    assert total(document(["0.33", "0.33", "0.33"], percent("VAT", "21"), **policy)) == expected


def test_inside_and_on_top() -> None:
    """SAAS-27: 100.00 means 82.64 + 17.36 or 100.00 + 21.00; 82.64 × 21 % would be 17.35."""
    [inside] = document(["100.00"], percent("IVA", "21"), inclusive=True)
    [on_top] = document(["100.00"], percent("IVA", "21"))
    assert (inside.net, inside.tax, inside.gross) == (D("82.64"), D("17.36"), D("100.00"))
    assert (on_top.net, on_top.tax, on_top.gross) == (D("100.00"), D("21.00"), D("121.00"))


def test_net_first_or_tax_first() -> None:
    """Rounded down, the two orders differ: 1.00 at 21 % is 0.82 + 0.18 or 0.83 + 0.17."""
    [net_first] = document(["1.00"], percent("IVA", "21"), inclusive=True, rounding="down")
    [tax_first] = document(["1.00"], percent("IVA", "21"), inclusive=True, rounding="down", order="tax_first")
    assert [(str(line.net), str(line.tax)) for line in (net_first, tax_first)] == [("0.82", "0.18"), ("0.83", "0.17")]


def test_tax_given_back_on_the_document() -> None:
    """HOTEL-13: the room's VAT is charged and given back; the minibar's is not."""
    room = TaxableLine("room", D("200000.00"), (percent("IVA", "21"), percent("REINT", "-21")))
    found = tax_lines([room], policy=TaxPolicy(), currency="ARS")
    assert [(str(share.tax)) for share in found[0].taxes] == ["42000.00", "-42000.00"]
    assert found[0].gross == D("200000.00")
    assert total(document(["5000.00"], percent("IVA", "21"), currency="ARS")) == "6050.00"


def test_a_tax_upon_a_tax() -> None:
    found = document(["100.00", "9.99"], percent("GST", "5"), percent("QST", "9.5", order=1, compound=True))
    assert [(share.key, str(share.base), str(share.tax)) for share in rate_totals(found)] == [
        (("GST", "5"), "109.99", "5.50"),
        (("QST", "9.5"), "115.49", "10.97"),
    ]


def test_several_rates_inside_a_price() -> None:
    [line] = document(["115.00"], percent("A", "10"), percent("B", "5"), inclusive=True)
    assert (str(line.net), [str(share.tax) for share in line.taxes]) == ("100.00", ["10.00", "5.00"])
    [levy] = document(["112.00"], percent("A", "10"), fixed("CITY", "2.00"), inclusive=True)
    assert (str(levy.net), [str(share.tax) for share in levy.taxes]) == ("100.00", ["10.00", "2.00"])


def test_an_exempt_line_shows_its_reason_apart() -> None:
    exempt = AppliedTax(code="VAT", name="VAT", rate=D(0), reason="reverse charge")
    found = tax_lines(
        [TaxableLine("1", D("50.00"), (exempt,)), TaxableLine("2", D("10.00"), (percent("VAT", "21"),))], policy=TaxPolicy(), currency="EUR"
    )
    assert [(s.applied.rate_text, s.applied.reason, str(s.base), str(s.tax)) for s in rate_totals(found)] == [
        ("0", "reverse charge", "50.00", "0.00"),
        ("21", "", "10.00", "2.10"),
    ]


# --- from another billing system --------------------------------------------------------------------------------------------------


def test_rates_of_their_own_for_each_line_after_a_coupon() -> None:
    """Plan at 10 %, charges at 0 % and 20 %, after a coupon of 10.00 in 200.00: tax 19.00, per line 9.50, 0, 5.70, 3.80."""
    lines = [
        TaxableLine("plan", D("95.00"), (percent("P", "10"),)),
        TaxableLine("sum", D("47.50"), (percent("Z", "0"),)),
        TaxableLine("count", D("28.50"), (percent("C", "20"),)),
        TaxableLine("true-up", D("19.00"), (percent("C", "20"),)),
    ]
    found = tax_lines(lines, policy=TaxPolicy(), currency="EUR")
    assert taxes(found) == ["9.50", "0.00", "5.70", "3.80"]
    assert total(found) == "209.00"


def test_six_days_in_arrears() -> None:
    assert total(document(["1.94"], percent("VAT", "20"))) == "2.33"


def test_a_credit_note_adds_up_at_an_odd_rate() -> None:
    """29.99 at 23.33 %, 25.71 taken back: 25.71 + 6.00, and the rest of the tax with the rest."""
    tax = percent("VAT", "23.33")
    issued = document(["29.99"], tax)
    credit = tax_lines([TaxableLine("1", D("-25.71"), (tax,))], policy=TaxPolicy(), currency="EUR", prior=issued)
    rest = tax_lines([TaxableLine("1", D("-4.28"), (tax,))], policy=TaxPolicy(), currency="EUR", prior=[*issued, *credit])
    assert (taxes(issued), taxes(credit), taxes(rest)) == (["7.00"], ["-6.00"], ["-1.00"])


# --- rules that rewrite what was taxed --------------------------------------------------------------------------------------------


def stay(nights: int, rate: str, levy: str) -> list[TaxedLine]:
    return document([str(100 * nights)], percent("ROOM", rate), fixed("FEE", str(D(levy) * nights)), currency="USD")


def test_a_stay_that_becomes_shorter_owes_the_difference() -> None:
    """HOTEL-04: booked 95 nights, left after 80: 1460.00 due, 1020.00 taxed so far, 440.00 to add."""
    changes = tax_differences(stay(80, "14.75", "3.50"), stay(80, "10.75", "2.00"))
    assert [(share.key, str(share.tax)) for share in changes] == [
        (("ROOM", "14.75"), "1180.00"),
        (("FEE", ""), "120.00"),
        (("ROOM", "10.75"), "-860.00"),
    ]
    assert sum(share.tax for share in changes) == D("440.00")


def test_a_stay_that_becomes_longer_gets_the_difference_back() -> None:
    changes = tax_differences(stay(90, "10.75", "2.00"), stay(90, "14.75", "3.50"))
    assert sum(share.tax for share in changes) == D("-495.00")
    assert tax_differences(stay(90, "10.75", "2.00"), stay(90, "10.75", "2.00")) == []


# --- what always holds ------------------------------------------------------------------------------------------------------------

CENTS = st.integers(min_value=-100_000, max_value=100_000).map(lambda cents: D(cents).scaleb(-2))
POSITIVE = st.integers(min_value=0, max_value=1_000_000).map(lambda cents: D(cents).scaleb(-2))
RATE = st.integers(min_value=0, max_value=40_000).map(lambda part: str(D(part).scaleb(-3)))
POLICY = st.builds(
    TaxPolicy,
    level=st.sampled_from(["line", "document"]),
    rounding=st.sampled_from(["half_up", "half_even", "down", "up"]),
    order=st.sampled_from(["net_first", "tax_first"]),
)


@st.composite
def tax_sets(draw: st.DrawFn) -> tuple[AppliedTax, ...]:
    group = draw(st.sampled_from(["", "together"]))
    found = [percent("A", draw(RATE), group=group)]
    if draw(st.booleans()):
        found.append(percent("B", draw(RATE), group=group))
    if draw(st.booleans()):
        found.append(percent("C", draw(RATE), order=1, compound=True))
    return tuple(found)


@given(st.lists(CENTS, min_size=1, max_size=8), tax_sets(), POLICY, st.booleans())
def test_the_lines_add_up_to_the_document(amounts: list[Decimal], taxes: tuple[AppliedTax, ...], policy: TaxPolicy, inside: bool) -> None:
    lines = [TaxableLine(str(i), amount, taxes, inside) for i, amount in enumerate(amounts)]
    found = tax_lines(lines, policy=policy, currency="EUR")
    totals = rate_totals(found)
    for line, amount in zip(found, amounts, strict=True):
        assert sum((share.tax for share in line.taxes), ZERO) == line.tax
        assert (line.gross if inside else line.net) == amount
        assert line.gross == line.gross.quantize(D("0.01"))
    assert sum((share.tax for share in totals), ZERO) == sum((line.tax for line in found), ZERO)


@given(st.lists(CENTS, min_size=1, max_size=8), RATE, st.sampled_from(["half_up", "half_even", "down", "up"]))
def test_per_document_a_rate_is_rounded_once(amounts: list[Decimal], rate: str, rounding: Any) -> None:
    """Never more than a cent from the exact tax of the whole, on half a cent where it is rounded to the nearest."""
    found = tax_lines(
        [TaxableLine(str(i), amount, (percent("A", rate),)) for i, amount in enumerate(amounts)],
        policy=TaxPolicy(rounding=rounding),
        currency="EUR",
    )
    exact = Fraction(sum(amounts, ZERO)) * Fraction(rate) / 100
    off = abs(Fraction(sum((line.tax for line in found), ZERO)) - exact)
    assert off <= Fraction(1, 200) if rounding.startswith("half") else off < Fraction(1, 100)


@given(st.data(), st.lists(POSITIVE, min_size=1, max_size=5), tax_sets(), POLICY, st.booleans())
def test_a_document_credited_in_any_parts_ends_with_no_tax(
    data: st.DataObject, amounts: list[Decimal], taxes: tuple[AppliedTax, ...], policy: TaxPolicy, inside: bool
) -> None:
    issued = tax_lines([TaxableLine(str(i), amount, taxes, inside) for i, amount in enumerate(amounts)], policy=policy, currency="EUR")
    prior, left = list(issued), list(amounts)
    for last in (False, False, True):
        cuts = left if last else [D(data.draw(st.integers(0, int(amount * 100)))).scaleb(-2) for amount in left]
        prior += tax_lines(
            [TaxableLine(str(i), -cut, taxes, inside) for i, cut in enumerate(cuts)], policy=policy, currency="EUR", prior=prior
        )
        left = [amount - cut for amount, cut in zip(left, cuts, strict=True)]
        assert all(share.tax >= -D("0.05") for share in rate_totals(prior))
    assert [(share.base, share.tax) for share in rate_totals(prior)] == [(ZERO, ZERO)] * len(taxes)
    assert sum((line.gross for line in prior), ZERO) == 0


@given(st.lists(POSITIVE, min_size=1, max_size=6), RATE)
def test_a_whole_credit_mirrors_the_document(amounts: list[Decimal], rate: str) -> None:
    tax = percent("A", rate)
    issued = tax_lines([TaxableLine(str(i), amount, (tax,)) for i, amount in enumerate(amounts)], policy=TaxPolicy(), currency="EUR")
    back = tax_lines([TaxableLine(line.id, -line.amount, (tax,)) for line in issued], policy=TaxPolicy(), currency="EUR", prior=issued)
    assert [line.tax for line in back] == [-line.tax for line in issued]


# --- sharing ----------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.fractions(-1000, 1000, max_denominator=1000), min_size=1, max_size=8), st.integers(-3, 3))
def test_shares_add_up_and_mirror(ideals: list[Fraction], off: int) -> None:
    whole = D(round(sum(ideals) * 100) + off).scaleb(-2)
    shares = spread(whole, ideals, 2)
    assert sum(shares, ZERO) == whole
    assert spread(-whole, [-ideal for ideal in ideals], 2) == [-share for share in shares] or whole == 0
    if abs(Fraction(whole) - sum(ideals)) < Fraction(1, 100):
        assert all(abs(Fraction(share) - ideal) < Fraction(1, 50) for share, ideal in zip(shares, ideals, strict=True))


def test_nothing_is_shared_among_no_lines() -> None:
    assert spread(ZERO, [], 2) == []
    with pytest.raises(Invalid) as caught:
        spread(D("0.01"), [], 2)
    assert caught.value.code == "out_of_range"


def test_a_price_can_not_contain_a_tax_of_all() -> None:
    with pytest.raises(Invalid) as caught:
        document(["1.00"], percent("A", "-100"), inclusive=True)
    assert (caught.value.code, caught.value.at) == ("out_of_range", "rate")


def test_a_share_names_its_rate() -> None:
    assert TaxShare(percent("A", "21.00"), ZERO, ZERO).key == ("A", "21")
    assert TaxShare(percent("A", "100"), ZERO, ZERO).key == ("A", "100")
    assert TaxShare(fixed("A", "2"), ZERO, ZERO).key == ("A", "")
