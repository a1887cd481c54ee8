"""Pure: accrue to the target. What should have been accrued for a period by now; billing/differences.py compares it with what stands.

    target(terms in force, measurements, period) -> lines, every step explained
    difference(target, standing)                 -> what to append; nothing where they agree

A line's key is (contract, item, the event that set its terms, period start, component, currency); a key that is no longer in the
target has target 0. Amounts are rounded once per line, in `rate`, so recorded sums equal rounded targets whatever the number of ticks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.events import Key
from billing.state import Contract, PeriodRow
from billing.terms import Segment
from plans.catalogue import Item, Minimum
from plans.frozen import frozen
from plans.metering import Measured
from plans.money import allocate, decimals, plain, round_money, round_to
from plans.periods import Span, local_days, share, to_local
from plans.pricing import Consumption, Pricing, Rated, UsageEvent, rate


@frozen()
class TargetLine:
    """One line of a target: positive where the customer owes, negative where we owe."""

    key: Key
    name: str
    amount: Decimal
    quantity: Decimal
    unit_price: str
    start: datetime
    end: datetime
    segment: Segment
    steps: tuple[Mapping[str, Any], ...] = ()


@frozen()
class Usage:
    """What was measured in each segment of the period; `chosen` are other quantities that pick a price."""

    measured: Mapping[Span, Measured] = field(default_factory=dict)
    chosen: Mapping[str, Decimal] = field(default_factory=dict)
    days: Mapping[Span, int] = field(default_factory=dict)  # where readings, not the calendar, say how long it was


WHOLE = Fraction(1)  # of a period
TWELFTH, SHORT = Decimal("1e-12"), Decimal(10) ** 15
Standing = Mapping[tuple[str, str, str, datetime, str], Decimal]  # (contract, item, terms, period start, component) -> recorded sum


def key_of(contract: Contract, segment: Segment, period: PeriodRow, component: str) -> Key:
    return Key(
        contract=contract.id,
        item=segment.item.code,
        terms=segment.key,
        period_start=period.start,
        component=component,
        currency=segment.item.wallet or contract.currency,
    )


def _signed(item: Item, amount: Decimal) -> Decimal:
    return -amount if item.owes == "us" and amount else amount


def target_line(
    contract: Contract,
    segment: Segment,
    period: PeriodRow,
    component: str,
    amount: Decimal,
    *,
    quantity: Decimal | None = None,
    unit_price: str = "",
    steps: tuple[Mapping[str, Any], ...] = (),
    name: str = "",
) -> TargetLine:
    """The line of a segment; its quantity and name are the segment's where nothing else is said."""
    return TargetLine(
        key=key_of(contract, segment, period, component),
        name=name or segment.item.name,
        amount=_signed(segment.item, amount),
        quantity=segment.quantity if quantity is None else quantity,
        unit_price=unit_price,
        start=segment.start,
        end=segment.end,
        segment=segment,
        steps=steps,
    )


# --- fees -------------------------------------------------------------------------------------------------------------------------


def fee_target(contract: Contract, period: PeriodRow, found: Sequence[Segment], zone: str) -> list[TargetLine]:
    """The fee of one period: `price(quantity) × share of the full period`, for each segment."""
    charged = _whole_periods([segment for segment in _highest_quantity(found) if segment.pricing is not None])
    rated = [_indexed(_rate_fee(segment), segment, contract.currency) for segment in charged]
    shares = [_fee_share(contract, segment, period, zone) for segment in charged]
    amounts = _fee_amounts(contract.currency, charged, rated, shares)
    if contract.taken_over and period.start == contract.start and len(charged) == 1:
        before = round_money(rated[0].exact * (1 - shares[0]), contract.currency, charged[0].rounding)
        amounts = [rated[0].amount - before]  # RULES 10: no cent is lost between two payers of a period
    whole, amounts = amounts, [_part(amount, segment, contract.currency) for amount, segment in zip(amounts, charged, strict=True)]
    return [
        target_line(
            contract,
            segment,
            period,
            "fee",
            amount,
            unit_price=_unit_price(segment, price),
            steps=(*price.steps, *_more_steps(segment, part, full, amount)),
        )
        for segment, price, part, full, amount in zip(charged, rated, shares, whole, amounts, strict=True)
        if amount or segment is charged[0]
    ]


