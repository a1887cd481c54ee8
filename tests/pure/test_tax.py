"""Which taxes fall on a supply, how much a levy counts, and what a bad tax says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from plans.errors import Invalid
from plans.tax import (
    AppliedTax,
    Place,
    Tax,
    TaxPolicy,
    apply_taxes,
    counted,
    exemption,
    parse_place,
    parse_tax,
    parse_tax_policy,
    parse_taxes,
    taxes_for,
)

DAY = date(2026, 3, 1)
NOWHERE = Place()


def codes(taxes: Any, **given: Any) -> list[str]:
    facts = {"category": "", "place": NOWHERE, "on": DAY} | given
    return [tax.code for tax in taxes_for(taxes, **facts)]


def rates(taxes: Any, **given: Any) -> dict[str, Decimal | None]:
    facts = {"category": "", "place": NOWHERE, "on": DAY} | given
    return {tax.code: tax.rate for tax in taxes_for(taxes, **facts)}


# --- the choice -------------------------------------------------------------------------------------------------------------------


def test_a_tax_reaches_the_categories_that_it_names() -> None:
    taxes = parse_taxes([{"code": "VAT", "rate": "21", "categories": ["food", "room"]}, {"code": "ALL", "rate": "1"}])
    assert codes(taxes, category="room") == ["VAT", "ALL"]
    assert codes(taxes, category="book") == ["ALL"]
    assert codes(taxes, category="") == ["ALL"]
    assert codes(taxes, category="none") == []


def test_the_nearest_place_states_the_rate() -> None:
    taxes = parse_taxes(
        [
            {"code": "VAT", "rate": "10", "country": "ES", "region": "CN", "city": "Telde"},
            {"code": "VAT", "rate": "21", "country": "ES"},
            {"code": "VAT", "rate": "7", "country": "es", "region": "cn"},
            {"code": "VAT", "rate": "19", "country": "DE"},
        ]
    )
    assert rates(taxes, place=Place(country="ES")) == {"VAT": Decimal(21)}
    assert rates(taxes, place=Place(country="ES", region="CN")) == {"VAT": Decimal(7)}
    assert rates(taxes, place=Place(country="ES", region="CN", city="Telde")) == {"VAT": Decimal(10)}
    assert rates(taxes, place=Place(country="FR")) == {}


def test_dates_are_half_open() -> None:
    taxes = parse_taxes(
        [{"code": "VAT", "rate": "19", "to": "2020-07-01"}, {"code": "VAT", "rate": "16", "from": "2020-07-01", "to": "2021-01-01"}]
    )
    assert rates(taxes, on=date(2020, 6, 30)) == {"VAT": Decimal(19)}
    assert rates(taxes, on=date(2020, 7, 1)) == {"VAT": Decimal(16)}
    assert rates(taxes, on=date(2021, 1, 1)) == {}


def test_taxes_come_in_their_order_and_ask_for_attributes() -> None:
    taxes = parse_taxes(
        [
            {"code": "SECOND", "rate": "5", "order": 1, "compound": True},
            {"code": "FIRST", "rate": "10"},
            {"code": "BACK", "rate": "-21", "when": {"residence": "abroad", "foreign_card": True}},
        ]
    )
    assert codes(taxes) == ["FIRST", "SECOND"]
    assert codes(taxes, attributes={"residence": "abroad", "foreign_card": True}) == ["FIRST", "BACK", "SECOND"]
    assert codes(taxes, attributes={"residence": "abroad", "foreign_card": "true"}) == ["FIRST", "BACK", "SECOND"]
    assert codes(taxes, attributes={"residence": "abroad"}) == ["FIRST", "SECOND"]


NEW_YORK = parse_taxes(
    [
        {"code": "ROOM", "rate": "14.75", "under_nights": 90},
        {"code": "ROOM", "rate": "10.75", "from_nights": 90, "under_nights": 180},
        {"code": "FEE", "amount": "3.50", "per": "night", "under_nights": 90},
        {"code": "FEE", "amount": "2.00", "per": "night", "from_nights": 90, "under_nights": 180},
    ]
)


@pytest.mark.parametrize(
    ("stay", "expected"),
    [
        (80, {"ROOM": Decimal("14.75"), "FEE": None}),
        (89, {"ROOM": Decimal("14.75"), "FEE": None}),
        (90, {"ROOM": Decimal("10.75"), "FEE": None}),
        (179, {"ROOM": Decimal("10.75"), "FEE": None}),
        (180, {}),
    ],
)
def test_the_length_of_the_whole_stay_decides(stay: int, expected: dict[str, Decimal | None]) -> None:
    assert rates(NEW_YORK, attributes={"nights": 1, "stay_nights": stay}) == expected


def test_without_a_known_end_the_nights_so_far_are_the_stay() -> None:
    assert rates(NEW_YORK, attributes={"nights": 1, "nights_before": 89})["ROOM"] == Decimal("10.75")
    assert rates(NEW_YORK, attributes={"nights": 1, "nights_before": 88})["ROOM"] == Decimal("14.75")


# --- levies -----------------------------------------------------------------------------------------------------------------------

ROME = parse_tax({"code": "CITY", "amount": "6.00", "per": "person_night", "cap": 10, "exempt_under_age": 10})


def due(tax: Tax, quantity: str = "1", **attributes: Any) -> Fraction:
    return Fraction(tax.amount or 0) * counted(tax, quantity=Decimal(quantity), attributes=attributes)


def test_rome_two_adults_and_a_child_for_twelve_nights() -> None:
    """HOTEL-05: 2 persons × 10 nights × 6.00; the naive answer is 216.00."""
    assert due(ROME, nights=12, ages=[40, 38, 8]) == 120


def test_the_cap_counts_nights_already_charged() -> None:
    parts = [due(ROME, nights=4, nights_before=before, ages=[40, 38, 8]) for before in (0, 4, 8)]
    assert parts == [48, 48, 24]


def test_an_age_of_exactly_the_limit_pays() -> None:
    assert due(ROME, nights=1, ages=[10]) == 6
    assert due(ROME, nights=1, ages=[9]) == 0


def test_exempt_kinds_persons_and_rooms() -> None:
    levy = parse_tax({"code": "L", "amount": "2", "per": "person_night", "exempt_kinds": ["resident"]})
    assert due(levy, nights=3, kinds=["resident", "guest"]) == 6
    assert due(levy, nights=3, persons=4) == 24
    assert due(levy, nights=3) == 6
    assert due(parse_tax({"code": "L", "amount": "2", "per": "person"}), nights=3, persons=4) == 8
    assert due(parse_tax({"code": "L", "amount": "2", "per": "night"}), nights=3, rooms=2) == 12
    assert due(parse_tax({"code": "L", "amount": "2", "per": "night"}), quantity="3") == 6
    assert due(parse_tax({"code": "L", "amount": "0.10"}), quantity="2.5") == Fraction(1, 4)


@pytest.mark.parametrize("attributes", [{"nights": "many"}, {"persons": "1.5"}, {"persons": -1}, {"ages": 3}, {"rooms": 0.5}])
def test_attributes_that_can_not_be_read_are_named(attributes: dict[str, Any]) -> None:
    levy = Tax("L", "L", amount=Decimal(1), per="night" if "rooms" in attributes else "person_night")
    with pytest.raises(Invalid) as caught:
        counted(levy, quantity=Decimal(1), attributes=attributes)
    assert caught.value.at == f"attributes.{next(iter(attributes))}"


# --- exemption --------------------------------------------------------------------------------------------------------------------


def test_exemptions_stand_on_the_line_with_their_reason() -> None:
    taxes = parse_taxes([{"code": "VAT", "rate": "21"}, {"code": "CITY", "amount": "2"}])
    place = parse_place({"country": "ES", "exempt": {"VAT": "diplomat, note 12/2026"}})
    assert apply_taxes(taxes, category="room", place=place, on=DAY) == (
        AppliedTax(code="VAT", name="VAT", rate=Decimal(0), reason="diplomat, note 12/2026"),
        AppliedTax(code="CITY", name="CITY", fixed=Fraction(2)),
    )
    assert [tax.reason for tax in apply_taxes(taxes, category="room", place=Place(exempt={"room": "export"}), on=DAY)] == [
        "export",
        "export",
    ]
    assert [tax.reason for tax in apply_taxes(taxes, category="food", place=Place(exempt={"*": "charity"}), on=DAY)] == [
        "charity",
        "charity",
    ]


def test_reverse_charge_needs_a_tax_id() -> None:
    tax = parse_tax({"code": "VAT", "rate": "21", "reverse_charge": True})
    assert exemption(tax, category="", place=Place(country="FR")) == ""
    assert exemption(tax, category="", place=Place(tax_id="FR123")) == "reverse charge: tax is due from the customer (FR123)"


def test_fixed_amounts_go_back_with_the_sign() -> None:
    taxes = parse_taxes([{"code": "CITY", "amount": "2.50"}])
    [applied] = apply_taxes(taxes, category="", place=NOWHERE, on=DAY, quantity=Decimal(-3), sign=-1)
    assert applied.fixed == Fraction("-7.5")


# --- reading ----------------------------------------------------------------------------------------------------------------------


def test_a_tax_reads_every_field() -> None:
    found = parse_tax(
        {
            "code": "CITY",
            "name": "City tax",
            "amount": "6.00",
            "per": "person_night",
            "categories": "room",
            "country": "IT",
            "region": "RM",
            "city": "Rome",
            "from": "2026-01-01",
            "to": "2027-01-01",
            "compound": False,
            "order": 2,
            "group": "hotel",
            "cap": 10,
            "exempt_under_age": 10,
            "exempt_kinds": ["driver"],
            "from_nights": 1,
            "under_nights": 30,
            "when": {"stars": 4},
            "reverse_charge": False,
            "ledger": "city-rome",
        }
    )
    assert found == Tax(
        code="CITY",
        name="City tax",
        amount=Decimal("6.00"),
        per="person_night",
        categories=("room",),
        country="IT",
        region="RM",
        city="Rome",
        start=date(2026, 1, 1),
        end=date(2027, 1, 1),
        order=2,
        group="hotel",
        cap=10,
        exempt_under_age=10,
        exempt_kinds=("driver",),
        from_nights=1,
        under_nights=30,
        when={"stars": "4"},
        ledger="city-rome",
    )


@pytest.mark.parametrize(
    ("given", "code", "at"),
    [
        ({"rate": "21"}, "missing_field", "tax.code"),
        ({"code": "A"}, "missing_field", "tax.rate"),
        ({"code": "A", "rate": "1", "amount": "1"}, "missing_field", "tax.rate"),
        ({"code": "A", "rate": "-101"}, "out_of_range", "tax.rate"),
        ({"code": "A", "rate": "NaN"}, "not_a_number", "tax.rate"),
        ({"code": "A", "rate": 0.21}, "not_a_number", "tax.rate"),
        ({"code": "A", "amount": "-1"}, "negative", "tax.amount"),
        ({"code": "A", "rate": "1", "per": "night"}, "conflict", "tax.per"),
        ({"code": "A", "amount": "1", "per": "year"}, "unknown_choice", "tax.per"),
        ({"code": "A", "rate": "1", "from": "2026-02-01", "to": "2026-02-01"}, "out_of_range", "tax.to"),
        ({"code": "A", "rate": "1", "from_nights": 90, "under_nights": 90}, "out_of_range", "tax.under_nights"),
        ({"code": "A", "rate": "1", "categories": [1]}, "wrong_type", "tax.categories[0]"),
        ({"code": "A", "rate": "1", "group": "a|b"}, "out_of_range", "tax.group"),
        ({"code": "A", "rate": "1", "contry": "ES"}, "unknown_field", "tax.contry"),
        ("21", "wrong_type", "tax"),
    ],
)
def test_a_bad_tax_is_named_with_its_path(given: Any, code: str, at: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_tax(given)
    assert (caught.value.code, caught.value.at) == (code, at)


def test_taxes_by_code_or_as_a_list() -> None:
    assert parse_taxes({"VAT": {"rate": "21"}}) == parse_taxes([{"code": "VAT", "rate": "21"}]) == (Tax("VAT", "VAT", rate=Decimal(21)),)
    with pytest.raises(Invalid) as caught:
        parse_taxes([{"code": "VAT", "rate": "21", "to": "2026-02-01"}, {"code": "VAT", "rate": "20", "from": "2026-01-31"}])
    assert (caught.value.code, caught.value.at) == ("conflict", "taxes[1]")


def test_a_tax_policy_has_defaults() -> None:
    assert parse_tax_policy({}) == TaxPolicy(level="document", inclusive=False, rounding="half_up", order="net_first")
    given = {"level": "line", "inclusive": True, "rounding": "down", "order": "tax_first"}
    assert parse_tax_policy(given) == TaxPolicy(level="line", inclusive=True, rounding="down", order="tax_first")
    with pytest.raises(Invalid) as caught:
        parse_tax_policy({"level": "invoice"})
    assert (caught.value.code, caught.value.at) == ("unknown_choice", "tax_policy.level")


def test_an_exemption_needs_its_reason() -> None:
    with pytest.raises(Invalid) as caught:
        parse_place({"exempt": {"VAT": ""}})
    assert (caught.value.code, caught.value.at) == ("wrong_type", "place.exempt.VAT")
