"""Items: what is charged. And price lists, which some items follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from plans.catalogue import Charge, Interest, Item, ListEntry, Timing
from plans.errors import Invalid
from plans.fields import Fields, join
from plans.loading.agreements import read_indexation
from plans.loading.problems import check_code, codes_of
from plans.loading.reading import Reading, read_pricing
from plans.money import UNITS, parse_measure
from plans.periods import CONVENTIONS, Period, parse_day, parse_period, parse_time
from plans.pricing import PRORATABLE, Pricing

CHARGES = ("fee", "usage", "sale", "interest")
#: What each kind of charge has no use for: naming it is a mistake that would otherwise go unnoticed.
FOREIGN = {
    "fee": ("meter", "quantities", "on_change", "interest"),
    "usage": ("interest", "stock", "decrease", "index"),
    "sale": (
        "meter",
        "quantities",
        "on_change",
        "interest",
        "index",
        "lock",
        *"period timing align day proration denominator last_day prorate".split(),
    ),
    "interest": ("meter", "quantities", "on_change", "stock", "follows", "decrease", "prorate", "index", "lock"),
}


def read_item(code: str, value: object, at: str, *, reading: Reading, alone: bool = False) -> Item:
    """One item of a plan, or, with `alone`, one of the catalogue's own. Raises Invalid with the path of the mistake."""
    fields = Fields(value, at)
    charge = fields.choice("charge", CHARGES, _guess(fields, alone=alone))
    for name in FOREIGN[charge]:
        if fields.has(name):
            raise Invalid("conflict", f"{name!r} has no meaning for the charge {charge!r}", at=fields.path(name))
    unit = fields.read("wallet", check_code, "")
    item = Item(
        code=code,
        name=fields.text("name", code),
        charge=cast(Charge, charge),
        pricing=read_pricing(fields, reading.in_currency(UNITS) if unit else reading),
        wallet=unit,
        meter=fields.read("meter", check_code, None),
        choose={name: check_code(meter, path) for name, meter, path in fields.mapping("quantities", [])},
        on_change=fields.choice("on_change", ("restart", "continue"), "restart"),
        decrease=fields.choice("decrease", ("credit", "keep"), "credit"),
        pause=fields.choice("pause", ("credit", "keep"), "credit"),
        follows=fields.read("follows", check_code, None),
        lock=fields.read("lock", parse_period, None),
        indexation=fields.read("index", read_indexation, None),
        quantity=fields.measure("quantity", Decimal(1)),
        owes=fields.choice("owes", ("customer", "us"), "us" if charge == "interest" else "customer"),
        interest=fields.read("interest", _interest, None),
        **_time(fields, charge),
        **_others(fields),
    )
    _about(fields)
    fields.done()
    _check_price(item, fields)
    return item


def _guess(fields: Fields, *, alone: bool) -> str:
    """The kind of charge where the item does not say: by what it names."""
    if fields.has("interest"):
        return "interest"
    if fields.has("meter"):
        return "usage"
    return "sale" if fields.has("stock") or (alone and not fields.has("period")) else "fee"


def _time(fields: Fields, charge: str) -> dict[str, Any]:
    """When it is charged, and how parts of a period count."""
    period, once = _period(fields)
    day = fields.read("day", parse_day, None)
    usual = "tick" if fields.has("wallet") else "advance" if charge == "fee" else "arrears"
    timing = fields.choice("timing", ("advance", "arrears", "tick"), usual)
    if (timing == "tick" and charge != "usage") or (timing == "advance" and charge in ("usage", "interest")):
        raise Invalid("conflict", f"the timing {timing!r} has no meaning for the charge {charge!r}", at=fields.path("timing"))
    if day is not None and period is not None and period.unit == "week" and day > 7:
        raise Invalid("out_of_range", f"the day of a week is 1 (Monday) to 7, found {day}", at=fields.path("day"))
    for number, (name, path) in enumerate(fields.items("prorate", [])):
        if name not in PRORATABLE:
            raise Invalid("unknown_choice", f"expected any of {', '.join(PRORATABLE)}; found {name!r} as number {number + 1}", at=path)
    return {
        "period": period,
        "once": once,
        "timing": cast(Timing, timing),
        **_draws(fields, timing),
        "align": fields.choice("align", ("anchor", "calendar"), "anchor" if day is None else "calendar"),
        "day": day,
        "proration": fields.choice("proration", ("none", "day", "second"), "day"),
        "denominator": fields.integer("denominator", None, least=1, most=366),
        "last_day": fields.choice("last_day", ("free", "charged"), "free"),
        "prorate": tuple(name for name, _ in fields.items("prorate", [])) if fields.has("prorate") else ("flat", "minimum"),
        "correct_back_to": fields.read("correct_back_to", parse_period, None),
    }


def _draws(fields: Fields, timing: str) -> dict[str, Any]:
    """Whether a wallet pays it. Raises Invalid `conflict` where it is not measured at each tick."""
    draws = fields.choice("draws", ("invoice", "tick"), "tick" if fields.has("wallet") else "invoice")
    if fields.has("wallet") and draws != "tick":
        raise Invalid("conflict", "units of a wallet are taken at each tick, never invoiced", at=fields.path("draws"))
    if draws == "tick" and timing != "tick":
        raise Invalid("conflict", "only what is measured at each tick draws on a wallet: say 'timing: tick'", at=fields.path("draws"))
    if draws == "tick" and fields.raw("owes", "customer") == "us":
        raise Invalid("conflict", "a wallet pays what the customer owes, not what we owe", at=fields.path("draws"))
    beyond = fields.choice("beyond", ("owed", "free"), "owed")
    if fields.has("beyond") and draws != "tick":
        raise Invalid("conflict", "'beyond' says what a wallet can't pay; it needs 'draws: tick'", at=fields.path("beyond"))
    return {"draws": draws, "beyond": beyond}