def _whole_periods(charged: list[Segment]) -> list[Segment]:
    """Without proration the price at the start counts for the whole period: a list or phase that changes inside it counts from the next."""
    first = {segment.key.partition("@")[0].partition("+")[0]: segment for segment in reversed(charged)}
    return [segment for segment in charged if segment.item.proration != "none" or segment in first.values()]


def _highest_quantity(found: Sequence[Segment]) -> list[Segment]:
    """With `decrease: keep`, of the item or as the change itself said, the quantity is the highest so far in the period."""
    highest = Decimal(0)
    kept: list[Segment] = []
    for segment in found:
        highest = max(highest, segment.quantity)
        said = segment.terms.keep_unused and bool(kept) and kept[-1].terms.plan == segment.terms.plan
        quantity = highest if segment.item.decrease == "keep" or said else segment.quantity
        kept.append(segment if quantity == segment.quantity else replace(segment, quantity=quantity))
    return kept


_FEES: dict[tuple[int, Decimal], tuple[Pricing, Rated]] = {}
MOST_FEES = 10_000


def _rate_fee(segment: Segment) -> Rated:
    """What the quantity costs for a whole period: the same for all who have the price, so it is rated once per process."""
    pricing = segment.pricing
    assert pricing is not None
    key = id(pricing), segment.quantity
    held = _FEES.get(key)
    if held is None or held[0] is not pricing:
        if len(_FEES) >= MOST_FEES:
            _FEES.clear()
        held = _FEES[key] = pricing, rate(pricing, Consumption(quantity=segment.quantity), closed=True)
    return held[1]


def _indexed(rated: Rated, segment: Segment, currency: str) -> Rated:
    """The price as the index adjusts it: rounded to the currency, as the new price that everybody is told."""
    if segment.factor == 1:
        return rated
    amount = round_money(rated.exact * segment.factor, currency, segment.rounding)
    rule = segment.item.indexation
    step = {"step": "index", "index": rule.index if rule else "", "factor": plain(round(segment.factor, 6)), "amount": format(amount, "f")}
    return replace(rated, exact=Fraction(amount), amount=amount, lines=(), steps=(*rated.steps, step))


def _part(amount: Decimal, segment: Segment, currency: str) -> Decimal:
    """What this payer pays of an amount that several share: all parts add up to it."""
    for part in segment.item_terms.parts:
        amount = allocate(amount, part.shares, decimals(currency))[part.mine]
    return amount


def _more_steps(segment: Segment, part: Fraction, whole: Decimal, amount: Decimal) -> list[dict[str, str]]:
    steps = [_share_step(segment, part, whole)] if part != 1 else []
    if segment.item_terms.parts:
        shares = " of ".join(f"{plain(one.shares[one.mine])} %" for one in reversed(segment.item_terms.parts))
        steps.append({"step": "part", "share": shares, "of": format(whole, "f"), "amount": format(amount, "f")})
    return steps


def _fee_share(contract: Contract, segment: Segment, period: PeriodRow, zone: str) -> Fraction:
    """The share of the full period. `last_day: charged` adds the day on which the contract ends."""
    item = segment.item
    if period.start == period.full_end:  # charged once
        return WHOLE
    if item.proration == "none":
        return WHOLE
    if segment.start == period.full_start and segment.end == period.full_end:
        return WHOLE
    full = Span(period.full_start, period.full_end)
    last_day = item.last_day if segment.end == contract.end else "free"
    return share(segment.span, full, proration=item.proration, zone=zone, denominator=item.denominator, last_day=last_day)


