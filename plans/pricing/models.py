"""The price models without tiers: `flat`, `unit`, `package`, `percentage`, `dynamic`, and the `matrix` that picks a price by dimensions.

A model turns a `Use` into pieces, exactly and without rounding. `scaled` gives the same model in fractions, with what is stated for a
whole period (tier bounds, flats) scaled to a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

from plans.errors import Invalid
from plans.frozen import frozen
from plans.pricing.arithmetic import blocks, round_quantity, text
from plans.pricing.tiers import Graduated, GraduatedPercentage, Volume
from plans.pricing.values import Piece, Step, UsageEvent

MOST_EVENT_STEPS = 100  # beyond it the rest of the events is one step: an explanation is kept with the charge


@frozen()
class Use:
    """What a model sees: the quantity after transforms and `included` (the total of the amounts for amount models), and the events."""

    quantity: Any
    events: Sequence[UsageEvent] | None
    number: Callable[[Any], Any]  # Decimal -> the kind of number of this calculation
    negative: bool = False  # whether totals below 0 are allowed
    included: Any = 0  # matrix only: units still free, taken from the events in order
    transform: Callable[[Any], Any] | None = None  # matrix only: the quantity transform, on each group's total


def value_of(event: UsageEvent, position: int, *, amounts: bool) -> Decimal:
    """What the event brings to the model: its amount or its quantity. Raises Invalid `missing_field` where it has none."""
    value = event.amount if amounts else event.quantity
    if value is None:
        name = "amount" if amounts else "quantity"
        raise Invalid("missing_field", f"the event has no {name}, which this price needs", at=f"events[{position}].{name}")
    return value


class Price(Protocol):
    """What every model offers."""

    def pieces(self, use: Use) -> list[Piece]: ...

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Any: ...


@dataclass(frozen=True, slots=True)
class Flat:
    """`amount`, whatever the quantity."""

    amount: Any

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Flat:
        return Flat(Fraction(self.amount) * flats)

    def pieces(self, use: Use) -> list[Piece]:
        return [Piece("fee", 1, self.amount, self.amount, ({"step": "flat", "amount": text(self.amount)},))]


@dataclass(frozen=True, slots=True)
class Unit:
    """quantity × amount."""

    amount: Any

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Unit:
        return Unit(Fraction(self.amount))

    def pieces(self, use: Use) -> list[Piece]:
        amount = use.quantity * self.amount
        step = {"step": "unit", "quantity": text(use.quantity), "unit": text(self.amount), "amount": text(amount)}
        return [Piece("usage", use.quantity, self.amount, amount, (step,))]


@dataclass(frozen=True, slots=True)
class Package:
    """quantity / size, rounded as said, × amount."""

    size: Any
    amount: Any
    round: str = "up"

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Package:
        return Package(Fraction(self.size), Fraction(self.amount), self.round)

    def pieces(self, use: Use) -> list[Piece]:
        if self.round == "up":
            packages = blocks(use.quantity, self.size)
        else:
            packages = use.number(round_quantity(Fraction(use.quantity) / Fraction(self.size), self.round))
        amount = packages * self.amount
        step = {"step": "package", "quantity": text(use.quantity), "size": text(self.size), "packages": text(packages)}
        step |= {"unit": text(self.amount), "amount": text(amount)}
        return [Piece("usage", use.quantity, None, amount, (step,))]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The amounts that the events carry, summed, × multiplier."""

    multiplier: Any

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Dynamic:
        return Dynamic(Fraction(self.multiplier))

    def pieces(self, use: Use) -> list[Piece]:
        amount = use.quantity * self.multiplier
        step = {"step": "dynamic", "value": text(use.quantity), "multiplier": text(self.multiplier), "amount": text(amount)}
        return [Piece("usage", use.quantity, None, amount, (step,))]


