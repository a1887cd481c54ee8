"""Pure: what people decided stays. RULES 7: no tick undoes an adjustment, and no automatic credit brings a line below what people left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from billing.accrual import TargetLine
from billing.differences import Difference
from billing.events import Key
from billing.state import AccountState, PeriodRow

ZERO = Decimal(0)


def respected(found: Sequence[Difference], row: PeriodRow, state: AccountState) -> list[Difference]:
    """The differences of one period, none of them below what credit notes by hand, forgiving voids and adjustments left."""
    kept = _above_notes(found, state) if state.taken_back else list(found)
    return _above_adjustments(kept, row, state) if state.adjusted else kept


def overridden(lines: Sequence[TargetLine], state: AccountState) -> list[TargetLine]:
    """The lines of a target with what people put in place of what was counted (RULES 18)."""
    return [_changed(line, state) for line in lines] if state.overrides else list(lines)


def _changed(line: TargetLine, state: AccountState) -> TargetLine:
    override = state.overrides.get(_name(line.key))
    if override is None:
        return line
    told = {"step": "override", "counted": format(line.amount, "f"), "amount": format(override.amount, "f")}
    told |= {"reason": override.reason, "event": override.event}
    steps = (*line.steps, told)
    return replace(line, amount=override.amount, quantity=override.quantity, unit_price=override.unit_price, steps=steps)


def _name(key: Key) -> tuple[str, str, str, datetime, str]:
    return key.contract, key.item, key.terms, key.period_start, key.component


def _above_notes(found: Sequence[Difference], state: AccountState) -> list[Difference]:
    """What was taken back of a line by hand can't be taken back again: at least that much of it stays charged."""
    kept = []
    for difference in found:
        taken = state.taken_back.get(_name(difference.key), ZERO)
        amount = difference.amount
        stands = difference.target - amount
        if taken and (amount < 0) is (taken > 0):
            amount = max(amount, min(ZERO, taken - stands)) if taken > 0 else min(amount, max(ZERO, taken - stands))
        if amount == difference.amount:
            kept.append(difference)
        elif amount:
            kept.append(replace(difference, amount=amount, target=stands + amount))
    return kept


def _above_adjustments(found: list[Difference], row: PeriodRow, state: AccountState) -> list[Difference]:
    """What adjustments left of all that a period of an item cost."""
    period = row.contract, row.item, row.start
    adjusted = state.adjusted.get((row.contract, row.item), ())
    credited = sum((amount for at, amount in adjusted if amount < 0 and row.start <= at < row.full_end), ZERO)
    stands = sum((amount for key, amount in state.standing.items() if (key[0], key[1], key[3]) == period), ZERO)
    room = stands + credited
    below = -(room + sum((difference.amount for difference in found), ZERO))
    if not credited or below <= 0:
        return found
    kept = []
    for difference in found:
        back = min(below, -difference.amount) if difference.amount < 0 else ZERO
        below -= back
        if back != -difference.amount or not back:
            kept.append(replace(difference, amount=difference.amount + back, target=difference.target + back))
    return kept
