"""What stands beside a price: transforms and allowances of the quantity, and what is done to the amount afterwards.

The order is always: each event → `event_transform` → aggregate → `quantity_transform` → `at_least` → less `included` → model →
`per_event` → `discount` → `maximum` → `commitment` → `minimum` (only when closed) → rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from plans.money import Rounding
from plans.pricing.arithmetic import round_quantity, text
from plans.pricing.models import AnyPrice
from plans.pricing.values import Step

WindowLength = Literal["hour", "day", "week", "month"]


@dataclass(frozen=True, slots=True)
class EventTransform:
    """Each event's quantity raised to `minimum`, then to whole multiples of `step`. A correction (below 0) mirrors what it corrects."""

    minimum: Decimal = Decimal(0)
    step: Decimal | None = None
    round: str = "up"

    def __call__(self, quantity: Decimal) -> Decimal:
        size = max(abs(quantity), self.minimum)
        if self.step is not None and self.round != "none":
            steps = round_quantity(Fraction(size) / Fraction(self.step), self.round)
            size = Decimal(int(steps)) * self.step
        return -size if quantity < 0 else size


@dataclass(frozen=True, slots=True)
class QuantityTransform:
    """The cumulative quantity in another unit: × `factor` (a fraction for `divide_by`), rounded as said."""

    factor: Fraction
    round: str = "none"
    decimals: int = 0

    def __call__(self, quantity: Any) -> Fraction:
        return Fraction(round_quantity(Fraction(quantity) * self.factor, self.round, self.decimals))


@dataclass(frozen=True, slots=True)
class Commitment:
    """Value up to `amount` as priced, the rest × `overage_factor`; with `true_up` raised to `amount` when closed."""

    amount: Decimal
    overage_factor: Decimal = Decimal(1)
    true_up: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """The wrappers of one level: of each window, or of the period. `discount` is already divided by 100."""

    quantity_transform: QuantityTransform | None = None
    at_least: Decimal | None = None
    included: Decimal | None = None
    per_event: Decimal | None = None
    discount: Decimal | None = None
    maximum: Decimal | None = None
    commitment: Commitment | None = None
    minimum: Decimal | None = None


PLAIN = Beside()  # nothing beside the price


@dataclass(frozen=True, slots=True)
class Window:
    """Each window of this length is priced alone with `beside`, then summed; what stands beside the price is the period's."""

    every: WindowLength
    beside: Beside


@dataclass(frozen=True, slots=True)
class Choice:
    """One band of `choose`: the price for a deciding quantity up to and including `up_to` (None: and above)."""

    up_to: Decimal | None
    price: AnyPrice


@dataclass(frozen=True, slots=True)
class Choose:
    """Another quantity picks the price. `by` is its name; `quantity` is the period's own."""

    by: str
    tiers: tuple[Choice, ...]
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pricing:
    """A price with everything beside it, parsed once. Exactly one of `price` and `choose` is there.

    `amounts`: it prices the amounts of events rather than a quantity. `fractions`: its arithmetic can leave the decimals.
    """

    currency: str
    places: int
    price: AnyPrice | None
    choose: Choose | None = None
    beside: Beside = PLAIN
    event_transform: EventTransform | None = None
    window: Window | None = None
    per_days: Decimal | None = None
    rounding: Rounding = "half_up"
    negative: bool = False
    lines_by_tier: bool = False
    amounts: bool = False
    needs_events: bool = False
    fractions: bool = False
    at: str = field(default="", compare=False)


class Adjustment(NamedTuple):
    """A change of the amount by one wrapper."""

    component: str
    amount: Any
    step: Step


class Factors(NamedTuple):
    """What the parts of a price are multiplied by for the share of a period that is priced."""

    flat: Fraction = Fraction(1)
    included: Fraction = Fraction(1)
    minimum: Fraction = Fraction(1)
    maximum: Fraction = Fraction(1)
    tiers: Fraction = Fraction(1)
    commitment: Fraction = Fraction(1)
    amount: Fraction = Fraction(1)


class Circumstances(NamedTuple):
    """What the wrappers must know besides the amount.

    `number` brings a stated Decimal into this calculation's arithmetic; `keep` rounds each change (the identity unless lines are rounded).
    """

    events: int
    closed: bool
    number: Callable[[Any], Any]
    factors: Factors
    keep: Callable[[Any], Any]


def adjustments(beside: Beside, total: Any, around: Circumstances) -> list[Adjustment]:
    """What the wrappers after the model change, in their order, each seeing the total that the ones before left."""
    found: list[Adjustment] = []
    if beside is PLAIN:
        return found
    number, factors = around.number, around.factors

    def change(component: str, amount: Any, **facts: str) -> None:
        nonlocal total
        amount = around.keep(amount)
        total += amount
        if amount:
            found.append(Adjustment(component, amount, {"step": component, **facts, "amount": text(amount)}))

    if beside.per_event is not None:
        change("per_event", number(beside.per_event) * around.events, events=str(around.events), unit=text(beside.per_event))
    if beside.discount is not None:
        change("discount", -total * number(beside.discount), percent=text(beside.discount * 100))
    if beside.maximum is not None:
        maximum = _scaled(beside.maximum, factors.maximum, number)
        change("maximum", min(maximum - total, 0), maximum=text(maximum))
    if beside.commitment is not None:
        committed = _scaled(beside.commitment.amount, factors.commitment, number)
        factor = number(beside.commitment.overage_factor)
        change("overage", max(total - committed, 0) * (factor - 1), commitment=text(committed), factor=text(factor))
        if beside.commitment.true_up and around.closed:
            change("true_up", max(committed - total, 0), commitment=text(committed))
    if beside.minimum is not None and around.closed:
        minimum = _scaled(beside.minimum, factors.minimum, number)
        change("minimum", max(minimum - total, 0), minimum=text(minimum))
    return found


def _scaled(value: Decimal, factor: Fraction, number: Callable[[Any], Any]) -> Any:
    return number(value) if factor == 1 else Fraction(value) * factor
