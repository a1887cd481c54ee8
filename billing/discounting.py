"""Pure: what price-level discounts take from the target of a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing.accrual import TargetLine
from billing.state import Contract
from plans.discounts import Discount, discount_steps
from plans.money import plain, round_money


def discount_lines(contract: Contract, lines: Sequence[TargetLine], held: Sequence[tuple[str, Discount]]) -> list[TargetLine]:
    """Price-level discounts: for each line of the period one negative line per discount (attachment, discount), rounded alone. Together
    they never take more than the line; a cap holds for all lines of the period."""
    found: list[TargetLine] = []
    taken: dict[str, Decimal] = {}
    if not held:
        return found
    for line in lines:
        if line.segment.item.wallet:
            continue  # units are no money: there is no price to reduce
        left = line.amount
        capped = [_less_taken(attachment, discount, taken) for attachment, discount in held]
        by_discount = dict(zip(map(id, capped), (attachment for attachment, _ in held), strict=True))
        for step in discount_steps(line.amount, capped):
            attachment = by_discount[id(step.discount)]
            off = -round_money(step.amount, contract.currency, line.segment.rounding)
            off = max(off, -left) if left >= 0 else min(off, -left)
            if not off:
                continue
            left += off
            taken[attachment] = taken.get(attachment, Decimal(0)) + abs(off)
            told = {"step": "discount", "percent": plain(step.discount.percent or 0), "of": plain(step.base), "amount": format(off, "f")}
            key = replace(line.key, component=f"discount:{attachment}:{line.key.component}")
            given: dict[str, Any] = {"name": step.discount.name, "amount": off, "quantity": Decimal(1), "unit_price": "", "steps": (told,)}
            found.append(replace(line, key=key, **given))
    return found


def _less_taken(attachment: str, discount: Discount, taken: Mapping[str, Decimal]) -> Discount:
    if discount.cap is None:
        return replace(discount)
    return replace(discount, cap=discount.cap - taken.get(attachment, Decimal(0)))