def _fee_amounts(currency: str, charged: Sequence[Segment], rated: Sequence[Rated], shares: Sequence[Fraction]) -> list[Decimal]:
    """Segments that together fill the period at one price share its rounded amount by largest remainder; others are rounded alone.

    Without proration a period costs the highest of its prices, once: what a later segment costs more than those before it is added there.
    """
    if charged and charged[0].item.proration == "none":
        highest = [max((price.amount for price in rated[:i]), default=Decimal(0)) for i in range(len(rated))]
        return [max(Decimal(0), price.amount - before) for price, before in zip(rated, highest, strict=True)]
    if len(rated) > 1 and len({price.exact for price in rated}) == 1 and sum(shares) == 1:
        return allocate(rated[0].amount, shares, decimals(currency))
    return [
        price.amount if part == 1 else round_money(price.exact * part, currency, segment.rounding)
        for segment, price, part in zip(charged, rated, shares, strict=True)
    ]


def _unit_price(segment: Segment, price: Rated) -> str:
    if segment.quantity == 0:
        return ""
    line = price.lines[0] if len(price.lines) == 1 else None
    if line is not None and line.unit_price is not None:
        return plain(line.unit_price)
    return plain(price.exact / Fraction(segment.quantity))


def _share_step(segment: Segment, part: Fraction, amount: Decimal) -> dict[str, str]:
    return {
        "step": "share",
        "share": f"{part.numerator}/{part.denominator}",
        "proration": segment.item.proration,
        "from": segment.start.isoformat(),
        "to": segment.end.isoformat(),
        "amount": format(amount, "f"),
    }


# --- usage ------------------------------------------------------------------------------------------------------------------------


@frozen()
class Use:
    """What was used in one segment: `events` where the price looks at single uses, `part` of the full period that it covers, and its `days`
    where the price is stated by days."""

    segment: Segment
    quantity: Decimal | Fraction
    events: tuple[UsageEvent, ...]
    chosen: Mapping[str, Decimal]
    days: int
    part: Fraction

    def rated(self, *, closed: bool) -> Rated:
        pricing = self.segment.pricing
        assert pricing is not None
        consumption = Consumption(quantity=self.quantity, events=self.events, choose=dict(self.chosen))
        return rate(pricing, consumption, closed=closed, days=self.days, share=self.part, prorate=self.segment.item.prorate)

    def after(self, before: Use) -> Use:
        """With what was used before it: as if all of it had been used under these terms."""
        quantity = Fraction(before.quantity) + Fraction(self.quantity)
        return replace(self, quantity=quantity, events=(*before.events, *self.events))


def usage_target(
    contract: Contract, period: PeriodRow, found: Sequence[Segment], usage: Usage, zone: str, *, closed: bool
) -> list[TargetLine]:
    """The usage of one period. Each segment starts its own tiers and caps (`restart`) or carries the quantity over (`continue`)."""
    lines: list[TargetLine] = []
    so_far: Use | None = None
    for segment in found:
        measured = usage.measured.get(segment.span)
        if segment.pricing is None or measured is None:
            continue
        use = _use(segment, period, measured, usage, zone)
        if segment.pricing.per_days is not None and not use.days:
            continue  # the next reading counts this time too
        if so_far is not None and segment.item.on_change == "continue":
            lines.append(_continued(contract, period, use, so_far, closed=closed))
        else:
            lines += _usage_lines(contract, period, segment, use.rated(closed=closed))
        so_far = use if so_far is None else use.after(so_far)
    return lines


def _use(segment: Segment, period: PeriodRow, measured: Measured, usage: Usage, zone: str) -> Use:
    uses: Any = measured.events  # quantities may be fractions, which prices take as they are
    events = tuple(
        UsageEvent(quantity=one.quantity, amount=one.amount, dimensions=one.dimensions, at=to_local(one.at, zone)) for one in uses
    )
    by_days = segment.pricing is not None and segment.pricing.per_days is not None  # its days say already how much of the period it is
    read = usage.days.get(segment.span) if by_days else 0
    days = local_days(segment.span, zone) if read is None else read
    part = WHOLE if by_days else _usage_share(segment, period, zone)
    quantity = measured.quantity if type(measured.quantity) is Decimal else Fraction(measured.quantity)
    return Use(segment, quantity, events, usage.chosen, days, part)


