"""What a catalogue file becomes: values, defaults, short forms."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from plans.catalogue import Catalogue, Interest, InvoicePolicy, Item, Minimum, PaymentTerms
from plans.errors import Invalid
from plans.loader import canonical_source, digest_of, load_catalogue, parse_catalogue, prepare_publication, read_catalogue
from plans.loading.difference import changes
from plans.periods import Period
from plans.pricing import Consumption, Pricing, rate

MONTH, DAY = Period(1, "month"), Period(1, "day")


def catalogue_of(text: str) -> Catalogue:
    return load_catalogue(f"catalogue: test\ncurrency: EUR\n{text}", name="test.yaml")


def item_of(
    text: str, *, plan: str = "period: month", more: str = "meters: {kwh: {}, average: {}}\nlists: {tariff: [{from: 2020-01-01, price: 1}]}"
) -> Item:
    catalogue = catalogue_of(f"{more}\nplans: {{p: {{{plan}, items: {{i: {text}}}}}}}")
    return catalogue.plans["p"].items["i"]


def cost(pricing: Pricing | None, quantity: str) -> Decimal:
    assert pricing is not None
    return rate(pricing, Consumption(quantity=Decimal(quantity)), closed=True).amount


def test_the_least_catalogue_has_sensible_defaults() -> None:
    catalogue = load_catalogue("catalogue: gym\ncurrency: EUR\n", name="gym.yaml")
    assert (catalogue.name, catalogue.currency, catalogue.zone, catalogue.rounding) == ("gym", "EUR", "UTC", "half_up")
    assert catalogue.seller == {"code": "main", "name": "gym"}
    prefixes = {"invoice": "INV", "credit_note": "CN", "statement": "ST", "debit_note": "DN"}
    assert catalogue.series == {document: f"{prefix}-{{number:06}}" for document, prefix in prefixes.items()}
    assert (catalogue.invoice, catalogue.default_terms, catalogue.effective, catalogue.version) == (InvoicePolicy(), None, None, 0)
    assert (catalogue.plans, catalogue.items, catalogue.meters, catalogue.taxes) == ({}, {}, {}, ())


def test_a_fee_is_due_in_advance_and_takes_the_period_of_its_plan() -> None:
    item = item_of('{price: "29.90"}')
    assert (item.charge, item.timing, item.period, item.once, item.name, item.owes) == ("fee", "advance", MONTH, False, "i", "customer")
    assert (item.proration, item.align, item.prorate) == ("day", "anchor", ("flat", "minimum"))
    assert cost(item.pricing, "3") == Decimal("89.70")


@pytest.mark.parametrize(
    ("text", "plan", "period", "once"),
    [
        ("{price: 5}", "period: month", MONTH, False),
        ("{price: 5, period: 1 day}", "period: month", DAY, False),
        ("{price: 5, period: once}", "period: month", None, True),
        ("{price: 5}", "name: P", None, False),
        ("{price: 5, charge: sale}", "period: month", None, False),
    ],
)
def test_periods(text: str, plan: str, period: Period | None, once: bool) -> None:
    item = item_of(text, plan=plan)
    assert (item.period, item.once) == (period, once)


@pytest.mark.parametrize(
    ("text", "charge", "timing"),
    [
        ("{price: 5}", "fee", "advance"),
        ("{price: 5, timing: arrears}", "fee", "arrears"),
        ("{meter: kwh, price: 5}", "usage", "arrears"),
        ("{meter: kwh, price: 5, timing: tick}", "usage", "tick"),
        ("{meter: kwh, follows: tariff}", "usage", "arrears"),
        ("{interest: {rate: 5}}", "interest", "arrears"),
        ("{stock: true, price: 5}", "sale", "arrears"),
    ],
)
def test_the_kind_of_charge_follows_from_what_the_item_names(text: str, charge: str, timing: str) -> None:
    item = item_of(text)
    assert (item.charge, item.timing) == (charge, timing)


def test_items_at_the_top_are_sold_alone_unless_they_have_a_period() -> None:
    catalogue = catalogue_of("items: {cola: {price: 5, stock: true}, support: {price: 10, period: month}}")
    assert [(item.charge, item.stock) for item in catalogue.items.values()] == [("sale", True), ("fee", False)]


def test_a_billing_day_means_the_calendar() -> None:
    assert (item_of("{price: 5, day: last}").day, item_of("{price: 5, day: last}").align) == (31, "calendar")
    assert item_of("{price: 5, day: 5, align: anchor}").align == "anchor"


def test_interest_is_what_we_owe() -> None:
    item = item_of("{interest: {rate: 36.5, capitalise: true, early_rate: 0, minimum_days: 30}}")
    assert item.interest == Interest(Decimal("36.5"), "act/365", True, Decimal(0), 30)
    assert (item.owes, item.pricing) == ("us", None)


def test_what_stands_beside_a_price_is_read_with_it() -> None:
    item = item_of('{meter: kwh, price: "0.002", included: 1000, minimum: 3}')
    assert (cost(item.pricing, "500"), cost(item.pricing, "3000")) == (Decimal("3.00"), Decimal("4.00"))


def test_another_quantity_may_pick_the_price() -> None:
    price = "choose: {by: average, tiers: [{up_to: 120, price: {model: unit, amount: 1}}, {price: {model: unit, amount: 2}}]}"
    assert item_of(f"{{meter: kwh, {price}}}").choose == {}
    assert item_of(f"{{meter: kwh, quantities: {{average: kwh}}, {price}}}").choose == {"average": "kwh"}


def test_the_rounding_of_the_catalogue_is_that_of_its_prices() -> None:
    catalogue = catalogue_of('rounding: down\nitems: {a: {price: "0.999"}, b: {price: "0.999", rounding: up}}')
    assert [cost(item.pricing, "1") for item in catalogue.items.values()] == [Decimal("0.99"), Decimal("1.00")]
    assert catalogue.tax_policy.rounding == "down"


def test_a_plan_may_have_a_currency_of_its_own() -> None:
    catalogue = catalogue_of("plans: {p: {currency: JPY, period: month, items: {i: {price: 100.4}}}}")
    assert cost(catalogue.plans["p"].items["i"].pricing, "1") == Decimal("100")


def test_price_lists_are_in_the_catalogues_zone() -> None:
    catalogue = catalogue_of("zone: Europe/Madrid\nlists: {t: [{from: 2026-01-01, price: 1}, {from: 2026-07-01T12:00, price: 2}]}")
    starts = [entry.start for entry in catalogue.lists["t"]]
    assert starts == [datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 7, 1, 10, tzinfo=UTC)]


def test_a_trial_is_a_phase_in_which_everything_is_free() -> None:
    catalogue = catalogue_of("plans: {p: {period: month, trial: 14 days, items: {a: {price: 1}, b: {price: 2}}}}")
    [phase] = catalogue.plans["p"].phases
    assert (phase.name, phase.length, phase.prices, phase.only, phase.then) == (
        "trial",
        Period(14, "day"),
        {"a": None, "b": None},
        None,
        "restart",
    )


def test_in_a_phase_an_item_may_follow_a_list_of_its_own() -> None:
    text = """
