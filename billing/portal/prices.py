"""A plan as a card: what it costs, item by item, and what is free at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from billing.commands.offers import public_plans
from billing.portal.words import length, per, spoken
from plans.catalogue import Item, Plan
from plans.pricing.beside import Pricing
from plans.pricing.models import Flat, Package, Percentage, Unit
from plans.pricing.tiers import TierTable


@dataclass(frozen=True)
class Card:
    """A plan that customers may take: the lines of its prices, its extras, its free start, its least term."""

    code: str
    name: str
    currency: str
    lines: tuple[tuple[str, str], ...]  # what, price
    extras: tuple[tuple[str, str], ...]
    trial: str
    term: str
    counted: bool  # whether one may take several


def cards(on: date, *, catalogue: str = "", currency: str = "") -> list[Card]:
    """The plans on offer; of one catalogue and currency where a contract is to change to one of them."""
    found = [(one, plan) for one, plan in public_plans(on) if catalogue in ("", one.name) and currency in ("", plan.currency)]
    return [card(plan) for _catalogue, plan in found]


def card(plan: Plan) -> Card:
    charged = [item for item in plan.items.values() if item.charge != "sale"]
    first = plan.phases[0] if plan.phases else None
    free = first is not None and first.length is not None and _all_free(first.prices, plan)
    return Card(
        code=plan.code,
        name=plan.name,
        currency=plan.currency,
        lines=(*((item.name, price_text(item, plan.currency)) for item in charged if not item.optional), *_least(plan)),
        extras=tuple((item.name, price_text(item, plan.currency)) for item in charged if item.optional),
        trial=length(first.length) if free and first and first.length else "",
        term=length(plan.term) if plan.term else "",
        counted=any(item.charge == "fee" and item.pricing is not None and isinstance(item.pricing.price, Unit) for item in charged),
    )


def _least(plan: Plan) -> list[tuple[str, str]]:
    """What is to be paid in any case."""
    said = spoken()
    return [(_("at least"), f"{said.money(one.amount, plan.currency)}, {per(one.period)}") for one in plan.minimums]


def _all_free(prices: Mapping[str, Any], plan: Plan) -> bool:
    return all(code in prices and prices[code] is None for code, item in plan.items.items() if not item.optional)


def price_text(item: Item, currency: str) -> str:
    """The price of one item in words. What has no short form is `by use`; the preview shows the exact sum in any case."""
    pricing = item.pricing
    if pricing is None:
        return _("by use")
    said = _model(pricing, item, currency)
    free = pricing.beside.included
    if free and item.charge == "usage":
        number = spoken().number(free)
        said = _("%(number)s %(unit)s included, then %(price)s") % {"number": number, "unit": item.unit, "price": said}
    return f"{said}, {per(item.period)}" if item.charge == "fee" else " ".join(said.split())


def _model(pricing: Pricing, item: Item, currency: str) -> str:
    price, said = pricing.price, spoken()
    if isinstance(price, Flat):
        return said.money(price.amount, currency)
    if isinstance(price, Unit):
        one = said.money(price.amount, currency)
        return _("%(price)s per %(unit)s") % {"price": one, "unit": item.unit} if item.unit else _("%(price)s each") % {"price": one}
    if isinstance(price, Package):
        many = f"{said.number(price.size)} {item.unit}".strip()
        return _("%(price)s for each %(number)s") % {"price": said.money(price.amount, currency), "number": many}
    if isinstance(price, Percentage):
        return said.rate(str(price.rate * 100))
    if isinstance(price, TierTable) and price.tiers[-1].unit is not None and price.tiers[-1].size is None and not price.percent:
        return _("from %(price)s") % {"price": said.money(min(tier.unit or tier.flat for tier in price.tiers), currency)}
    return _("by use")
