"""What a contract holds now, as a customer reads it: each item, how many, at what price, and the period that runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.events import Terms
from billing.loading import policy
from billing.models import Contract
from billing.models import Period as PeriodRow
from billing.portal.prices import price_text
from billing.portal.words import contract_name, spoken
from billing.state import AccountState
from billing.terms import item_of, plan_of, segments
from plans.catalogue import Item
from plans.errors import Refusal
from plans.periods import Span
from plans.pricing.models import Flat

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Line:
    """`quantity` is None of what is charged by use or has one price whatever its number."""

    name: str
    quantity: Decimal | None
    price: str


@dataclass(frozen=True)
class Held:
    """A contract as its card shows it. `period`: the running one, in words; empty where none runs."""

    row: Contract
    name: str
    lines: tuple[Line, ...]
    period: str
    optional: tuple[str, ...]  # codes of extras that it has
    more: tuple[str, ...]  # of extras that it may have besides
    counted: bool  # whether it has any item of which there may be more or fewer


def held(state: AccountState, rows: Sequence[Contract], *, at: datetime) -> list[Held]:
    """The contracts with what they hold at `at`, in their order."""
    running: dict[str, PeriodRow] = {}
    for period in PeriodRow.objects.filter(account=state.account, start__lte=at, end__gt=at).order_by("-end"):
        running[period.contract] = period
    return [_held(state, row, running.get(row.contract), at) for row in rows]


def _held(state: AccountState, row: Contract, period: PeriodRow | None, at: datetime) -> Held:
    contract = state.contracts.get(row.contract)
    lines: list[Line] = []
    optional: list[str] = []
    more: tuple[str, ...] = ()
    if contract is not None and row.status != "ended":
        terms = contract.terms_at(max(at, contract.start)).terms
        for code, mine in terms.items.items():
            item = item_of(policy(), terms, code)
            if item is None or item.charge == "sale":
                continue
            lines.append(_line(state, row, code, item, mine.quantity, at))
            optional += [code] if item.optional else []
        more = _more(terms)
    counted = any(line.quantity is not None for line in lines)
    said = spoken(state.zone).span(period.start, period.end) if period is not None else ""
    return Held(row, contract_name(row), tuple(lines), said, tuple(optional), more, counted)


def _more(terms: Terms) -> tuple[str, ...]:
    try:
        plan = plan_of(policy(), terms)
    except Refusal:
        return ()
    return tuple(code for code, item in plan.items.items() if item.optional and code not in terms.items)


def _line(state: AccountState, row: Contract, code: str, item: Item, quantity: Decimal, at: datetime) -> Line:
    """With the price that counts at `at`: a trial's, a negotiated one, that of a list. Without one where policy is gone."""
    contract = state.contracts[row.contract]
    moment = max(at, contract.start)
    try:
        found = segments(policy(), contract, code, Span(moment, moment + INSTANT), state.zone, until_end=False)
    except Refusal:
        found = []
    priced = item.pricing if not found else found[0].pricing
    many = quantity if item.charge == "fee" and not isinstance(item.pricing.price if item.pricing else None, Flat) else None
    if not found:
        return Line(item.name, many, "")
    said = price_text(replace(found[0].item, pricing=priced), row.currency) if priced is not None else _("free for now")
    return Line(item.name, many, said)
