"""Each mistake is refused with its code and its place: file, line, path."""

import pytest

from plans.loader import read_catalogue

GOOD = """\
catalogue: shop
currency: EUR
zone: Europe/Madrid
tax: {level: line}
taxes: {vat: {rate: 21, categories: [standard]}}
meters: {kwh: {}}
calendars: {hours: {bands: {night: ["22:00-06:00"]}, otherwise: day}}
lists: {tariff: [{from: 2026-01-01, price: 1}]}
terms: {net: 14}
series: {invoice: "F{number:06}"}
items: {pen: {price: 1, tax: standard}}
discounts: {d: {percent: 5}}
coupons: {HELLO: {discount: d}}
features: {sso: {}, projects: {kind: limit}}
plans:
  p:
    period: month
    terms: net
    features: {sso: true, projects: 5}
    items:
      fee: {price: 10, tax: standard}
      use: {meter: kwh, price: 2, tax: standard, examples: [{quantity: 3, amount: 6}]}
      list: {meter: kwh, follows: tariff, tax: standard}
"""

# what is replaced, by what, code, place
MISTAKES = [
    ("catalogue: shop", "", "missing_field", "2: catalogue"),
    ("catalogue: shop", "catalogue: My Shop", "bad_code", "1: catalogue"),
    ("currency: EUR", "currency: EURO", "unknown_currency", "2: currency"),
    ("zone: Europe/Madrid", "zone: Madrid", "unknown_zone", "3: zone"),
    ("zone: Europe/Madrid", "rounding: sometimes", "unknown_choice", "3: rounding"),
    ("zone: Europe/Madrid", "effective: soon", "not_a_time", "3: effective"),
    ("zone: Europe/Madrid", "seler: {}", "unknown_field", "3: seler"),
    ("level: line", "level: page", "unknown_choice", "4: tax.level"),
    ("rate: 21", "rate: NaN", "not_a_number", "5: taxes.vat.rate"),
    ("meters: {kwh: {}}", "meters: {kwh: {agregate: sum}}", "unknown_field", "6: meters.kwh.agregate"),
    ("meters: {kwh: {}}", "meters: {kwh: {}, t: {derive: {band: nights}}}", "unknown_choice", "6: meters.t.derive.band"),
    ("meters: {kwh: {}}", "meters: {kwh: {max_of: [kwh]}}", "conflict", "6: meters.kwh"),
    ("meters: {kwh: {}}", "meters: [kwh]", "wrong_type", "6: meters"),
    ("22:00-06:00", "22:00-26:00", "out_of_range", "7: calendars.hours.bands.night[0]"),
    ("from: 2026-01-01", "from: 2026-02-30", "not_a_time", "8: lists.tariff[0].from"),
    ("{from: 2026-01-01, price: 1}", "", "missing_field", "8: lists.tariff"),
    ("{from: 2026-01-01, price: 1}", "{from: 2026-01-01}", "missing_field", "8: lists.tariff[0].price"),
    ("price: 1}]}", "price: 1}, {from: 2026-01-01, price: 2}]}", "out_of_range", "8: lists.tariff[1].from"),
    ("net: 14", "net: soon", "not_a_number", "9: terms.net.days"),
    ("net: 14", "net: {default: true}, other: {default: true}", "conflict", "9: terms.other.default"),
    ("    terms: net\n", "    invoice: {thresholds_every: 5}\n", "out_of_range", "18: plans.p.invoice.thresholds_every"),
    ("F{number:06}", "F", "bad_series", "10: series.invoice"),
    ("F{number:06}", "F{number.__class__}", "bad_series", "10: series.invoice"),
    ("F{number:06}", "F{number:999999999}", "bad_series", "10: series.invoice"),
    ("F{number:06}", "F{number!r}", "bad_series", "10: series.invoice"),
    ("F{number:06}", "F{number", "bad_series", "10: series.invoice"),
    ("F{number:06}", "CN-{number:06}", "conflict", "10: series"),
    ("pen: {price: 1, ", "pen: {", "missing_field", "11: items.pen.price"),
    ("pen: {price: 1, ", "pen: {price: -1, ", "negative", "11: items.pen.price.amount"),
    ("pen: {price: 1, ", "pen: {price: 1, minimum: 2, maximum: 1, ", "conflict", "11: items.pen.minimum"),
    ("pen: {price: 1, ", "pen: {price: {model: magic}, ", "unknown_model", "11: items.pen.price.model"),
    ("pen: {price: 1, ", "pen: {price: 1, period: month, charge: sale, ", "conflict", "11: items.pen.period"),
    ("pen: {price: 1, ", "pen: {price: {model: dynamic}, ", "conflict", "11: items.pen.price"),
    ("pen: {price: 1, tax: standard}", "pen: {price: 1, tax: standart}", "unknown_choice", "11: items.pen.tax"),
    ("pen: {price: 1, tax", "Pen: {price: 1, tax", "bad_code", "11: items.Pen"),
    ("percent: 5", "percent: 101", "out_of_range", "12: discounts.d.percent"),
    ("percent: 5", "percent: 5, items: [pencil]", "unknown_choice", "12: discounts.d.items"),
    ("percent: 5", "percent: 5, plans: [q]", "unknown_choice", "12: discounts.d.plans"),
    ("discount: d}", "discount: e}", "unknown_choice", "13: coupons.HELLO.discount"),
    ("projects: {kind: limit}", "projects: {kind: limits}", "unknown_choice", "14: features.projects.kind"),
    ("projects: {kind: limit}", "projects: {kind: limit, meter: kw}", "unknown_choice", "14: features.projects.meter"),
    ("period: month", "period: month, or so", "not_a_period", "17: plans.p.period"),
    ("period: month", "prices: free", "unknown_field", "17: plans.p.prices"),
    ("period: month", "trial: soon", "not_a_period", "17: plans.p.trial"),
    ("terms: net\n", "terms: nett\n", "unknown_choice", "18: plans.p.terms"),
    ("terms: net\n", "discounts: [e]\n", "unknown_choice", "18: plans.p.discounts"),
    ("terms: net\n", "phases: [{name: x, prices: {fees: free}}]\n", "unknown_choice", "18: plans.p.phases[0].prices.fees"),
    (
        "terms: net\n",
        "phases: [{name: x, prices: {fee: {follows: tarif}}}]\n",
        "unknown_choice",
        "18: plans.p.phases[0].prices.fee.follows",
    ),
    ("terms: net\n", "phases: [{name: x}, {name: y}]\n", "missing_field", "18: plans.p.phases[1]"),
    ("terms: net\n", "phases: [{name: x, length: month}, {name: x}]\n", "conflict", "18: plans.p.phases[1].name"),
    ("terms: net\n", "phases: [{name: x, only: [fees]}]\n", "unknown_choice", "18: plans.p.phases[0].only[0]"),
    ("terms: net\n", "minimums: {fee: {amount: 1}}\n", "conflict", "18: plans.p.minimums.fee"),
    ("terms: net\n", "minimums: {m: {amount: 1, items: [fees]}}\n", "unknown_choice", "18: plans.p.minimums.m.items[0]"),
    ("terms: net\n", "minimums: {m: {amount: 1, tax: x}}\n", "unknown_choice", "18: plans.p.minimums.m.tax"),
    ("terms: net\n", "invoice: sometimes\n", "unknown_choice", "18: plans.p.invoice.when"),
    ("terms: net\n", "invoice: {when: end, day: 5}\n", "conflict", "18: plans.p.invoice.day"),
    ("terms: net\n", "currency: XYZ\n", "unknown_currency", "18: plans.p.currency"),
    ("terms: net\n", "currency: USD\n", "conflict", "23: plans.p.items.list.follows"),
    ("sso: true", "sso: 5", "wrong_type", "19: plans.p.features.sso"),
    ("sso: true", "ssso: true", "unknown_choice", "19: plans.p.features.ssso"),
    ("projects: 5", "projects: many", "not_a_number", "19: plans.p.features.projects"),
    ("projects: 5", "projects: -5", "negative", "19: plans.p.features.projects"),
    ("fee: {price: 10,", "fee: {price: 10, meter: kwh, charge: fee,", "conflict", "21: plans.p.items.fee.meter"),
    ("fee: {price: 10,", "fee: {price: 10, timing: tick,", "conflict", "21: plans.p.items.fee.timing"),
    ("fee: {price: 10,", "fee: {price: 10, day: 32,", "out_of_range", "21: plans.p.items.fee.day"),
    ("fee: {price: 10,", "fee: {price: 10, period: week, day: 8,", "out_of_range", "21: plans.p.items.fee.day"),
    ("fee: {price: 10,", "fee: {price: 10, prorate: [flats],", "unknown_choice", "21: plans.p.items.fee.prorate[0]"),
    ("fee: {price: 10,", "fee: {price: 10, features: [x],", "unknown_choice", "21: plans.p.items.fee.features"),
    ("fee: {price: 10,", "fee: {price: 10, ledger: 'Revenue',", "bad_code", "21: plans.p.items.fee.ledger"),
    ("fee: {price: 10,", "fee: {minimum: 10,", "missing_field", "21: plans.p.items.fee.price"),
    ("fee: {price: 10,", "fee: {charge: interest,", "missing_field", "21: plans.p.items.fee.interest"),
    ("fee: {price: 10,", "fee: {price: 10, interest: {rate: 5},", "conflict", "21: plans.p.items.fee.price"),
    ("use: {meter: kwh,", "use: {meter: kw,", "unknown_choice", "22: plans.p.items.use.meter"),
    ("use: {meter: kwh,", "use: {charge: usage,", "missing_field", "22: plans.p.items.use.meter"),
    ("use: {meter: kwh,", "use: {meter: kwh, timing: advance,", "conflict", "22: plans.p.items.use.timing"),
    ("use: {meter: kwh,", "use: {meter: kwh, period: once,", "missing_field", "22: plans.p.items.use.period"),
    ("amount: 6", "amount: 7", "example_differs", "22: plans.p.items.use.examples[0].amount"),
    ("amount: 6", "amuont: 6", "unknown_field", "22: plans.p.items.use.examples[0].amuont"),
    (", amount: 6", "", "missing_field", "22: plans.p.items.use.examples[0].amount"),
    ("quantity: 3", "quantity: three", "not_a_number", "22: plans.p.items.use.examples[0].quantity"),
    ("follows: tariff", "follows: tarif", "unknown_choice", "23: plans.p.items.list.follows"),
    ("follows: tariff", "follows: tariff, price: 5", "conflict", "23: plans.p.items.list.price"),
    ("follows: tariff", "follows: tariff, examples: [{quantity: 1, amount: 1}]", "conflict", "23: plans.p.items.list.examples"),
]


