"""Rating: a price and a consumption → the exact amount, its lines rounded once, and the steps that explain it. Pure; reads no clock.

The promise: nothing is rounded before the end; the lines' amounts add up to the amount; the same inputs give the same answer for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from plans.errors import Invalid
from plans.fields import join
from plans.money import fraction, round_to
from plans.pricing.arithmetic import EXACT, text
from plans.pricing.beside import PLAIN, Adjustment, Beside, Circumstances, Factors, Pricing, Window, adjustments
from plans.pricing.models import AnyPrice, Matrix, Use, value_of
from plans.pricing.tiers import find
from plans.pricing.values import Consumption, Piece, Rated, RatedLine, Step, UsageEvent

ONE = Fraction(1)
ZERO = Fraction(0)
FINITE = 10**12  # a fraction whose denominator divides it is a short decimal
NONE_SCALED = Factors()
PRORATABLE = Factors._fields  # what `prorate` may name


def rate(
    pricing: Pricing,
    consumption: Consumption,
    *,
    closed: bool = True,
    days: int | None = None,
    share: Fraction = ONE,
    prorate: Collection[str] = ("flat", "minimum"),
) -> Rated:
    """What `consumption` costs in one period, in the pricing's currency, rounded once (per line) by its rule.

    `closed`: the period is over, so minimum and true-up are due. `days`: the days of the bill, required with `per_days`. `share`: the part
    of the full period that is priced; it scales what `prorate` names (`amount`: all that the model asks, for a fee by the unit).
    Raises Invalid `negative`, `no_cell`, `missing_field` (days, events, a quantity of `choose`), `out_of_range` (above the last tier).
    """
    with localcontext(EXACT):
        factors = _factors(pricing, days, share, prorate)
        if pricing.event_transform is not None:
            consumption = _transformed(pricing, consumption)
        if pricing.window is not None:
            pieces, changes = _rate_windows(pricing, pricing.window, consumption, factors, closed)
        else:
            pieces, changes = _price_once(pricing, pricing.beside, consumption, factors), []
        return _finish(pricing, consumption, pieces, changes, factors, closed)


def _factors(pricing: Pricing, days: int | None, share: Fraction, prorate: Collection[str]) -> Factors:
    """days/per_days for the parts that rule 9 names, times the share of the period for those named in `prorate`."""
    if pricing.per_days is None and share == 1:
        return NONE_SCALED
    by_days = ONE
    if pricing.per_days is not None:
        if days is None:
            raise Invalid("missing_field", "the price is stated per days: `days` is needed", at="days")
        by_days = Fraction(days) / Fraction(pricing.per_days)
    parts = dict.fromkeys(("flat", "included", "minimum", "maximum", "tiers"), by_days)
    for name in prorate:
        if name not in PRORATABLE:
            raise Invalid("out_of_range", f"{name!r} can't be prorated; known: {', '.join(PRORATABLE)}", at="prorate")
        if name != "flat" or "amount" not in prorate:
            parts[name] = parts.get(name, ONE) * share
    return Factors(**parts)


def _transformed(pricing: Pricing, consumption: Consumption) -> Consumption:
    """The events with their quantities transformed one by one, and the aggregate as their sum."""
    if consumption.events is None:
        raise Invalid("missing_field", "`event_transform` works on each event: `events` are needed", at="events")
    transform = pricing.event_transform
    assert transform is not None
    events = tuple(replace(event, quantity=transform(value_of(event, i, amounts=False))) for i, event in enumerate(consumption.events))
    total = sum((event.quantity for event in events if event.quantity is not None), Decimal(0))
    return replace(consumption, events=events, quantity=total)


# -- one pricing of one quantity ---------------------------------------------------------------------------------------------------


def _price_once(pricing: Pricing, beside: Beside, consumption: Consumption, factors: Factors) -> list[Piece]:
    """From the aggregate to the pieces of the model, exact."""
    if consumption.events is None and pricing.needs_events:
        raise Invalid("missing_field", "this price looks at each event: give `events`, not `quantity` alone", at="events")
    consumption = _aggregated(pricing, consumption)
    price: Any = _chosen(pricing, consumption, factors)
    fractional = pricing.fractions or factors is not NONE_SCALED or type(consumption.quantity) is Fraction
    number: Callable[[Any], Any] = Fraction if fractional else _same
    if fractional:
        price = price.scaled(bounds=factors.tiers, flats=factors.flat)
    use = _use(pricing, beside, consumption, price, number, factors)
    pieces: list[Piece] = price.pieces(use)
    if pieces and use.quantity != consumption.quantity:
        pieces[0] = pieces[0]._replace(steps=(_counted(beside, consumption, use, factors), *pieces[0].steps))
    if factors.amount != 1:
        pieces = [piece._replace(amount=Fraction(piece.amount) * factors.amount) for piece in pieces]
    if not pricing.negative and sum([piece.amount for piece in pieces]) < 0:
        message = "the price comes to less than 0; `negative: allowed` beside it permits that"
        raise Invalid("negative", message, at=join(pricing.at, "price" if pricing.choose is None else "choose"))
    return pieces


def _counted(beside: Beside, consumption: Consumption, use: Use, factors: Factors) -> Step:
    """How the quantity that is priced came from the aggregate: what that is in the unit of the price, and what else changed it."""
    step = {"step": "counted", "quantity": text(consumption.quantity), "counted": text(use.quantity)}
    if beside.quantity_transform is not None:
        step["transformed"] = text(beside.quantity_transform(consumption.quantity))
    if beside.at_least is not None:
        step["at_least"] = text(beside.at_least)
    if beside.included:
        step["included"] = text(Fraction(beside.included) * factors.included)
    return step


def _aggregated(pricing: Pricing, consumption: Consumption) -> Consumption:
    """The total of an amount model is always the sum of its events; a fraction that is a decimal becomes one, for speed."""
    quantity = consumption.quantity
    if pricing.amounts:
        quantity = _total(pricing, consumption.events or ())
    elif type(quantity) is Fraction and FINITE % quantity.denominator == 0:
        quantity = Decimal(quantity.numerator) / Decimal(quantity.denominator)
    return consumption if quantity is consumption.quantity else replace(consumption, quantity=quantity)


def _same(value: Any) -> Any:
    return value


def _chosen(pricing: Pricing, consumption: Consumption, factors: Factors) -> AnyPrice:
    """The price itself, or the one that the deciding quantity picks."""
    choose = pricing.choose
    if choose is None:
        assert pricing.price is not None
        return pricing.price
    if choose.by == "quantity":
        # The bounds are of the period's own quantity here, so they follow the length of the period.
        deciding: Any = Fraction(consumption.quantity) / factors.tiers if factors.tiers else Fraction(consumption.quantity)
    elif choose.by in consumption.choose:
        deciding = consumption.choose[choose.by]
    else:
        raise Invalid("missing_field", f"the quantity {choose.by!r} that picks the price is missing", at=join("quantities", choose.by))
    position = find(choose.tiers, deciding)
    if position is None:
        raise Invalid("out_of_range", f"{choose.by} {text(deciding)} is above the last tier", at=f"{choose.at}.tiers")
    return choose.tiers[position].price


def _use(pricing: Pricing, beside: Beside, consumption: Consumption, price: Any, number: Callable[[Any], Any], factors: Factors) -> Use:
    """The quantity that the model sees: transformed, raised to `at_least`, less `included`."""
    quantity = number(consumption.quantity)
    if quantity < 0 and not pricing.negative:
        raise Invalid("negative", f"the quantity {text(quantity)} is negative; expected 0 or more, or `negative: allowed`", at="quantity")
    included = 0 if beside.included is None else number(beside.included)
    if included and factors.included != 1:
        included = included * factors.included
    transform = beside.quantity_transform
    if isinstance(price, Matrix):
        return Use(quantity, consumption.events, number, pricing.negative, included, transform)
    if transform is not None:
        quantity = transform(quantity)
    if beside.at_least is not None:
        quantity = max(quantity, number(beside.at_least))
    if included and quantity > 0:
        quantity = max(quantity - included, number(Decimal(0)))
    return Use(quantity, consumption.events, number, pricing.negative)


# -- windows -----------------------------------------------------------------------------------------------------------------------


def _rate_windows(
    pricing: Pricing, window: Window, consumption: Consumption, factors: Factors, closed: bool
) -> tuple[list[Piece], list[Adjustment]]:
    """Each window priced alone with its own wrappers. All but the last are over, whether or not the period is closed."""
    pieces: list[Piece] = []
    changes: list[Adjustment] = []
    parts = consumption.windows if consumption.windows is not None else _cut(window, pricing, consumption)
    for position, part in enumerate(parts):
        own = _price_once(pricing, window.beside, part, factors)
        over = closed or position < len(parts) - 1
        total = sum(piece.amount for piece in own)
        number: Callable[[Any], Any] = Fraction if type(total) is Fraction else _same
        around = Circumstances(len(part.events or ()), over, number, NONE_SCALED, _same)
        found = adjustments(window.beside, total, around)
        mark = str(position + 1)
        pieces += [piece._replace(steps=tuple({**step, "window": mark} for step in piece.steps)) for piece in own]
        changes += [change._replace(step={**change.step, "window": mark}) for change in found]
    return pieces, changes


def _cut(window: Window, pricing: Pricing, consumption: Consumption) -> list[Consumption]:
    """The events of each window that has any, in time order; a window belongs to the zone that the events' times carry."""
    if consumption.events is None:
        raise Invalid("missing_field", "`window` prices the use of each window: `events` with their times are needed", at="events")
    groups: dict[tuple[Any, ...], list[UsageEvent]] = {}
    for position, event in enumerate(consumption.events):
        if event.at is None:
            raise Invalid("missing_field", "the event has no time, so its window is not known", at=f"events[{position}].at")
        groups.setdefault(_window_key(window.every, event.at), []).append(event)
    return [replace(consumption, events=tuple(events), quantity=_total(pricing, events)) for _, events in sorted(groups.items())]