@dataclass(frozen=True, slots=True)
class Percentage:
    """Per event: amount × rate + fixed, held between the two bounds; `rate` is already divided by 100.

    The first `free_events` events are free, and no more than `free_amount` of value in all; with both, an event is free as long as both
    last. A free event costs 0: no fixed part, no bounds. One that is partly free pays the rate on the rest and its fixed part in full.
    """

    rate: Any
    fixed: Any
    free_events: int | None = None
    free_amount: Any = None
    minimum: Any = None
    maximum: Any = None

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Percentage:
        def exact(value: Any) -> Any:
            return None if value is None else Fraction(value)

        return Percentage(
            Fraction(self.rate), Fraction(self.fixed), self.free_events, exact(self.free_amount), exact(self.minimum), exact(self.maximum)
        )

    def pieces(self, use: Use) -> list[Piece]:
        zero: Any = use.number(Decimal(0))
        explained = running = total = zero
        steps: list[Step] = []
        for position, event in enumerate(use.events or ()):
            value = use.number(value_of(event, position, amounts=True))
            charged = self._charged(position, running, running + value)
            amount = zero if charged is None else self._hold(charged * self.rate + self.fixed)
            running += value
            total += amount
            if position < MOST_EVENT_STEPS:
                steps.append(self._step(position, value, charged, amount))
                explained = total
        more = len(use.events or ()) - MOST_EVENT_STEPS
        if more > 0:
            steps.append({"step": "more_events", "events": str(more), "amount": text(total - explained)})
        return [Piece("usage", use.quantity, None, total, tuple(steps))]

    def _charged(self, position: int, before: Any, after: Any) -> Any:
        """The value of the event that pays the rate, given the running totals before and after it; None: wholly free."""
        if self.free_events is None and self.free_amount is None:
            return after - before
        if self.free_events is not None and position >= self.free_events:
            return after - before
        if self.free_amount is None:
            return None
        if before <= self.free_amount and after <= self.free_amount:
            return None
        return max(after - self.free_amount, 0) - max(before - self.free_amount, 0)

    def _hold(self, amount: Any) -> Any:
        if self.minimum is not None and amount < self.minimum:
            return self.minimum
        if self.maximum is not None and amount > self.maximum:
            return self.maximum
        return amount

    def _step(self, position: int, value: Any, charged: Any, amount: Any) -> Step:
        step = {"step": "event", "event": str(position + 1), "value": text(value)}
        if charged is None:
            return step | {"free": text(value), "amount": "0"}
        if charged != value:
            step["free"] = text(value - charged)
        step["rate"] = text(self.rate * 100)
        if self.fixed:
            step["fixed"] = text(self.fixed)
        return step | {"amount": text(amount)}


@dataclass(frozen=True, slots=True)
class Cell:
    """A price for the events whose dimensions have the values of `when`; a dimension not named there matches anything."""

    when: Mapping[str, str | None]
    price: Price


@dataclass(frozen=True, slots=True)
class Matrix:
    """Events grouped by the values of `by`; each group priced alone, on its own total, by the first cell that matches it."""

    by: tuple[str, ...]
    cells: tuple[Cell, ...]
    otherwise: Price | None
    amounts: bool  # whether the cells price amounts (an amount model) rather than quantities
    at: str = field(default="", compare=False)

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Matrix:
        cells = tuple(Cell(cell.when, cell.price.scaled(bounds=bounds, flats=flats)) for cell in self.cells)
        otherwise = None if self.otherwise is None else self.otherwise.scaled(bounds=bounds, flats=flats)
        return replace(self, cells=cells, otherwise=otherwise)

    def pieces(self, use: Use) -> list[Piece]:
        return [self._group(values, events, free, use) for values, (events, free) in self._groups(use).items()]

    def _groups(self, use: Use) -> dict[tuple[str | None, ...], tuple[list[UsageEvent], Any]]:
        """The events by the values of `by`, in order of first appearance, with the units of `included` that each group took."""
        groups: dict[tuple[str | None, ...], tuple[list[UsageEvent], Any]] = {}
        left = use.included
        for position, event in enumerate(use.events or ()):
            values = tuple(event.dimensions.get(name) for name in self.by)
            events, free = groups.get(values, ([], 0))
            value = use.number(value_of(event, position, amounts=self.amounts))
            taken = min(left, max(value, 0)) if left else 0
            left -= taken
            events.append(event)
            groups[values] = (events, free + taken)
        return groups

    def _group(self, values: tuple[str | None, ...], events: list[UsageEvent], free: Any, use: Use) -> Piece:
        names = dict(zip(self.by, values, strict=True))
        label = ", ".join(f"{name}={'null' if value is None else value}" for name, value in names.items())
        price = self._price(names, label)
        total = sum(use.number(value_of(event, 0, amounts=self.amounts)) for event in events)
        if use.transform is not None:
            total = use.transform(total)
        if total < 0 and not use.negative:
            raise Invalid("negative", f"the total of {label} is {text(total)}; expected 0 or more, or `negative: allowed`", at="events")
        inner = price.pieces(Use(total - free, events, use.number, use.negative))
        amount = sum(piece.amount for piece in inner)
        head: Step = {"step": "cell", "cell": label, "quantity": text(total), "amount": text(amount)}
        if free:
            head["included"] = text(free)
        unit = inner[0].unit_price if len(inner) == 1 else None
        return Piece(f"cell:{label}", total - free, unit, amount, (head, *(step for piece in inner for step in piece.steps)))

    def _price(self, names: Mapping[str, str | None], label: str) -> Price:
        for cell in self.cells:
            if all(names[name] == value for name, value in cell.when.items()):
                return cell.price
        if self.otherwise is None:
            raise Invalid("no_cell", f"no cell for {label}, and no `otherwise`", at=f"{self.at}.cells")
        return self.otherwise


AnyPrice: TypeAlias = Flat | Unit | Package | Dynamic | Percentage | Matrix | Graduated | GraduatedPercentage | Volume


def carries_amounts(price: Any) -> bool:
    """Whether the model prices the amounts that events carry rather than a quantity."""
    if isinstance(price, Matrix):
        return price.amounts
    if isinstance(price, Volume):
        return any(carries_amounts(tier.price) for tier in price.tiers if tier.price is not None)
    return isinstance(price, Percentage | Dynamic | GraduatedPercentage)