lists: {start: [{from: 2026-01-01, price: 5}], full: [{from: 2026-01-01, price: 7}]}
plans: {p: {period: month, phases: [{name: x, length: 1 month, prices: {fee: {follows: start}}}], items: {fee: {follows: full}}}}
"""
    [phase] = catalogue_of(text).plans["p"].phases
    assert (dict(phase.follows), dict(phase.prices)) == ({"fee": "start"}, {})


def test_phases_follow_each_other() -> None:
    text = """
plans:
  p:
    period: month
    trial: 1 month
    items: {a: {price: 10}, b: {price: 2}}
    phases:
      - {name: half, length: 3 months, prices: {a: "5", b: free}, then: keep}
      - {name: only-a, prices: {a: {price: 7, minimum: 20}}, only: a}
"""
    trial, half, last = catalogue_of(text).plans["p"].phases
    assert trial.length == MONTH
    assert (cost(half.prices["a"], "2"), half.prices["b"], half.then) == (Decimal(10), None, "keep")
    assert (cost(last.prices["a"], "2"), last.only, last.length) == (Decimal(20), ("a",), None)


def test_invoice_policies_fall_back_on_the_catalogues() -> None:
    text = """
invoice: {grace: 2 days, lines: split}
plans:
  a: {period: month, items: {i: {price: 1}}}
  b: {period: month, items: {i: {price: 1}}, invoice: end}
  c: {period: month, items: {i: {price: 1}}, invoice: {day: 5, grace: 1 day}}
"""
    plans = catalogue_of(text).plans
    two, one = Period(2, "day"), DAY
    assert plans["a"].invoice == InvoicePolicy(when="charges", grace=two, lines="split")
    assert plans["b"].invoice == InvoicePolicy(when="end", grace=two, lines="split")
    assert plans["c"].invoice == InvoicePolicy(when="calendar", every=MONTH, day=5, grace=one, lines="split")


def test_minimums_and_features_of_a_plan() -> None:
    text = """
features: {sso: {}, projects: {kind: limit}, calls: {kind: limit}, support: {kind: text}}
plans:
  p:
    period: month
    items: {i: {price: 1}}
    minimums: {commitment: {amount: 100}}
    features: {sso: true, projects: 5, calls: unlimited, support: by mail}
  q: {period: month, items: {i: {price: 1}}, features: [sso]}
