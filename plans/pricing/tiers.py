"""Prices by tiers: `graduated`, `volume` and `graduated_percentage`.

`up_to` is inclusive. graduated: each part of the quantity at the price of the tier it falls in, plus the flat of every tier reached.
volume: all of the quantity at the price of the one tier it falls in, plus that tier's flat. The first tier's flat is due at quantity 0
too, unless the price says `zero: free`. A tier with `size` is sold in started blocks, `unit` being the price of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

from plans.errors import Invalid
from plans.money import Exact
from plans.pricing.arithmetic import blocks, text
from plans.pricing.values import Piece, Step


class Bounded(Protocol):
    """Anything with an upper bound: a tier, or a choice among prices."""

    @property
    def up_to(self) -> Exact | None: ...


@dataclass(frozen=True, slots=True)
class Tier:
    """`up_to` None: and above. `unit` is per unit, per block of `size`, or the rate divided by 100. `price` (volume only) replaces both."""

    up_to: Exact | None
    unit: Any
    flat: Any
    size: Any = None
    price: Any = None

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> Tier:
        """The tier in fractions, its bound and its flat scaled; unit prices and block sizes as they are."""
        return Tier(
            up_to=None if self.up_to is None else Fraction(self.up_to) * bounds,
            unit=Fraction(self.unit),
            flat=Fraction(self.flat) * flats,
            size=None if self.size is None else Fraction(self.size),
            price=None if self.price is None else self.price.scaled(bounds=bounds, flats=flats),
        )


@dataclass(frozen=True, slots=True)
class TierTable:
    """What the three tiered models share."""

    tiers: tuple[Tier, ...]
    zero_free: bool = False
    at: str = field(default="", compare=False)
    passed: dict[int, Piece] = field(default_factory=dict, init=False, compare=False, repr=False)  # of each tier that was ever passed

    percent = False  # whether `unit` is a rate

    def scaled(self, *, bounds: Fraction, flats: Fraction) -> TierTable:
        return replace(self, tiers=tuple(tier.scaled(bounds=bounds, flats=flats) for tier in self.tiers))

    def beyond(self, quantity: Exact) -> Invalid:
        """The refusal of a quantity above a last tier that has a bound."""
        last = self.tiers[-1].up_to
        return Invalid("out_of_range", f"{text(quantity)} is above the last tier, which ends at {text(last or 0)}", at=f"{self.at}.tiers")

    def step(self, number: int, lower: Exact, tier: Tier, part: Exact, amount: Exact) -> Step:
        step = {"step": "tier", "tier": str(number), "from": text(lower), "up_to": "" if tier.up_to is None else text(tier.up_to)}
        step["quantity"] = text(part)
        if tier.size is not None:
            step["size"] = text(tier.size)
            step["blocks"] = text(blocks(part, tier.size))
        if self.percent:
            step["rate"] = text(tier.unit * 100)
        else:
            step["unit"] = text(tier.unit)
        if tier.flat:
            step["flat"] = text(tier.flat)
        step["amount"] = text(amount)
        return step


def find(bounded: Sequence[Bounded], quantity: Any) -> int | None:
    """The position of the first one whose inclusive bound holds `quantity`; None above them all."""
    for position, one in enumerate(bounded):
        if one.up_to is None or quantity <= one.up_to:
            return position
    return None


@dataclass(frozen=True, slots=True)
class Graduated(TierTable):
    """Each part of the quantity at the unit price of its own tier."""

    def pieces(self, use: Any) -> list[Piece]:
        quantity = use.quantity
        if self.zero_free and not quantity:
            return []
        lower: Any = 0
        for number, tier in enumerate(self.tiers, 1):
            up_to = tier.up_to
            if up_to is None or quantity <= up_to:
                return [*(self.passed[before] for before in range(1, number)), self.piece(number, lower, tier, quantity - lower)]
            if number not in self.passed:
                self.passed[number] = self.piece(number, lower, tier, up_to - lower)  # the same for whoever passes it
            lower = up_to
        raise self.beyond(quantity)

    def piece(self, number: int, lower: Exact, tier: Tier, part: Any) -> Piece:
        """So much of the quantity, in this tier."""
        sold = part if tier.size is None else blocks(part, tier.size)
        amount = sold * tier.unit + tier.flat
        return Piece(f"tier:{number}", part, tier.unit, amount, (self.step(number, lower, tier, part, amount),))


@dataclass(frozen=True, slots=True)
class GraduatedPercentage(Graduated):
    """Graduated over the total of the amounts that the events carry, a percent rate for the part in each tier."""

    percent = True


@dataclass(frozen=True, slots=True)
class Volume(TierTable):
    """All of the quantity at the price of the one tier it falls in."""

    def pieces(self, use: Any) -> list[Piece]:
        quantity = use.quantity
        if self.zero_free and not quantity:
            return []
        position = find(self.tiers, quantity)
        if position is None:
            raise self.beyond(quantity)
        tier, number = self.tiers[position], position + 1
        lower: Any = (self.tiers[position - 1].up_to or 0) if position else 0
        if tier.price is not None:
            inner = tier.price.pieces(use)
            head: Step = {"step": "tier", "tier": str(number), "from": text(lower), "up_to": "" if tier.up_to is None else text(tier.up_to)}
            steps = (head, *(step for piece in inner for step in piece.steps))
            return [Piece(f"tier:{number}", quantity, None, sum(piece.amount for piece in inner), steps)]
        sold = quantity if tier.size is None else blocks(quantity, tier.size)
        amount = sold * tier.unit + tier.flat
        return [Piece(f"tier:{number}", quantity, tier.unit, amount, (self.step(number, lower, tier, quantity, amount),))]
