"""What a catalogue says of the house itself: seller, payment terms, document numbers; and its taxes, discounts, calendars and meters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from string import Formatter
from typing import Any, Protocol, TypeVar

from plans.catalogue import EarlyDiscount, PaymentTerms, PayoutPolicy, Surcharge
from plans.discounts import Coupon, Discount, parse_coupon, parse_coupons, parse_discount, parse_discounts
from plans.errors import Invalid
from plans.fields import Fields
from plans.identifiers import check_bic, check_iban, check_tax_id
from plans.listing import coded
from plans.loading.problems import Problems, check_code, entries_of
from plans.metering import Meter, check_meters, parse_meter
from plans.tax import Tax, parse_tax, parse_taxes

SELLER_FIELDS = "name country region city postal_code address tax_id email telephone website bank iban bic text".split()
SERIES = {"invoice": "INV-{number:06}", "credit_note": "CN-{number:06}", "statement": "ST-{number:06}", "debit_note": "DN-{number:06}"}
MOST_DAYS = 3650
_WIDTH = re.compile(r"0?[1-9]|0[1-9]\d?|")


def read_seller(fields: Fields, name: str, default_name: str) -> dict[str, str]:
    """Who sells: the `code` under which the books are kept (`main` by default), and what documents show of it."""
    seller = Fields(fields.raw(name, {}), fields.path(name))
    found = {"code": seller.read("code", check_code, "main"), "name": seller.text("name", default_name)}
    for field in SELLER_FIELDS[1:]:
        text = seller.text(field, None, longest=500)
        if text is not None:
            found[field] = text
    seller.done()
    check_tax_id(found.get("tax_id", ""), found.get("country", ""), seller.path("tax_id"))
    for field, check in (("iban", check_iban), ("bic", check_bic)):
        if field in found:
            found[field] = check(found[field], seller.path(field))
    return found


def read_terms(fields: Fields, name: str, problems: Problems) -> tuple[dict[str, PaymentTerms], str | None]:
    """The payment terms, and the code of those that hold where nobody says otherwise: the ones with `default: true`, else the first."""
    defaults: list[str] = []

    def one(code: str, value: object, at: str) -> PaymentTerms:
        inner = Fields({"days": value} if isinstance(value, str) else {} if value is None else value, at)
        terms = PaymentTerms(
            code=code,
            days=inner.integer("days", 0, most=MOST_DAYS),
            end_of_month=inner.flag("end_of_month", False),
            text=inner.text("text", "", longest=500),
            surcharge=inner.read("surcharge", _surcharge, None),
            early=inner.read("early", _early, None),
        )
        if terms.early and not terms.end_of_month and terms.early.days > terms.days:
            message = f"{terms.early.days} days are more than the {terms.days} in which everybody may pay"
            raise Invalid("out_of_range", message, at=inner.path("early.days"))
        if inner.flag("default", False):
            if defaults:
                raise Invalid("conflict", f"{defaults[0]!r} is the default already", at=inner.path("default"))
            defaults.append(code)
        inner.done()
        return terms

    found = problems.by_code(entries_of(fields, name), one)
    return found, defaults[0] if defaults else next(iter(found), None)


def read_payouts(fields: Fields, name: str) -> PayoutPolicy:
    """`payouts: automatic`, or a mapping of `mode`, `least` and `deposits`."""
    value = fields.raw(name, {})
    section = Fields({"mode": value} if isinstance(value, str) else value, fields.path(name))
    found = PayoutPolicy(
        automatic=section.choice("mode", ("automatic", "manual"), "manual") == "automatic",
        least=section.decimal("least", Decimal(0)),
        deposits=section.integer("deposits", None, most=MOST_DAYS),
    )
    section.done()
    if found.least and not found.automatic:
        raise Invalid("conflict", "without mode: automatic nothing is paid out by itself, so there is no least", at=section.path("least"))
    return found


def _surcharge(value: object, at: str) -> Surcharge:
    """`{8: "1.59", 16: "3.17"}`, days after the due date → percent; or a mapping with these as `steps` and `name`, `tax`, `bill`."""
    detailed = isinstance(value, Mapping) and "steps" in value
    fields = Fields(value if detailed else {"steps": value}, at)
    steps = fields.read("steps", _surcharge_steps)
    found = Surcharge(
        steps=steps,
        name=fields.text("name", Surcharge.name),
        tax=fields.read("tax", check_code, None),
        bill=fields.choice("bill", ("now", "next_invoice"), "now"),
    )
    fields.done()
    return found


def _surcharge_steps(value: object, at: str) -> tuple[tuple[int, Decimal], ...]:
    if not isinstance(value, Mapping) or not value:
        raise Invalid("wrong_type", "expected days after the due date and their percents, as in {10: 1.5, 20: 3}", at=at)
    fields, found = Fields({str(day): percent for day, percent in value.items()}, at), []
    for day in fields.values:
        if not day.isascii() or not day.isdigit() or not 0 < int(day) <= MOST_DAYS:
            raise Invalid("wrong_type", f"expected days after the due date, 1 to {MOST_DAYS}; found {day!r}", at=at)
        found.append((int(day), fields.decimal(day)))
    steps = sorted(found)
    percents = [percent for _, percent in steps]
    if not percents[0] or percents != sorted(percents) or percents[-1] > 100:
        raise Invalid("out_of_range", "expected percents that rise with the days, above 0 and at most 100", at=at)
    return tuple(steps)


def _early(value: object, at: str) -> EarlyDiscount:
    fields = Fields(value, at)
    found = EarlyDiscount(days=fields.integer("days", least=0, most=MOST_DAYS), percent=fields.decimal("percent"))
    fields.done()
    if not 0 < found.percent < 100:
        raise Invalid("out_of_range", "expected a percent above 0 and below 100", at=fields.path("percent"))
    return found


# -- document numbers --------------------------------------------------------------------------------------------------------------


def read_series(fields: Fields, name: str, problems: Problems) -> dict[str, str]:
    """Document kind → number format; what is not named has the format of `SERIES`."""
    found = dict(SERIES)
    with problems.collecting():
        section = Fields(fields.raw(name, {}), fields.path(name))
        for kind in SERIES:
            given = section.text(kind, None, longest=40)
            if given is not None:
                found[kind] = problems.attempt(partial(check_series, given, section.path(kind)), SERIES[kind])
        section.done()
        if len(set(found.values())) < len(found):
            raise Invalid("conflict", "two kinds of documents would get the same numbers; their formats must differ", at=section.at)
    return found


def check_series(text: str, at: str = "") -> str:
    """A format with `{number}` once, perhaps `{year}`, `{month}` and `{account}`, each with a width or not. Raises Invalid `bad_series`."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise Invalid("bad_series", f"{text!r} is no number format: {error}", at=at) from None
    names = [name for _, name, _, _ in parts if name is not None]
    for _, name, width, conversion in parts:
        if name is not None and (name not in ("number", "year", "month", "account") or conversion or not _WIDTH.fullmatch(width or "")):
            raise Invalid(
                "bad_series",
                f"{text!r}: expected {{number}}, {{year}}, {{month}} or {{account}}, with a width such as {{number:06}}",
                at=at,
            )
    if names.count("number") != 1:
        raise Invalid("bad_series", f"{text!r}: a number format holds {{number}} exactly once, as in INV-{{year}}-{{number:06}}", at=at)
    if not text.isprintable():
        raise Invalid("bad_series", "a number format is one line of visible characters", at=at)
    return text


