"""What every part of a catalogue needs to know while it is read: money, zone, and where problems go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from plans.catalogue import Example
from plans.errors import Invalid
from plans.fields import Fields
from plans.loading.problems import Problems
from plans.money import Rounding, decimals
from plans.pricing import PRICING_FIELDS, Pricing, parse_pricing

EXAMPLE_INPUTS = ("quantity", "events", "runs", "windows", "each", "closes", "days", "quantities")
EXAMPLE_ANSWERS = ("amount", "exact", "error", "expect")


@dataclass(frozen=True)
class Reading:
    """The surroundings of what is being read. `examples` grows; the rest stays."""

    currency: str
    zone: str
    rounding: Rounding
    problems: Problems
    examples: list[Example] = field(default_factory=list)

    def in_currency(self, currency: str) -> Reading:
        return replace(self, currency=currency)


def read_currency(fields: Fields, name: str, *default: Any) -> str:
    """A currency code. Raises Invalid `unknown_currency` with its place."""
    currency: str = fields.text(name, *default)
    try:
        decimals(currency)
    except Invalid as error:
        raise Invalid(error.code, error.message, at=fields.path(name)) from None
    return currency


def read_pricing(fields: Fields, reading: Reading) -> Pricing | None:
    """The price and what stands beside it, and the worked examples of it; None where there is no price.

    A bare number is the price of one: `price: "5.00"` is `price: {model: unit, amount: "5.00"}`.
    """
    given = {name: fields.raw(name, None) for name in sorted(PRICING_FIELDS) if name in fields.values}
    given = {name: value for name, value in given.items() if value is not None}
    for name in PRICING_FIELDS:
        fields.raw(name, None)
    if "price" not in given and "choose" not in given:
        if given:
            name = min(given)
            raise Invalid("missing_field", f"{name!r} stands beside a price, and there is none", at=fields.path("price"))
        _no_examples(fields)
        return None
    if isinstance(given.get("price"), str | int) and not isinstance(given["price"], bool):
        given["price"] = {"model": "unit", "amount": given["price"]}
    pricing = parse_pricing(given, currency=reading.currency, at=fields.at, rounding=reading.rounding)
    _read_examples(fields, given, pricing, reading)
    return pricing


def _no_examples(fields: Fields) -> None:
    if fields.items("examples", []):
        raise Invalid("conflict", "examples show a price, and there is none here", at=fields.path("examples"))


def _read_examples(fields: Fields, given: Mapping[str, Any], pricing: Pricing, reading: Reading) -> None:
    for element, path in fields.items("examples", []):
        with reading.problems.collecting():
            case = _case(Fields(element, path), pricing)
            reading.examples.append(Example(path, {"currency": reading.currency, "rounding": pricing.rounding, **given, **case}))


def _case(example: Fields, pricing: Pricing) -> dict[str, Any]:
    """An example as the inputs and the expectation of a case of `manage.py price`."""
    inputs = (*EXAMPLE_INPUTS, *(() if pricing.choose is None else (pricing.choose.by,)))
    case = {name: example.raw(name, None) for name in inputs if example.raw(name, None) is not None}
    expect = {name: value for name, value, _ in example.mapping("expect", [])}
    for name in ("amount", "exact", "error"):
        if example.raw(name, None) is not None:
            expect.setdefault(name, example.raw(name))
    example.text("about", None)
    example.done()
    if not expect:
        raise Invalid("missing_field", "an example says what it must cost: the field 'amount' is missing", at=example.path("amount"))
    if not any(name in case for name in ("quantity", "events", "runs", "windows")):
        case["quantity"] = "1"
    return case | {"id": example.at, "expect": expect}
