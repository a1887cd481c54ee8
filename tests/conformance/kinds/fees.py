"""`proration`, `fee`, `change`, `difference`, `usage`, `interest`: what accrues for a period, and what a change of terms appends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from billing.accrual import TargetLine, Usage, fee_target, usage_target
from billing.differences import differences
from billing.events import ItemTerms, Terms
from billing.interest import interest_target
from billing.state import Contract, PeriodRow, TermsRow
from billing.terms import Segment
from plans.catalogue import Interest, Item
from plans.metering import Measured
from plans.money import decimals, parse_decimal, plain, round_to
from plans.periods import Span, parse_time, share
from plans.pricing import Consumption, parse_pricing, rate

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def proration(inputs: Mapping[str, Any]) -> Any:
    """The part of `amount` that `part` is of `full`: rounded to the currency's decimals, or to `decimals`."""
    world = _World(inputs)
    pricing = parse_pricing({"price": {"model": "flat", "amount": inputs["amount"]}}, currency=world.currency)
    part = share(
        world.span("part"),
        world.span("full"),
        proration=inputs.get("proration", "day"),
        zone=world.zone,
        denominator=int(inputs["denominator"]) if "denominator" in inputs else None,
        last_day=inputs.get("last_day", "free"),
    )
    rated = rate(pricing, Consumption(quantity=Decimal(1)), share=part, prorate=("flat",))
    places = int(inputs.get("decimals", world.places))
    return {"share": plain(part), "amount": plain(round_to(rated.exact, places), places)}


def fee(inputs: Mapping[str, Any]) -> Any:
    """The fee of one period: a line for each of its `segments`."""
    world = _World(inputs)
    return world.shown([line.amount for line in world.fees(inputs["segments"])])


def change(inputs: Mapping[str, Any]) -> Any:
    """What a change of terms in a period that was charged for appends: target with the segments `after` less what `before` recorded."""
    world = _World(inputs)
    standing: dict[Any, Decimal] = {}
    for line in world.fees(inputs["before"]):
        standing[_address(line)] = line.amount
    found = differences(world.fees(inputs["after"]), standing, [world.row], world.contract.currency)
    return world.shown([one.amount for one in found])


def difference(inputs: Mapping[str, Any]) -> Any:
    """What is appended to `standing` so that it becomes `target`, for one key; nothing where they agree."""
    world = _World(inputs)
    line = world.fees([{"price": {"model": "flat", "amount": inputs["target"]}}])[0]
    standing = {_address(line): parse_decimal(inputs["standing"])}
    return world.shown([one.amount for one in differences([line], standing, [world.row], world.contract.currency)])


def usage(inputs: Mapping[str, Any]) -> Any:
    """The lines of one period's usage: `quantity` under the price and what stands beside it in `pricing`."""
    world = _World(inputs)
    segment = world.segment(0, {"pricing": inputs["pricing"]}, charge="usage")
    measured = Usage(measured={segment.span: Measured(parse_decimal(inputs["quantity"]))})
    lines = usage_target(world.contract, world.row, [segment], measured, world.zone, closed=inputs.get("closed", True))
    found = {line.key.component: plain(line.amount, world.places) for line in lines}
    return {"lines": found} | world.shown([line.amount for line in lines])


def interest(inputs: Mapping[str, Any]) -> Any:
    """Interest on `principal` at `rate` percent a year, for each of the periods between `bounds`; `ended` cuts the last one short."""
    world = _World(inputs)
    terms = {name: inputs[name] for name in ("day_count", "capitalise") if name in inputs}
    terms |= {name: parse_decimal(inputs[name]) for name in ("rate", "early_rate") if name in inputs}
    agreed = Interest(**terms, minimum_days=int(inputs.get("minimum_days", "0")))
    bounds = [world.time(bound) for bound in inputs["bounds"]]
    ended = world.time(inputs["ended"]) if "ended" in inputs else None
    contract = replace(world.contract, start=bounds[0], end=ended, ended_early=ended is not None)
    earlier: list[PeriodRow] = []
    amounts = []
    for start, end in pairwise(bounds):
        row = PeriodRow(contract.id, "item", start, end, start, end, closed=True, last=False)
        segment = world.segment(0, {"principal": inputs["principal"]}, charge="interest", interest=agreed, owes="us")
        lines = interest_target(contract, earlier, row, [replace(segment, start=start, end=end)], world.zone)
        amounts += [-line.amount for line in lines]
        earlier.append(row)
    return world.shown(amounts)


def _address(line: TargetLine) -> tuple[str, str, str, datetime, str]:
    return line.key.contract, line.key.item, line.key.terms, line.key.period_start, line.key.component


class _World:
    """One contract with one item in one period, from the inputs: `currency`, `zone`, `full` and `period` (two times), `item`."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self.inputs = inputs
        self.currency = inputs["currency"]
        self.zone = inputs.get("zone", "UTC")
        self.places = decimals(self.currency)
        full = self.span("full") if "full" in inputs else Span(BEGINNING, BEGINNING.replace(month=2))
        period = self.span("period") if "period" in inputs else full
        if inputs.get("once"):  # charged once: the period of such an item is a moment
            full = Span(period.start, period.start)
        self.row = PeriodRow("contract", "item", period.start, period.end, full.start, full.end, closed=False, last=False)
        held = ItemTerms(quantity=Decimal(1))
        self.terms = Terms(plan="plan", catalogue="catalogue", version=1, items={"item": held}, anchor=full.start)
        timeline = (TermsRow(1, period.start, self.terms),)
        self.contract = Contract("contract", "account", self.currency, period.start, None, timeline)

    def time(self, value: Any) -> datetime:
        return parse_time(value, self.zone)

    def span(self, name: str) -> Span:
        start, end = self.inputs[name]
        return Span(self.time(start), self.time(end))

    def segment(self, i: int, given: Mapping[str, Any], **item: Any) -> Segment:
        fields = {"code": "item", "name": "Item", "charge": "fee"} | dict(self.inputs.get("item", {})) | item
        if "denominator" in fields:
            fields["denominator"] = int(fields["denominator"])
        pricing = None
        price = given.get("pricing") or ({"price": given["price"]} if "price" in given else None)
        if price is not None:
            unit = {"price": {"model": "unit", "amount": price["price"]}} if isinstance(price["price"], str) else {}
            pricing = parse_pricing({**price, **unit}, currency=self.currency)
        quantity = parse_decimal(given.get("quantity", "1"))
        held = ItemTerms(quantity=quantity, principal=parse_decimal(given["principal"]) if "principal" in given else None)
        start = self.time(given["from"]) if "from" in given else self.row.start
        end = self.time(given["to"]) if "to" in given else self.row.end
        return Segment(start, end, given.get("terms", str(i + 1)), Item(**fields), quantity, pricing, held, self.terms)

    def fees(self, segments: Sequence[Mapping[str, Any]]) -> list[TargetLine]:
        return fee_target(self.contract, self.row, [self.segment(i, given) for i, given in enumerate(segments)], self.zone)

    def shown(self, amounts: Sequence[Decimal]) -> dict[str, Any]:
        total = plain(sum(amounts, Decimal(0)), self.places)
        return {"amounts": [plain(amount, self.places) for amount in amounts], "total": total}