def _usage_share(segment: Segment, period: PeriodRow, zone: str) -> Fraction:
    """The share of the full period that the segment covers: scales what the item names in `prorate`."""
    item = segment.item
    if item.proration == "none" or (segment.start == period.full_start and segment.end == period.full_end):
        return WHOLE
    full = Span(period.full_start, period.full_end)
    return share(segment.span, full, proration=item.proration, zone=zone, denominator=item.denominator, last_day=item.last_day)


def _continued(contract: Contract, period: PeriodRow, use: Use, so_far: Use, *, closed: bool) -> TargetLine:
    """A segment that carries the quantity over pays the price of all so far less the price of what came before it."""
    whole = use.after(so_far).rated(closed=closed)
    earlier = replace(use, quantity=so_far.quantity, events=so_far.events).rated(closed=closed)
    amount = round_to(whole.exact - earlier.exact, _places(use.segment), use.segment.rounding)
    step = {"step": "less_before", "quantity": plain(so_far.quantity), "amount": plain(earlier.exact)}
    return target_line(contract, use.segment, period, "usage", amount, quantity=decimal_of(use.quantity), steps=(*whole.steps, step))


def _usage_lines(contract: Contract, period: PeriodRow, segment: Segment, rated: Rated) -> list[TargetLine]:
    """The rated lines; what only a minimum or a commitment's true-up adds is a line of its own."""
    alone = not rated.minimum_topup and not rated.true_up
    if alone or len(rated.lines) != 1:
        return [
            target_line(
                contract,
                segment,
                period,
                line.component,
                line.amount,
                quantity=decimal_of(line.quantity),
                unit_price="" if line.unit_price is None else plain(line.unit_price),
                steps=line.steps or rated.steps,
            )
            for line in rated.lines
        ]
    used = round_to(rated.exact - rated.minimum_topup - rated.true_up, _places(segment), segment.rounding)
    line = rated.lines[0]
    return [
        target_line(contract, segment, period, line.component, used, quantity=decimal_of(line.quantity), steps=rated.steps),
        target_line(
            contract,
            segment,
            period,
            "minimum",
            rated.amount - used,
            quantity=Decimal(1),
            steps=rated.steps,
            name=f"{segment.item.name} (minimum)",
        ),
    ]


def _places(segment: Segment) -> int:
    assert segment.pricing is not None
    return segment.pricing.places


def decimal_of(value: Any) -> Decimal:
    """A quantity as it is shown: exact where it has a finite form of up to 12 decimals, else rounded there (the steps hold the exact
    value)."""
    if type(value) is Decimal and abs(value) < SHORT and value == value.quantize(TWELFTH):
        return Decimal(plain(value))
    exact = Fraction(value)
    shown = Decimal(exact.numerator) / Decimal(exact.denominator)
    return Decimal(plain(round(shown, 12)))


# --- the second pass --------------------------------------------------------------------------------------------------------------


def minimum_target(
    contract: Contract, period: PeriodRow, segment: Segment, minimum: Minimum, reached: Decimal, part: Fraction
) -> list[TargetLine]:
    """A minimum over several items: what their targets of the period (`reached`, rounded) fall short of it."""
    wanted = round_money(Fraction(minimum.amount) * (part if minimum.prorate else 1), contract.currency, segment.rounding)
    missing = max(Decimal(0), wanted - reached)
    step = {"step": "minimum", "minimum": format(wanted, "f"), "reached": format(reached, "f"), "amount": format(missing, "f")}
    return [target_line(contract, segment, period, "minimum", missing, quantity=Decimal(1), steps=(step,))]
