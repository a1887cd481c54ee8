"""Plans: items sold together for a time, their phases, minimums, and when they are invoiced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from plans.catalogue import Feature, InvoicePolicy, Item, Minimum, Phase, Plan
from plans.errors import Invalid
from plans.fields import Fields, describe, suggestion
from plans.loading.agreements import Agreement, read_agreement
from plans.loading.grants import read_grants
from plans.loading.items import read_item
from plans.loading.problems import check_code, codes_of, entries_of
from plans.loading.reading import Reading, read_currency, read_pricing
from plans.money import parse_decimal, parse_measure
from plans.periods import Period, parse_day, parse_period
from plans.pricing import Pricing

UNLIMITED = "unlimited"


@dataclass(frozen=True)
class Surroundings:
    """What plans take from the catalogue around them."""

    reading: Reading
    invoice: InvoicePolicy
    features: Mapping[str, Feature]
    feature_names: tuple[str, ...]  # those with a mistake in them too


def read_plan(code: str, value: object, at: str, *, around: Surroundings) -> Plan:
    """One plan. Problems inside its parts go to the reading, and the part is left out."""
    fields = Fields(value, at)
    currency = read_currency(fields, "currency", around.reading.currency)
    reading, problems = around.reading.in_currency(currency), around.reading.problems
    period = problems.attempt(lambda: fields.read("period", parse_period, None))
    entries = entries_of(fields, "items")
    items = problems.by_code(entries, lambda name, given, path: _with_period(read_item(name, given, path, reading=reading), period))
    known = [name for name, _, _ in entries]
    term = problems.attempt(lambda: fields.read("term", parse_period, None))
    agreed = problems.attempt(lambda: read_agreement(fields, term), Agreement(None, None, ()))
    plan = Plan(
        code=code,
        name=fields.text("name", code),
        currency=currency,
        items=items,
        period=period,
        phases=problems.attempt(lambda: _phases(fields, reading, known), ()),
        invoice=problems.attempt(lambda: read_invoice(fields, "invoice", around.invoice), around.invoice),
        terms=fields.read("terms", check_code, None),
        minimums=problems.attempt(lambda: _minimums(fields, reading, period, known), ()),
        term=term,
        early_end=fields.choice("early_end", ("allowed", "refused"), "allowed"),
        notice=problems.attempt(lambda: fields.read("notice", parse_period, None)),
        renew=agreed.renew,
        early_fee=agreed.early_fee,
        remind=agreed.remind,
        discounts=problems.attempt(lambda: codes_of(fields, "discounts"), ()),
        features=problems.attempt(lambda: read_allowances(fields, "features", around), {}),
        anchor=fields.choice("anchor", ("start", "account"), "start"),
        dunning=fields.read("dunning", check_code, None),
        suspension=fields.choice("suspension", ("charge", "pause", "serve"), "charge"),
        public=fields.flag("public", False),
        grants=problems.attempt(lambda: read_grants(fields, reading, period, known), {}),
    )
    fields.text("about", None, longest=10_000)
    fields.done()
    if not entries:
        raise Invalid("missing_field", "a plan needs at least one item", at=fields.path("items"))
    _check_periods(plan, fields)
    return plan


def _with_period(item: Item, period: Period | None) -> Item:
    """An item that says nothing has the period of its plan."""
    own = item.period is not None or item.once or item.charge == "sale"
    return item if own else replace(item, period=period)


def _check_periods(plan: Plan, fields: Fields) -> None:
    """Usage and interest need a period, of their own or of the plan."""
    if fields.has("period") and plan.period is None:
        return  # its own mistake is named already
    for item in plan.items.values():
        if item.charge in ("usage", "interest") and item.period is None:
            message = f"the charge {item.charge!r} needs a period, of its own or of the plan"
            raise Invalid("missing_field", message, at=f"{fields.path('items')}.{item.code}.period")


# -- phases ------------------------------------------------------------------------------------------------------------------------


def _phases(fields: Fields, reading: Reading, known: list[str]) -> tuple[Phase, ...]:
    """`trial: 14 days` is a first phase in which everything is free."""
    found = []
    if fields.has("trial"):
        length = fields.read("trial", parse_period)
        found.append(Phase("trial", length, dict.fromkeys(known)))
    fields.raw("trial", None)
    for element, path in fields.items("phases", []):
        phase = _phase(Fields(element, path), reading, known)
        if phase.name in {before.name for before in found}:
            raise Invalid("conflict", f"there are two phases {phase.name!r}", at=f"{path}.name")
        if found and found[-1].length is None:
            raise Invalid("missing_field", "only the last phase may be without a length", at=path)
        found.append(phase)
    return tuple(found)


def _phase(fields: Fields, reading: Reading, known: list[str]) -> Phase:
    only = codes_of(fields, "only") if fields.has("only") else None
    fields.raw("only", None)
    prices, follows = _phase_prices(fields, reading, known)
    phase = Phase(
        name=fields.read("name", check_code),
        length=fields.read("length", parse_period, None),
        prices=prices,
        follows=follows,
        only=only,
        then=fields.choice("then", ("restart", "keep"), "restart"),
    )
    fields.done()
    for number, code in enumerate(only or ()):
        _known_item(code, known, f"{fields.path('only')}[{number}]")
    return phase


def _phase_prices(fields: Fields, reading: Reading, known: list[str]) -> tuple[dict[str, Pricing | None], dict[str, str]]:
    """Item → its price in the phase; item → the list that it follows there."""
    if fields.raw("prices", None) == "free":
        return dict.fromkeys(known), {}
    found: dict[str, Pricing | None] = {}
    lists: dict[str, str] = {}
    for code, value, path in fields.mapping("prices", []):
        _known_item(code, known, path)
        if isinstance(value, Mapping) and set(value) == {"follows"}:
            lists[code] = Fields(value, path).read("follows", check_code)
        else:
            found[code] = None if value == "free" else _phase_price(value, path, reading)
    return found, lists


def _phase_price(value: object, at: str, reading: Reading) -> Pricing:
    """`free`, a number (the price of one), or a price with what stands beside it."""
    fields = Fields({"price": value} if isinstance(value, str | int) else value, at)
    pricing = read_pricing(fields, reading)
    fields.done()
    if pricing is None:
        raise Invalid("missing_field", "expected 'free' or a price", at=at)
    return pricing


def _known_item(code: str, known: list[str], at: str) -> None:
    if code not in known:
        raise Invalid("unknown_choice", f"the plan has no item {code!r}{suggestion(code, known)}", at=at)


# -- minimums, invoices, features --------------------------------------------------------------------------------------------------


def _minimums(fields: Fields, reading: Reading, period: Period | None, known: list[str]) -> tuple[Minimum, ...]:
    found = reading.problems.by_code(
        entries_of(fields, "minimums"), lambda code, value, path: _minimum(code, Fields(value, path), period, known)
    )
    return tuple(found.values())


def _minimum(code: str, fields: Fields, period: Period | None, known: list[str]) -> Minimum:
    if code in known:
        raise Invalid("conflict", f"an item of the plan is called {code!r} too; charges are told apart by this name", at=fields.at)
    own = fields.read("period", parse_period, period)
    if own is None:
        raise Invalid("missing_field", "a minimum needs a period, of its own or of the plan", at=fields.path("period"))
    day = fields.read("day", parse_day, None)
    minimum = Minimum(
        code=code,
        amount=fields.decimal("amount"),
        items=codes_of(fields, "items"),
        tax=fields.read("tax", check_code, None),
        period=own,
        prorate=fields.flag("prorate", True),
        align=fields.choice("align", ("anchor", "calendar"), "anchor" if day is None else "calendar"),
        day=day,
    )
    fields.done()
    for number, item in enumerate(minimum.items):
        _known_item(item, known, f"{fields.path('items')}[{number}]")
    return minimum


def read_invoice(fields: Fields, name: str, default: InvoicePolicy) -> InvoicePolicy:
    """When charges go on a document: a mapping, or its `when` alone. What it does not say is as in `default`."""
    value = fields.raw(name, None)
    if value is None:
        return default
    inner = Fields({"when": value} if isinstance(value, str) else value, fields.path(name))
    day = inner.read("day", parse_day, None)
    every = inner.read("every", parse_period, None)
    when = inner.choice("when", ("charges", "end", "calendar", "never"), "calendar" if day or every else default.when)
    if when != "calendar" and (day or every):
        raise Invalid("conflict", "`every` and `day` belong to `when: calendar`", at=inner.path("every" if every else "day"))
    if when == "calendar":
        every = every or default.every or Period(1, "month")
        day = day or default.day
    policy = InvoicePolicy(
        when=when,
        every=every,
        day=day,
        grace=inner.read("grace", parse_period, default.grace),
        zero=inner.choice("zero", ("skip", "issue"), default.zero),
        lines=inner.choice("lines", ("grouped", "split"), default.lines),
        threshold=inner.decimal("threshold", default.threshold),
        thresholds=_thresholds(inner, default.thresholds),
        thresholds_every=inner.decimal("thresholds_every", default.thresholds_every),
        negative=inner.choice("negative", ("credit_note", "next_invoice"), default.negative),
        limit=inner.decimal("limit", default.limit),
        separate=inner.flag("separate", default.separate),
    )
    inner.done()
    if policy.thresholds_every is not None and (policy.thresholds_every <= 0 or not policy.thresholds):
        message = "expected an amount above 0, which goes on from the last of the `thresholds`"
        raise Invalid("out_of_range", message, at=inner.path("thresholds_every"))
    return policy


def _thresholds(fields: Fields, default: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    """Amounts that grow. Raises Invalid `wrong_type`, `not_a_number`, `out_of_range`."""
    if not fields.has("thresholds"):
        return default
    amounts = tuple(parse_measure(amount, at=at) for amount, at in fields.items("thresholds"))
    if not all(before < amount for before, amount in pairwise((Decimal(0), *amounts))):
        raise Invalid("out_of_range", "expected amounts above 0, each more than the one before", at=fields.path("thresholds"))
    return amounts


def read_features(fields: Fields, name: str, reading: Reading) -> dict[str, Feature]:
    """The features that plans may allow."""
    return reading.problems.by_code(entries_of(fields, name), _feature)


def _feature(code: str, value: object, at: str) -> Feature:
    fields = Fields({} if value is None else value, at)
    guess = "limit" if fields.has("meter") or fields.has("period") or fields.has("unit") else "switch"
    feature = Feature(
        code=code,
        name=fields.text("name", code),
        kind=fields.choice("kind", ("switch", "limit", "text"), guess),
        unit=fields.text("unit", "", longest=40),
        meter=fields.read("meter", check_code, None),
        period=fields.read("period", parse_period, None),
        soft=fields.flag("soft", False),
        credit=fields.choice("credit", ("good", "grace", "limited", "suspended"), "limited"),
    )
    fields.done()
    if feature.kind != "limit" and (feature.meter or feature.period or feature.unit or feature.soft):
        raise Invalid("conflict", "meter, period, unit and soft belong to the kind 'limit'", at=fields.path("kind"))
    return feature


def read_allowances(fields: Fields, name: str, around: Surroundings) -> dict[str, bool | Decimal | str]:
    """What a plan allows: a list of switches, or feature → `true`, a number, `unlimited` or a text, as the feature's kind asks."""
    if isinstance(fields.raw(name, None), str | list):
        return {code: _allowance(code, True, fields.path(name), around) for code in codes_of(fields, name)}
    return {code: _allowance(code, value, path, around) for code, value, path in fields.mapping(name, [])}


def _allowance(code: str, value: Any, at: str, around: Surroundings) -> bool | Decimal | str:
    if code not in around.feature_names:
        raise Invalid("unknown_choice", f"there is no feature {code!r}{suggestion(code, around.feature_names)}", at=at)
    feature = around.features.get(code)
    if feature is None:
        return True  # its own mistake is named already
    if feature.kind == "switch":
        if not isinstance(value, bool) and value not in ("true", "false"):
            raise Invalid("wrong_type", f"expected true or false, found {describe(value)}", at=at)
        return value in (True, "true")
    if feature.kind == "text":
        if not isinstance(value, str):
            raise Invalid("wrong_type", f"expected text, found {describe(value)}", at=at)
        return value
    if value == UNLIMITED:
        return UNLIMITED
    number = parse_decimal(value, at=at)
    if number < 0:
        raise Invalid("negative", f"{number} is negative; expected 0 or more, or unlimited", at=at)
    return number
