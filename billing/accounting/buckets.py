"""Buckets of ageing, and the allowance for doubtful debts that they ask for. Pure.

`current` up to and on the due day, then `1-30`, `31-60` and so on by the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from plans.money import round_money

BOUNDS = (30, 60, 90, 120)
CURRENT, DISPUTED = "current", "disputed"


def buckets(bounds: Sequence[int] = BOUNDS) -> tuple[str, ...]:
    """`current`, `1-30`, …, `121+`."""
    starts = [1, *(bound + 1 for bound in bounds)]
    return (CURRENT, *(f"{start}-{bound}" for start, bound in zip(starts, bounds, strict=False)), f"{starts[-1]}+")


def bucket_of(due: date | None, day: date, bounds: Sequence[int] = BOUNDS) -> str:
    """Where a document that is due on `due` stands at the end of `day`; one without a due date is due at once and never late."""
    late = 0 if due is None else (day - due).days
    if late <= 0:
        return CURRENT
    return buckets(bounds)[1 + sum(late > bound for bound in bounds)]


def allowance(amounts: Mapping[str, Decimal], percents: Mapping[str, Decimal], currency: str) -> Decimal:
    """What is expected to be lost of the amounts by bucket: the sum of their percents, rounded once, half away from zero. A bucket
    without a percent, and what is disputed, adds nothing."""
    exact = sum((Fraction(amount) * Fraction(percents.get(bucket, Decimal(0))) / 100 for bucket, amount in amounts.items()), Fraction(0))
    return round_money(exact, currency)
