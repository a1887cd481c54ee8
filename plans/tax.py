"""Which taxes are due on a supply: taxes as policy, the place of the customer, and the choice for one line. `plans.taxing` does the sums.

A tax is a percentage of the amount, or a fixed amount for each unit, night, person, or person and night. It names the categories of
supply, the place it holds in, and the dates `[start, end)`. Where a tax code is stated more than once, the statement with the nearest place
counts.

Attributes are facts about a line: `nights` (of this line), `nights_before` (of the same stay, already charged), `stay_nights` (of the whole
stay, which decides rules of length), `persons` or `ages`, `kinds` (of the persons), `rooms`, and any other that a tax asks for in `when`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, Protocol

from plans.errors import Invalid
from plans.fields import Fields, describe
from plans.frozen import frozen
from plans.listing import coded, words
from plans.money import ROUNDINGS, Rounding, parse_decimal
from plans.periods import parse_date

Per = Literal["unit", "night", "person", "person_night"]
PER: tuple[Per, ...] = ("unit", "night", "person", "person_night")
ANYWHERE = "*"
UNTAXED = "none"  # the category that no tax reaches


class PlaceLike(Protocol):
    """What a tax asks of a place; `Place` here and the place of an account's events both answer it."""

    @property
    def country(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def exempt(self) -> Mapping[str, str]: ...
    @property
    def tax_id(self) -> str: ...


@dataclass(frozen=True)
class Place:
    """Where a customer is taxed. `exempt` maps a category, a tax code, or `*` to the reason that the document shows."""

    country: str = ""
    region: str = ""
    city: str = ""
    exempt: Mapping[str, str] = field(default_factory=dict)
    tax_id: str = ""


@dataclass(frozen=True)
class Tax:
    """One tax of the catalogue: either `rate` (percent; negative: a tax given back on the document) or `amount` `per` something.

    `compound`: the base holds the taxes of lower `order` too. `group`: taxes of one group are rounded together and then shared out.
    `[from_nights, under_nights)` bounds the length of the whole stay; `cap` is the most nights of a stay that are taxed.
    `reverse_charge`: nothing is due from a customer with a tax id, and the document says why.
    """

    code: str
    name: str
    rate: Decimal | None = None
    amount: Decimal | None = None
    per: Per = "unit"
    categories: tuple[str, ...] = ()  # empty: every category except `none`
    country: str = ANYWHERE
    region: str = ANYWHERE
    city: str = ANYWHERE
    start: date | None = None
    end: date | None = None
    compound: bool = False
    order: int = 0
    group: str = ""
    cap: int | None = None
    exempt_under_age: int | None = None
    exempt_kinds: tuple[str, ...] = ()
    from_nights: int | None = None
    under_nights: int | None = None
    when: Mapping[str, str] = field(default_factory=dict)  # attribute -> the value it must have
    reverse_charge: bool = False
    ledger: str = ""  # subledger of `tax`; "": the code

    @property
    def by_length(self) -> bool:
        """Whether the length of the stay decides: such a tax may change for nights that were taxed already."""
        return self.from_nights is not None or self.under_nights is not None

    @cached_property
    def in_full(self) -> AppliedTax:
        """A rate as it falls on every line that nothing exempts."""
        return AppliedTax(self.code, self.name, self.rate, None, self.order, self.compound, self.group, self.ledger)


@dataclass(frozen=True)
class TaxPolicy:
    """How a document is taxed. `level`: each line and rate is rounded alone, or each rate once per document and then shared over its lines.

    `inclusive`: prices contain tax unless a charge says otherwise. Then `net_first` rounds the net amount and tax is gross − net;
    `tax_first` rounds the tax and net is gross − tax.
    """

    level: Literal["line", "document"] = "document"
    inclusive: bool = False
    rounding: Rounding = "half_up"
    order: Literal["net_first", "tax_first"] = "net_first"


@frozen()
class AppliedTax:
    """One tax as it falls on one line. `rate` (percent) or `fixed` (the whole exact amount for the line, in its currency) is set.

    `reason` says why nothing is due; the tax then stands on the document with its base and 0.
    """

    code: str
    name: str
    rate: Decimal | None = None
    fixed: Fraction | None = None
    order: int = 0
    compound: bool = False
    group: str = ""
    ledger: str = ""
    reason: str = ""

    @cached_property
    def rate_text(self) -> str:
        """The percent as exact text without trailing zeros; "" for a fixed amount. With the code it names one row of a document's taxes."""
        if self.rate is None:
            return ""
        text = f"{self.rate:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text


def taxes_for(
    taxes: Iterable[Tax], *, category: str, place: PlaceLike, on: date, attributes: Mapping[str, Any] | None = None
) -> tuple[Tax, ...]:
    """The taxes that fall on a supply of `category` at `place` on the day, in the order in which they apply; exemptions are not looked at.

    A category of "" takes the taxes that name no category; `none` takes none. Raises Invalid for an attribute that can't be read.
    """
    facts = attributes or {}
    chosen: dict[str, Tax] = {}
    for tax in taxes:
        if not (_reaches(tax, category) and _holds_at(tax, place) and _holds_on(tax, on) and _meets(tax, facts)):
            continue
        other = chosen.get(tax.code)
        if other is None or _nearness(tax) >= _nearness(other):
            chosen[tax.code] = tax
    return tuple(sorted(chosen.values(), key=lambda tax: tax.order))


def apply_taxes(
    taxes: Iterable[Tax],
    *,
    category: str,
    place: PlaceLike,
    on: date,
    quantity: Decimal = Decimal(1),
    attributes: Mapping[str, Any] | None = None,
    sign: int = 1,
) -> tuple[AppliedTax, ...]:
    """The taxes on one line, exemptions applied. Fixed amounts are counted by `quantity` and the attributes; `sign` −1 gives them back."""
    facts = attributes or {}
    chosen = taxes_for(taxes, category=category, place=place, on=on, attributes=facts)
    return charged(chosen, category=category, place=place, quantity=quantity, attributes=facts, sign=sign)


def charged(
    chosen: Iterable[Tax],
    *,
    category: str,
    place: PlaceLike,
    quantity: Decimal = Decimal(1),
    attributes: Mapping[str, Any] | None = None,
    sign: int = 1,
) -> tuple[AppliedTax, ...]:
    """What the chosen taxes are on one line, exemptions applied."""
    facts = attributes or {}
    found = []
    for tax in chosen:
        reason = exemption(tax, category=category, place=place)
        if tax.rate is not None and not reason:
            found.append(tax.in_full)
            continue
        rate = fixed = None
        if tax.rate is not None:
            rate = Decimal(0)
        else:
            fixed = Fraction(0) if reason else Fraction(tax.amount or 0) * counted(tax, quantity=quantity, attributes=facts) * sign
        found.append(AppliedTax(tax.code, tax.name, rate, fixed, tax.order, tax.compound, tax.group, tax.ledger, reason))
    return tuple(found)


def exemption(tax: Tax, *, category: str, place: PlaceLike) -> str:
    """Why nothing is due of the tax at the place: the reason stated for its code, the category, or everything; else "" ."""
    for name in (tax.code, category, "*"):
        if name and name in place.exempt:
            return place.exempt[name] or "exempt"
    if tax.reverse_charge and place.tax_id:
        return f"reverse charge: tax is due from the customer ({place.tax_id})"
    return ""


def counted(tax: Tax, *, quantity: Decimal, attributes: Mapping[str, Any]) -> Fraction:
    """How many units, nights, persons or person-nights of a line a fixed tax is due for, after the cap of nights and the exempt persons."""
    if tax.per == "unit":
        return abs(Fraction(quantity))
    nights = Fraction(1) if tax.per == "person" else _taxed_nights(tax, quantity, attributes)
    if tax.per == "night":
        return nights * _whole(attributes, "rooms", 1)
    return nights * _taxed_persons(tax, attributes)


def _taxed_nights(tax: Tax, quantity: Decimal, attributes: Mapping[str, Any]) -> Fraction:
    nights = _number(attributes, "nights", abs(quantity))
    if tax.cap is None:
        return nights
    before = _number(attributes, "nights_before", Decimal(0))
    return max(Fraction(0), min(Fraction(tax.cap), before + nights) - min(Fraction(tax.cap), before))


def _taxed_persons(tax: Tax, attributes: Mapping[str, Any]) -> int:
    """Each person is described by an age, a kind, or neither; exempt ones are left out. One person where nothing is said."""
    ages = [parse_decimal(age, at="attributes.ages") for age in _list(attributes, "ages")]
    kinds = [str(kind) for kind in _list(attributes, "kinds")]
    persons = _whole(attributes, "persons", max(len(ages), len(kinds)) or 1)
    exempt = 0
    for i in range(max(len(ages), len(kinds))):
        young = i < len(ages) and tax.exempt_under_age is not None and ages[i] < tax.exempt_under_age
        exempt += young or (i < len(kinds) and kinds[i] in tax.exempt_kinds)
    return max(0, persons - exempt)


def _reaches(tax: Tax, category: str) -> bool:
    if category == UNTAXED:
        return False
    return not tax.categories or category in tax.categories


def _holds_at(tax: Tax, place: PlaceLike) -> bool:
    pairs = ((tax.country, place.country), (tax.region, place.region), (tax.city, place.city))
    return all(wanted == ANYWHERE or wanted.casefold() == found.casefold() for wanted, found in pairs)


def _holds_on(tax: Tax, on: date) -> bool:
    return (tax.start is None or tax.start <= on) and (tax.end is None or on < tax.end)


def _meets(tax: Tax, attributes: Mapping[str, Any]) -> bool:
    if any(_plain(attributes.get(name)) != value for name, value in tax.when.items()):
        return False
    if not tax.by_length:
        return True
    nights = _number(attributes, "nights_before", Decimal(0)) + _number(attributes, "nights", Decimal(0))
    stay = _number(attributes, "stay_nights", None) or nights
    return (tax.from_nights is None or stay >= tax.from_nights) and (tax.under_nights is None or stay < tax.under_nights)


def _nearness(tax: Tax) -> tuple[int, date]:
    """The nearer place first decides, then the later start."""
    return sum(part != ANYWHERE for part in (tax.country, tax.region, tax.city)), tax.start or date.min


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(attributes: Mapping[str, Any], name: str, default: Decimal | None) -> Fraction:
    value = attributes.get(name)
    return Fraction(default or 0) if value is None else Fraction(parse_decimal(value, at=f"attributes.{name}"))


def _whole(attributes: Mapping[str, Any], name: str, default: int) -> int:
    number = _number(attributes, name, Decimal(default))
    if number.denominator != 1 or number < 0:
        raise Invalid("wrong_type", f"expected a whole number, 0 or more, found {describe(attributes.get(name))}", at=f"attributes.{name}")
    return int(number)


def _list(attributes: Mapping[str, Any], name: str) -> list[Any]:
    value = attributes.get(name)
    if value is not None and not isinstance(value, list | tuple):
        raise Invalid("wrong_type", f"expected a list, found {describe(value)}", at=f"attributes.{name}")
    return list(value or ())


# --- reading ----------------------------------------------------------------------------------------------------------------------


def parse_taxes(value: object, at: str = "taxes") -> tuple[Tax, ...]:
    """A list of taxes, or a mapping code → tax. Raises Invalid with the path of the mistake; `conflict` where two statements of one code
    for the same place, categories and conditions overlap in time."""
    pairs = [(parse_tax(given, path), path) for given, path in coded(value, at)]
    for i, (tax, path) in enumerate(pairs):
        for other, _ in pairs[:i]:
            if _same_reach(tax, other) and _overlap(tax, other):
                raise Invalid("conflict", f"the tax {tax.code!r} is stated twice for the same place and days", at=path)
    return tuple(tax for tax, _ in pairs)


def parse_tax(value: object, at: str = "tax") -> Tax:
    """One tax. Exactly one of `rate` (percent) and `amount` must stand; `per` only with an amount."""
    fields = Fields(value, at)
    code = fields.text("code", longest=60)
    rate = fields.decimal("rate", None, negative=True)
    amount = fields.decimal("amount", None)
    if (rate is None) == (amount is None):
        raise Invalid("missing_field", "a tax has either a rate (percent) or an amount", at=fields.path("rate"))
    if rate is not None and not -100 <= rate <= 1000:
        raise Invalid("out_of_range", f"a tax rate is -100 to 1000 percent, found {rate}", at=fields.path("rate"))
    if rate is not None and fields.has("per"):
        raise Invalid("conflict", "`per` belongs to a tax with an amount", at=fields.path("per"))
    tax = Tax(
        code=code,
        name=fields.text("name", code),
        rate=rate,
        amount=amount,
        per=fields.choice("per", PER, "unit"),
        categories=words(fields, "categories"),
        **{name: fields.text(name, ANYWHERE) for name in ("country", "region", "city")},
        start=fields.read("from", parse_date, None),
        end=fields.read("to", parse_date, None),
        **_conditions(fields),
    )
    fields.done()
    for name in ("code", "group", "ledger"):
        if "|" in getattr(tax, name):
            raise Invalid("out_of_range", "a name here can't hold the sign |", at=fields.path(name))
    for low, high, name in ((tax.start, tax.end, "to"), (tax.from_nights, tax.under_nights, "under_nights")):
        if low is not None and high is not None and low >= high:  # type: ignore[operator]
            raise Invalid("out_of_range", f"expected more than {low}, found {high}", at=fields.path(name))
    return tax


def _conditions(fields: Fields) -> dict[str, Any]:
    return {
        "compound": fields.flag("compound", False),
        "order": fields.integer("order", 0, most=1000),
        "group": fields.text("group", ""),
        "cap": fields.integer("cap", None, least=1),
        "exempt_under_age": fields.integer("exempt_under_age", None, most=200),
        "exempt_kinds": words(fields, "exempt_kinds"),
        "from_nights": fields.integer("from_nights", None),
        "under_nights": fields.integer("under_nights", None, least=1),
        "when": {name: _plain(wanted) for name, wanted, _ in fields.mapping("when", ())},
        "reverse_charge": fields.flag("reverse_charge", False),
        "ledger": fields.text("ledger", "", longest=60),
    }


def _same_reach(tax: Tax, other: Tax) -> bool:
    def reach(one: Tax) -> tuple[object, ...]:
        return (one.code, one.country, one.region, one.city, one.when, frozenset(one.categories))

    return reach(tax) == reach(other)


def _overlap(tax: Tax, other: Tax) -> bool:
    days = (tax.start or date.min) < (other.end or date.max) and (other.start or date.min) < (tax.end or date.max)
    most = 10**9
    nights = (tax.from_nights or 0) < (other.under_nights or most) and (other.from_nights or 0) < (tax.under_nights or most)
    return days and nights


def parse_tax_policy(value: object, at: str = "tax_policy") -> TaxPolicy:
    """How documents are taxed; every field has a default."""
    fields = Fields(value, at)
    policy = TaxPolicy(
        level=fields.choice("level", ("line", "document"), "document"),
        inclusive=fields.flag("inclusive", False),
        rounding=fields.choice("rounding", ROUNDINGS, "half_up"),
        order=fields.choice("order", ("net_first", "tax_first"), "net_first"),
    )
    fields.done()
    return policy


def parse_place(value: object, at: str = "place") -> Place:
    """A place: `country`, `region`, `city`, `tax_id`, and `exempt` as a mapping category or code → reason."""
    fields = Fields(value, at)
    exempt = {}
    for name, reason, path in fields.mapping("exempt", ()):
        if not isinstance(reason, str) or not reason.strip():
            raise Invalid("wrong_type", "an exemption needs its reason as text: it stands on the document", at=path)
        exempt[name] = reason
    names = {name: fields.text(name, "") for name in ("country", "region", "city", "tax_id")}
    fields.done()
    return Place(exempt=exempt, **names)
