"""What plans put into wallets by themselves: money or units, again and again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from plans.catalogue import PlanGrant
from plans.errors import Invalid
from plans.fields import Fields, suggestion
from plans.loading.problems import check_code, codes_of, entries_of
from plans.loading.reading import Reading
from plans.money import UNITS, places_of
from plans.periods import Period, parse_period


def read_grants(fields: Fields, reading: Reading, period: Period | None, items: list[str]) -> Mapping[str, PlanGrant]:
    """`grants` of a plan: code → amount, unit, `every` (the plan's period where it says none), how long it lasts, what it may pay for."""
    entries = entries_of(fields, "grants")
    return reading.problems.by_code(entries, lambda code, value, at: _grant(code, Fields(value, at), reading.currency, period, items))


def _grant(code: str, fields: Fields, currency: str, period: Period | None, items: list[str]) -> PlanGrant:
    unit = fields.read("unit", check_code, "")
    every = fields.read("every", parse_period, period)
    if every is None:
        raise Invalid("missing_field", "say how often it comes: it has no period of its own, nor has the plan", at=fields.path("every"))
    grant = PlanGrant(
        code=code,
        amount=_amount(fields, "amount", unit, currency),
        every=every,
        unit=unit,
        lasts=fields.read("lasts", parse_period, None),
        priority=fields.integer("priority", 0, least=-1_000_000, most=1_000_000),
        items=codes_of(fields, "items"),
        rollover_most=_amount(fields, "rollover_most", unit, currency) if fields.has("rollover_most") else None,
        rollover_for=fields.text("rollover_for", ""),
    )
    if (grant.rollover_most is None) != (not grant.rollover_for):
        raise Invalid("missing_field", "say both how much rolls over and for how long", at=fields.path("rollover_for"))
    if grant.rollover_for:
        parse_period(grant.rollover_for, fields.path("rollover_for"))
    fields.done()
    for item in grant.items:
        if item not in items:
            raise Invalid("unknown_choice", f"the plan has no item {item!r}{suggestion(item, items)}", at=fields.path("items"))
    return grant


def _amount(fields: Fields, name: str, unit: str, currency: str) -> Decimal:
    amount: Decimal = fields.decimal(name)
    places = places_of(UNITS if unit else currency)
    if amount <= 0 or amount != round(amount, places):
        raise Invalid("out_of_range", f"expected more than 0 with at most {places} decimals, found {amount}", at=fields.path(name))
    return amount
