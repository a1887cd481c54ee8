"""What is there of an item at one place, and what a movement makes of it. Pure: no clock, no database.

Goods are worth their moving average: what comes in adds its cost, what goes out takes its share of the worth, and the last piece takes
the rest, so that an empty place is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from plans.money import round_money

MAIN = "main"  # the place of goods where nobody names one
ZERO = Decimal(0)
UNIT_COST_DECIMALS = Decimal("0.000001")


@dataclass(frozen=True)
class Level:
    """`level` pieces at `location`, `reserved` of them kept for somebody; `value` is what they cost, in the item's currency."""

    item: str
    location: str = MAIN
    level: Decimal = ZERO
    reserved: Decimal = ZERO
    value: Decimal = ZERO
    unit_cost: Decimal | None = None  # the average of the last goods whose cost was known

    @property
    def free(self) -> Decimal:
        """What can be sold. Negative where a stocktake found less than was reserved."""
        return self.level - self.reserved

    def received(self, quantity: Decimal, cost: Decimal | None, currency: str) -> tuple[Level, Decimal]:
        """After `quantity` came in for `cost` in all (None: at the average), and what they were counted at."""
        worth = round_money((self.unit_cost or ZERO) * quantity, currency) if cost is None else cost
        return self._after(self.level + quantity, self.value + worth), worth

    def taken(self, quantity: Decimal, currency: str) -> tuple[Level, Decimal]:
        """After `quantity` (at most `level`) went out, and their share of the worth."""
        share = self.value if quantity == self.level else round_money(self.value * quantity / self.level, currency)
        return self._after(self.level - quantity, self.value - share), share

    def _after(self, level: Decimal, value: Decimal) -> Level:
        average = (value / level).quantize(UNIT_COST_DECIMALS) if level and value else self.unit_cost
        return replace(self, level=level, value=value, unit_cost=average)


def falls_below(before: Level, after: Level, minimum: Decimal | None) -> bool:
    """Whether the movement took what can be sold below the minimum: once, not again while it stays there."""
    return minimum is not None and after.free < minimum <= before.free