# -- sections whose elements other modules read ------------------------------------------------------------------------------------


class Coded(Protocol):
    @property
    def code(self) -> str: ...


C = TypeVar("C", bound=Coded)


def _each(fields: Fields, name: str, problems: Problems, one: Callable[[Any, str], C], whole: Callable[[Any, str], Any], empty: Any) -> Any:
    """A section read element by element, so that all mistakes are named; then as a whole, for what must hold between its elements."""
    value = fields.raw(name, None)
    if value is None:
        return empty
    before = len(problems.found)
    with problems.collecting():
        for given, path in coded(value, name):
            with problems.collecting(path):
                check_code(one(given, path).code, path)
    return problems.attempt(lambda: whole(value, name), empty) if len(problems.found) == before else empty


def read_taxes(fields: Fields, name: str, problems: Problems) -> tuple[Tax, ...]:
    found: tuple[Tax, ...] = _each(fields, name, problems, parse_tax, parse_taxes, ())
    return found


def read_discounts(fields: Fields, name: str, problems: Problems) -> dict[str, Discount]:
    found: dict[str, Discount] = _each(fields, name, problems, parse_discount, parse_discounts, {})
    return found


def read_coupons(fields: Fields, name: str, problems: Problems) -> dict[str, Coupon]:
    """Coupons: their codes are typed by people, so any text goes."""
    value = fields.raw(name, None)
    if value is None:
        return {}
    with problems.collecting():
        for given, path in coded(value, name):
            with problems.collecting(path):
                parse_coupon(given, path)
    found: dict[str, Coupon] = problems.attempt(lambda: parse_coupons(value, name), {})
    return found


def read_meters(fields: Fields, name: str, calendars: Mapping[str, Any], problems: Problems) -> dict[str, Meter]:
    """The meters, and whether what they refer to exists. `calendars`: the names of the calendars."""
    entries = entries_of(fields, name)
    found = problems.by_code(entries, lambda code, value, path: parse_meter(code, {} if value is None else value, path))
    if len(found) == len(entries):
        with problems.collecting():
            check_meters(found, calendars, name)
    return found
