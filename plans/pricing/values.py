"""What goes into a price and what comes out: plain frozen values.

A `Consumption` is what was used in a period; `Rated` is what it costs, with every step explained. Amounts are exact until they are
rounded once; a float never appears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from plans.frozen import frozen
from plans.money import Exact

Step = dict[str, str]


@frozen()
class UsageEvent:
    """One use: a quantity, an amount of money, or both. `at` carries the zone in which windows are cut."""

    quantity: Decimal | None = None
    amount: Decimal | None = None
    dimensions: Mapping[str, str | None] = field(default_factory=dict)
    at: datetime | None = None


@frozen()
class Consumption:
    """What was used in a period, in the order in which it became known.

    `quantity` is the aggregate (for amount models: the sum of the amounts). `events` is None where only the aggregate is known.
    `windows`, where given, are the parts that `window` prices alone, in order; else events are cut by their `at`.
    `choose` holds the other quantities that may pick the price, by name.
    """

    quantity: Decimal | Fraction
    events: tuple[UsageEvent, ...] | None = None
    windows: tuple[Consumption, ...] | None = None
    choose: Mapping[str, Decimal] = field(default_factory=dict)


class Piece(NamedTuple):
    """One part of what a model asks: the whole, a tier, or a cell. `amount` is exact."""

    component: str
    quantity: Exact
    unit_price: Exact | None
    amount: Exact
    steps: tuple[Step, ...]


@frozen()
class RatedLine:
    """One charge line: `amount` is `exact` rounded once to the currency's decimals.

    `component`: `fee` (flat), `usage`, or with `lines: tiers` also `tier:N`, `cell:…` and the adjustments
    `per_event discount maximum overage true_up minimum`.
    """

    component: str
    quantity: Exact
    unit_price: Exact | None
    exact: Fraction
    amount: Decimal
    steps: tuple[Step, ...]


@frozen()
class Rated:
    """The price of a consumption. The lines' amounts add up to `amount`.

    `exact` is the unrounded value after minimum and maximum; `minimum_topup` and `true_up` say how much of it is due to the
    minimum and to the commitment's true-up alone (0 otherwise), so that a caller may give these lines of their own.
    """

    exact: Fraction
    amount: Decimal
    lines: tuple[RatedLine, ...]
    steps: tuple[Step, ...]
    minimum_topup: Fraction = Fraction(0)
    true_up: Fraction = Fraction(0)