def test_the_catalogue_that_the_mistakes_are_made_in_is_good() -> None:
    loaded = read_catalogue(GOOD, name="shop.yaml")
    assert (loaded.problems, loaded.warnings) == ((), ())


@pytest.mark.parametrize(("good", "bad", "code", "place"), MISTAKES, ids=lambda text: text.replace("\n", ""))
def test_a_mistake_is_named_with_its_place(good: str, bad: str, code: str, place: str) -> None:
    assert GOOD.count(good) == 1
    problems = read_catalogue(GOOD.replace(good, bad), name="shop.yaml").problems
    assert (code, f"shop.yaml:{place}") in [(problem.code, problem.at) for problem in problems], [str(problem) for problem in problems]
    assert read_catalogue(GOOD.replace(good, bad), name="shop.yaml").catalogue is None


def test_all_mistakes_are_named_at_once() -> None:
    text = (
        GOOD.replace("rate: 21", "rate: x")
        .replace("net: 14", "net: x")
        .replace("percent: 5", "percent: x")
        .replace("price: 10", "price: x")
    )
    codes = [(problem.code, problem.facts["line"]) for problem in read_catalogue(text, name="shop.yaml").problems]
    assert sorted(codes) == [("not_a_number", 5), ("not_a_number", 9), ("not_a_number", 12), ("not_a_number", 21)]