def _window_key(every: str, at: datetime) -> tuple[Any, ...]:
    if every == "month":
        return (at.year, at.month)
    if every == "week":
        return tuple(at.isocalendar()[:2])
    if every == "day":
        return (at.year, at.month, at.day)
    # The hour that a clock change repeats is two windows.
    offset = at.utcoffset()
    return (at.year, at.month, at.day, at.hour, 0 if offset is None else -int(offset.total_seconds()))


def _total(pricing: Pricing, events: Sequence[UsageEvent]) -> Decimal:
    values = [value_of(event, position, amounts=pricing.amounts) for position, event in enumerate(events)]
    return sum(values, Decimal(0))


# -- the end of every rating -------------------------------------------------------------------------------------------------------


def _finish(
    pricing: Pricing, consumption: Consumption, pieces: list[Piece], changes: list[Adjustment], factors: Factors, closed: bool
) -> Rated:
    """The period's wrappers, then the rounding: once on the whole, or once per line with `lines: tiers`."""
    if pricing.beside is PLAIN and not changes and not pricing.lines_by_tier:
        return _in_one_line(pricing, pieces)
    total = _add([piece.amount for piece in pieces] + [change.amount for change in changes])
    events = len(consumption.events or ())
    if pricing.beside.per_event is not None and consumption.events is None:
        raise Invalid("missing_field", "`per_event` counts the events: `events` are needed", at="events")

    def period(amount: Any, keep: Callable[[Any], Any]) -> list[Adjustment]:
        fractional = type(amount) is Fraction or factors is not NONE_SCALED
        number: Callable[[Any], Any] = Fraction if fractional else _same
        around = Circumstances(events, closed, number, factors, lambda change: number(keep(change)))
        return adjustments(pricing.beside, number(amount), around)

    after = period(total, _same)
    all_changes = [*changes, *after]
    exact = _add([total, *(change.amount for change in after)]) if after else total
    steps = tuple([step for piece in pieces for step in piece.steps] + [change.step for change in all_changes])
    whole = fraction(exact)
    if pricing.lines_by_tier:
        lines = _lines(pricing, pieces, changes, period)
        amount = sum((line.amount for line in lines), round_to(0, pricing.places))
    else:
        amount = round_to(exact, pricing.places, pricing.rounding)
        lines = (_single(pieces, whole, amount, steps),)
    return Rated(whole, amount, lines, steps, _sum_of("minimum", all_changes), _sum_of("true_up", all_changes))