def _period(fields: Fields) -> tuple[Period | None, bool]:
    """The period of its own, and whether it is charged once."""
    if fields.raw("period", None) == "once":
        return None, True
    return fields.read("period", parse_period, None), False


def _others(fields: Fields) -> dict[str, Any]:
    return {
        "tax": fields.read("tax", check_code, None),
        "ledger": fields.read("ledger", _ledger, ""),
        **_stock(fields),
        "features": codes_of(fields, "features"),
        "unit": fields.text("unit", "", longest=40),
        "optional": fields.flag("optional", False),
        "attributes": _attributes(fields),
    }


def _stock(fields: Fields) -> dict[str, Any]:
    """`stock: true`, or `{start, minimum}`. The start may stand among the attributes as `stock_start` too."""
    attributes = fields.values.get("attributes")
    start = attributes.get("stock_start", "0") if isinstance(attributes, Mapping) else "0"
    begin = parse_measure(start, at=join(fields.path("attributes"), "stock_start"))
    if not isinstance(fields.values.get("stock"), Mapping):
        return {"stock": fields.flag("stock", False), "stock_start": begin}
    inner = Fields(fields.raw("stock"), fields.path("stock"))
    found = {"stock": True, "stock_start": inner.measure("start", begin), "stock_minimum": inner.measure("minimum", None)}
    inner.done()
    return found


def _ledger(value: object, at: str) -> str:
    """The name of a ledger; a subledger follows a colon, as in `revenue:rent`."""
    return ":".join(check_code(part, at) for part in (value.split(":") if isinstance(value, str) else [value]))


def _attributes(fields: Fields) -> dict[str, Any]:
    """Facts for taxes and documents: texts and numbers as they were written."""
    found = {}
    for name, value, path in fields.mapping("attributes", []):
        if not isinstance(value, str | bool | int | list):
            raise Invalid("wrong_type", "expected a text, a number, or a list of them", at=path)
        if isinstance(value, list) and not all(isinstance(element, str | int) for element in value):
            raise Invalid("wrong_type", "expected a list of texts or numbers", at=path)
        found[name] = value
    return found


def _about(fields: Fields) -> None:
    """A note for whoever reads the file; it has no effect."""
    fields.text("about", None, longest=10_000)


def _interest(value: object, at: str) -> Interest:
    fields = Fields(value, at)
    interest = Interest(
        rate=fields.decimal("rate"),
        day_count=fields.choice("day_count", CONVENTIONS, "act/365"),
        capitalise=fields.flag("capitalise", False),
        early_rate=fields.decimal("early_rate", None),
        minimum_days=fields.integer("minimum_days", 0, most=36_500),
    )
    fields.done()
    return interest


def _check_price(item: Item, fields: Fields) -> None:
    """Everything but interest needs a price or a list to follow, and not both."""
    if item.charge == "interest":
        if item.interest is None:
            raise Invalid("missing_field", "the field 'interest' is missing: the rate that is paid", at=fields.path("interest"))
        if item.pricing is not None:
            raise Invalid("conflict", "interest has a rate, not a price", at=fields.path("price"))
        return
    if item.follows is not None and item.wallet:
        raise Invalid("conflict", "price lists are in money; what takes units has a price of its own, in them", at=fields.path("follows"))
    if item.follows is not None and item.pricing is not None:
        raise Invalid("conflict", "it follows a price list, so it has no price of its own", at=fields.path("price"))
    if item.lock is not None and item.follows is None:
        raise Invalid("conflict", "a price that follows no list can't be locked: it stays as signed", at=fields.path("lock"))
    if item.indexation is not None and (item.follows is not None or item.once):
        raise Invalid("conflict", "an index adjusts a price of the item's own that is charged again and again", at=fields.path("index"))
    if item.follows is None and item.pricing is None:
        raise Invalid("missing_field", "the field 'price' is missing (or 'follows', a price list)", at=fields.path("price"))
    if item.charge == "usage" and item.meter is None:
        raise Invalid("missing_field", "the field 'meter' is missing: which meter measures the use", at=fields.path("meter"))
    if item.charge in ("fee", "sale") and item.pricing is not None:
        _check_countable(item.pricing, fields)


def _check_countable(pricing: Pricing, fields: Fields) -> None:
    if pricing.needs_events or pricing.choose is not None:
        field = "choose" if pricing.choose is not None else "price"
        raise Invalid("conflict", "this price looks at what was used; only a charge of usage has that", at=fields.path(field))


# -- price lists -------------------------------------------------------------------------------------------------------------------


def read_list(code: str, value: object, at: str, *, reading: Reading) -> tuple[ListEntry, ...]:
    """The entries of a price list, by rising start. Raises Invalid `missing_field` for an empty list, `out_of_range` for a wrong order."""
    found: list[ListEntry] = []
    for element, path in Fields({code: value}, at.removesuffix(f".{code}")).items(code):
        fields = Fields(element, path)
        start = fields.read("from", lambda given, where: _start(given, reading.zone, where))
        pricing = read_pricing(fields, reading)
        _about(fields)
        fields.done()
        if pricing is None:
            raise Invalid("missing_field", "the field 'price' is missing", at=fields.path("price"))
        if found and start <= found[-1].start:
            raise Invalid("out_of_range", "the entries of a list go from the oldest to the newest", at=fields.path("from"))
        found.append(ListEntry(start, pricing))
    if not found:
        raise Invalid("missing_field", "a price list needs at least one entry", at=at)
    return tuple(found)


def _start(value: object, zone: str, at: str) -> datetime:
    try:
        return parse_time(value, zone, at)
    except Invalid as error:
        raise Invalid(error.code, error.message, at=error.at or at) from None
