"""Pure: the instalments of a payment plan.

    none      principal ÷ count, rounded; the last carries what rounding left
    flat      the same, and in each period interest = round(principal × rate/100)
    french    instalment = round(P × r / (1 − (1 + r)^−n)); interest = round(what is left × r), the rest of it is principal; the last pays
              what is left

A down payment comes first and bears no interest. Rates are percent for each period. Amounts have the decimals of the currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.due import DuePart
from plans.errors import Invalid
from plans.money import round_money

ZERO = Decimal(0)


@dataclass(frozen=True)
class Part:
    """One instalment. Its interest is for the days from `start` until it is due."""

    start: date
    due: date
    principal: Decimal
    interest: Decimal

    @property
    def amount(self) -> Decimal:
        return self.principal + self.interest


def parts_of(principal: Decimal, currency: str, *, dues: Sequence[date], start: date, method: str, rate: Decimal) -> list[Part]:
    """The instalments of the principal on these days. Raises Invalid `out_of_range` where it is too small to be divided."""
    amounts = _french(principal, currency, len(dues), rate) if method == "french" else _equal(principal, currency, len(dues))
    flat = round_money(Fraction(principal) * Fraction(rate) / 100, currency) if method == "flat" else ZERO
    if any(share <= 0 for share, _ in amounts):
        raise Invalid("out_of_range", f"{principal} {currency} is too little for {len(dues)} instalments", at="count")
    starts = [start, *dues]
    return [
        Part(first, due, share, interest if method == "french" else flat)
        for first, due, (share, interest) in zip(starts, dues, amounts, strict=False)
    ]


def _equal(principal: Decimal, currency: str, count: int) -> list[tuple[Decimal, Decimal]]:
    share = round_money(Fraction(principal) / count, currency)
    return [(share, ZERO)] * (count - 1) + [(principal - share * (count - 1), ZERO)]


def _french(principal: Decimal, currency: str, count: int, rate: Decimal) -> list[tuple[Decimal, Decimal]]:
    """(principal, interest) of each instalment."""
    by_period = Fraction(rate) / 100
    instalment = round_money(Fraction(principal) * by_period / (1 - (1 + by_period) ** -count), currency)
    left, found = principal, []
    for number in range(count):
        interest = round_money(Fraction(left) * by_period, currency)
        share = left if number == count - 1 else instalment - interest
        found.append((share, interest))
        left -= share
    return found


def interest_until(part: Part, currency: str, until: date) -> Decimal:
    """What of the part's interest is due by the day: all of it once its day has come, before that by the days that passed."""
    if until >= part.due:
        return part.interest
    passed, days = (until - part.start).days, (part.due - part.start).days
    return round_money(Fraction(part.interest) * Fraction(max(0, passed), days), currency)


def over_documents(parts: Sequence[Part], documents: Sequence[tuple[str, Decimal]]) -> Mapping[str, tuple[DuePart, ...]]:
    """The principal of the instalments over the documents, in their order: document → its due dates. `documents` are (id, open amount)."""
    found: dict[str, tuple[DuePart, ...]] = {}
    pending = [(part.due, part.principal) for part in parts]
    for invoice, amount in documents:
        left = amount
        while left > 0:
            due, share = pending.pop(0)
            taken = min(share, left)
            found[invoice] = (*found.get(invoice, ()), DuePart(due, taken))
            left -= taken
            if share > taken:
                pending.insert(0, (due, share - taken))
    return found