def _in_one_line(pricing: Pricing, pieces: list[Piece]) -> Rated:
    """Nearly always: nothing stands beside the price, so its pieces are all there is."""
    exact = _add([piece.amount for piece in pieces])
    steps = pieces[0].steps if len(pieces) == 1 else tuple([step for piece in pieces for step in piece.steps])
    whole, amount = fraction(exact), round_to(exact, pricing.places, pricing.rounding)
    return Rated(whole, amount, (_single(pieces, whole, amount, steps),), steps)


def _add(values: Sequence[Any]) -> Any:
    """The exact sum of Decimals, or of Fractions where there is one."""
    for value in values:
        if type(value) is Fraction:
            return sum((Fraction(value) for value in values), ZERO)
    return sum(values, Decimal(0))


def _sum_of(component: str, changes: Sequence[Adjustment]) -> Fraction:
    return sum((Fraction(change.amount) for change in changes if change.component == component), ZERO) if changes else ZERO


def _single(pieces: list[Piece], exact: Fraction, amount: Decimal, steps: tuple[Step, ...]) -> RatedLine:
    component = "fee" if pieces and all(piece.component == "fee" for piece in pieces) else "usage"
    quantity = _add([piece.quantity for piece in pieces])
    unit_price = pieces[0].unit_price if len(pieces) == 1 and pieces[0].component in ("fee", "usage") else None
    return RatedLine(component, quantity, unit_price, exact, amount, steps)