"""
    plans = catalogue_of(text).plans
    assert plans["p"].minimums == (Minimum("commitment", Decimal(100), (), None, MONTH),)
    assert plans["p"].features == {"sso": True, "projects": Decimal(5), "calls": "unlimited", "support": "by mail"}
    assert plans["q"].features == {"sso": True}


def test_terms() -> None:
    catalogue = catalogue_of("terms: {a: 14, b: {days: 30, end_of_month: true, default: true}, c: }")
    assert list(catalogue.terms.values()) == [PaymentTerms("a", 14), PaymentTerms("b", 30, True), PaymentTerms("c")]
    assert catalogue.default_terms == "b"
    assert catalogue_of("terms: {a: 14, b: 30}").default_terms == "a"


def test_names_of_the_house() -> None:
    catalogue = catalogue_of(
        "seller: {code: sol, name: Hotel Sol, tax_id: B1}\neffective: 2026-01-01\nseries: {invoice: 'F{year}-{number}'}"
    )
    assert catalogue.seller == {"code": "sol", "name": "Hotel Sol", "tax_id": "B1"}
    assert (catalogue.effective, catalogue.series["invoice"]) == (date(2026, 1, 1), "F{year}-{number}")


def test_an_error_example_may_be_expected() -> None:
    catalogue_of(
        "meters: {m: {}}\nplans: {p: {period: month, items: {i: {meter: m, price: 1, examples: [{quantity: -1, error: negative}]}}}}"
    )


# -- texts ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a: 1", "a: 1\n", "a: 1\r\n", "a: 1\r", "\ufeffa: 1\n\n\n", b"a: 1", b"\xef\xbb\xbfa: 1\r\n"])
def test_the_stored_text_does_not_depend_on_the_machine_that_wrote_it(text: str | bytes) -> None:
    assert canonical_source(text, name="x") == "a: 1\n"


def test_the_digest_is_that_of_the_stored_text() -> None:
    text = "catalogue: gym\r\ncurrency: EUR"
    publication = prepare_publication(text, name="gym.yaml")
    assert publication.source == "catalogue: gym\ncurrency: EUR\n"
    assert publication.digest == digest_of(publication.source)
    assert publication.catalogue is not None
    assert publication.catalogue.digest == publication.digest


def test_json_is_a_catalogue_too() -> None:
    catalogue = load_catalogue('{"catalogue": "gym", "currency": "EUR", "items": {"towel": {"price": 2.50}}}', name="gym.json")
    assert cost(catalogue.items["towel"].pricing, "1") == Decimal("2.50")


def test_a_published_text_is_read_without_its_checks() -> None:
    text = "catalogue: t\ncurrency: EUR\nitems: {a: {price: 1, tax: gone, examples: [{quantity: 1, amount: 2}]}}"
    assert {problem.code for problem in read_catalogue(text, name="t").problems} == {"unknown_choice", "example_differs"}
    assert load_catalogue(text, name="t", published=True).items["a"].tax == "gone"


def test_a_problem_of_plain_values_names_its_path() -> None:
    [problem] = parse_catalogue({"catalogue": "t", "currency": "EUR", "items": {"a": {"price": "x"}}}).problems
    assert (problem.code, problem.at) == ("not_a_number", "items.a.price.amount")


def test_unwrap_says_how_many_more_problems_there_are() -> None:
    with pytest.raises(Invalid, match=r"and 1 more problem\)") as error:
        load_catalogue("catalogue: T\ncurrency: XXX\n", name="t.yaml")
    assert error.value.at.startswith("t.yaml:2: currency")


# -- differences ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": "1.0"}, {"a": "1.00"}, []),
        ({"a": None}, {}, []),
        ({"a": {"b": "1"}}, {"a": {"b": "2"}}, ["~ a.b: 1 → 2"]),
        ({"a": "1"}, {}, ["- a: 1"]),
        ({}, {"a": {"b": ["x", True]}}, ["+ a: {b: [x, true]}"]),
        ([{"from": "1", "p": "1"}], [{"from": "0", "p": "9"}, {"from": "1", "p": "1"}], ["+ [from 0]: {from: 0, p: 9}"]),
        (["a", "b"], ["a", "c"], ["~ [1]: b → c"]),
        ({"a": "x"}, {"a": ["x"]}, ["~ a: x → [x]"]),
        ({"a": " x\n"}, {"a": ""}, ['~ a: " x\\n" → ""']),
    ],
)
def test_differences(before: Any, after: Any, said: list[str]) -> None:
    assert [str(change) for change in changes(before, after)] == said


def test_stock_may_say_what_is_there_at_first_and_how_little_is_too_little() -> None:
    items = catalogue_of(
        "items: {cup: {price: 5, stock: {start: 6, minimum: 2}}, mug: {price: 5, stock: true, attributes: {stock_start: 3}}}"
    ).items
    assert [(one.stock, one.stock_start, one.stock_minimum) for one in items.values()] == [(True, 6, 2), (True, 3, None)]
