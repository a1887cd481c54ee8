"""What a booking will cost, slot by slot: so that a fee can be a share of it, or its first night. The bill is the sale's or contract's."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from billing.events import ItemTerms, Terms
from billing.state import Contract, TermsRow
from billing.terms import Policy, segments
from plans.catalogue import Catalogue
from plans.money import round_money
from plans.periods import Span
from plans.pricing import Consumption, Pricing, rate
from plans.resources import Resource

INSTANT = timedelta(microseconds=1)
ZERO = Decimal(0)


def amounts_of(
    policy: Policy, catalogue: Catalogue, resource: Resource, slots: tuple[datetime, ...], pieces: int, zone: str
) -> tuple[Decimal, ...]:
    """The price of each slot for all the pieces, before tax that comes on top; zeros where a booking bills nothing.

    Of a plan, its fees by the night (or day, hour) count, at the price that is in force when the slot begins.
    """
    if resource.item:
        item = catalogue.items[resource.item]
        each = _sale(item.pricing, pieces * len(slots), catalogue.currency)
        return _spread(each, len(slots), catalogue.currency)
    if not resource.plan:
        return tuple(ZERO for _ in slots)
    contract = _imagined(catalogue, resource, slots[0], pieces)
    fees = list(contract.timeline[0].terms.items)
    return tuple(
        round_money(sum((_at(policy, contract, code, slot, zone) for code in fees), ZERO), catalogue.plans[resource.plan].currency)
        for slot in slots
    )


def _sale(pricing: Pricing | None, quantity: int, currency: str) -> Decimal:
    return ZERO if pricing is None else round_money(rate(pricing, Consumption(quantity=Decimal(quantity))).exact, currency)


def _spread(total: Decimal, count: int, currency: str) -> tuple[Decimal, ...]:
    """Equal parts that add up to the total."""
    parts, left = [], total
    for remaining in range(count, 0, -1):
        parts.append(round_money(left / remaining, currency))
        left -= parts[-1]
    return tuple(parts)


def _imagined(catalogue: Catalogue, resource: Resource, start: datetime, pieces: int) -> Contract:
    plan = catalogue.plans[resource.plan]
    codes = [code for code, item in plan.items.items() if item.charge == "fee" and not item.optional and item.period is not None]
    items = {code: ItemTerms(quantity=plan.items[code].quantity * pieces) for code in codes}
    terms = Terms(plan=plan.code, catalogue=catalogue.name, version=catalogue.version, items=items, anchor=start)
    row = TermsRow(sequence=0, effective_at=start, terms=terms)
    return Contract(id="", account="", currency=plan.currency, start=start, end=None, timeline=(row,))


def _at(policy: Policy, contract: Contract, code: str, slot: datetime, zone: str) -> Decimal:
    found = segments(policy, contract, code, Span(slot, slot + INSTANT), zone)
    if not found or found[0].pricing is None:
        return ZERO
    exact = rate(found[0].pricing, Consumption(quantity=found[0].quantity)).exact
    return Decimal(exact.numerator) / Decimal(exact.denominator)