def _lines(
    pricing: Pricing, pieces: list[Piece], changes: list[Adjustment], period: Callable[[Any, Any], list[Adjustment]]
) -> tuple[RatedLine, ...]:
    """A rounded line for each tier or cell and for each adjustment. Maximum, commitment and minimum hold on the rounded sum."""

    def keep(value: Any) -> Decimal:
        return round_to(value, pricing.places, pricing.rounding)

    merged: dict[str, Piece] = {}
    for piece in pieces:
        same = merged.get(piece.component)
        if same is not None:
            piece = Piece(
                piece.component,
                _add([same.quantity, piece.quantity]),
                piece.unit_price,
                _add([same.amount, piece.amount]),
                same.steps + piece.steps,
            )
        merged[piece.component] = piece
    lines = [RatedLine(p.component, p.quantity, p.unit_price, Fraction(p.amount), keep(p.amount), p.steps) for p in merged.values()]
    by_name: dict[str, list[Adjustment]] = {}
    for change in changes:
        by_name.setdefault(change.component, []).append(change)
    total = sum((line.amount for line in lines), Decimal(0))
    for name, several in by_name.items():
        own = _add([change.amount for change in several])
        total += keep(own)
        lines.append(RatedLine(name, Decimal(1), None, Fraction(own), keep(own), tuple(change.step for change in several)))
    for change in period(total, keep):
        lines.append(RatedLine(change.component, Decimal(1), None, Fraction(change.amount), keep(change.amount), (change.step,)))
    return tuple(lines)
