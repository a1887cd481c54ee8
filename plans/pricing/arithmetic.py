"""Exact arithmetic shared by the price models: one context, one rounding of quantities, one way to write a number in a step.

A calculation uses either Decimal throughout (fast, and exact in `EXACT`) or Fraction throughout (where a share or a division has no
finite decimal form). The models are written for both; `int` 0 mixes with either.
"""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from typing import Any, cast

from plans.money import Exact, Rounding, plain, round_to

# Wide enough that products and sums of 30-digit numbers never lose a digit; if one ever did, it raises instead.
EXACT = Context(prec=5000, Emax=999_999, Emin=-999_999, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

QUANTITY_ROUNDS = ("none", "up", "down", "nearest", "half_up", "half_even")


def text(value: Exact) -> str:
    """A number in a step: plain notation, no trailing zeros, `a/b` where there is no finite decimal form."""
    if type(value) is Decimal:  # (isinstance is slow where it fails: Fraction and Decimal are registered abstract numbers)
        if not value:
            return "0"
        written = format(value, "f")
        return written.rstrip("0").rstrip(".") if "." in written else written
    return str(value) if isinstance(value, int) else plain(value)


def round_quantity(value: Exact, rule: str, places: int = 0) -> Exact:
    """`value` rounded to `places` decimals; `up` and `nearest` go away from zero; `none` leaves it."""
    if rule == "none":
        return value
    rounded = round_to(value, places, cast(Rounding, "half_up" if rule == "nearest" else rule))
    return Fraction(rounded) if isinstance(value, Fraction) else rounded


def blocks(quantity: Any, size: Any) -> Any:
    """How many blocks of `size` are started (0 blocks at 0); a negative quantity mirrors the positive one. In the type of `quantity`."""
    whole, rest = divmod(abs(quantity), size)
    if rest:
        whole += 1
    if quantity < 0:
        whole = -whole
    return whole if isinstance(quantity, Decimal) else Fraction(whole)