def test_what_could_not_be_read_is_not_unknown_as_well() -> None:
    text = (
        GOOD.replace("meters: {kwh: {}}", "meters: {kwh: {aggregate: x}}").replace("sso: {}", "sso: {kind: x}").replace("net: 14", "net: x")
    )
    assert sorted(problem.facts["line"] for problem in read_catalogue(text, name="shop.yaml").problems) == [6, 9, 14]


def test_a_suggestion_is_made_where_a_word_is_close() -> None:
    text = GOOD.replace("follows: tariff", "follows: tarif").replace("tax: standard}", "tax: standart}", 1)
    messages = [problem.message for problem in read_catalogue(text, name="shop.yaml").problems]
    assert messages == [
        "there is no price list 'tarif'; did you mean 'tariff'?",
        "no tax names the category 'standart'; did you mean 'standard'?",
    ]


def test_at_most_a_hundred_problems_are_named() -> None:
    items = "\n".join(f"  item-{number}: {{price: x}}" for number in range(300))
    assert len(read_catalogue(f"catalogue: t\ncurrency: EUR\nitems:\n{items}\n", name="t.yaml").problems) == 100


@pytest.mark.parametrize(
    ("more", "code", "place"),
    [
        ("meters: {m: {}}", "unused", "t.yaml:3: meters.m"),
        ("lists: {l: [{from: 2026-01-01, price: 1}]}", "unused", "t.yaml:3: lists.l"),
        ("taxes: {v: {rate: 1, categories: x}}\nitems: {a: {price: 1}}", "untaxed", "t.yaml:4: items.a"),
    ],
)
def test_warnings(more: str, code: str, place: str) -> None:
    loaded = read_catalogue(f"catalogue: t\ncurrency: EUR\n{more}\n", name="t.yaml")
    assert [(warning.code, warning.at) for warning in loaded.warnings] == [(code, place)]
    assert loaded.catalogue is not None


def test_a_tax_without_categories_reaches_every_category() -> None:
    assert read_catalogue("catalogue: t\ncurrency: EUR\ntaxes: {v: {rate: 1}}\nitems: {a: {price: 1, tax: any}}\n", name="t").problems == ()
