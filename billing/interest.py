"""Pure: the interest that a deposit is owed, as a target like any other."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from billing.accrual import TargetLine, target_line
from billing.state import Contract, PeriodRow
from billing.terms import Segment
from plans.catalogue import Interest
from plans.money import plain, round_money
from plans.periods import local_date, year_fraction


def interest_target(
    contract: Contract, earlier: Sequence[PeriodRow], period: PeriodRow, found: Sequence[Segment], zone: str
) -> list[TargetLine]:
    """Interest of one period: `principal × rate/100 × year fraction`, by local dates. With `capitalise` the principal of a later period
    holds the rounded interest of the earlier ones, computed again from the first: so a changed rate moves all of them."""
    lines = []
    for segment in found:
        interest = segment.item.interest
        if interest is None or segment.item_terms.principal is None:
            continue
        principal = segment.item_terms.principal
        for row in earlier if interest.capitalise else ():
            principal += _interest(contract, interest, segment, row, principal, zone)[0]
        amount, step = _interest(
            contract, interest, segment, PeriodRow(**{**vars(period), "start": segment.start, "end": segment.end}), principal, zone
        )
        lines.append(target_line(contract, segment, period, "interest", amount, quantity=Decimal(1), steps=(step,)))
    return lines


def _interest(
    contract: Contract, interest: Interest, segment: Segment, period: PeriodRow, principal: Decimal, zone: str
) -> tuple[Decimal, dict[str, str]]:
    start, end = local_date(period.start, zone), local_date(min(period.end, contract.end or period.end), zone)
    percent = interest.rate
    if contract.ended_early:
        held = (local_date(contract.end or period.end, zone) - local_date(contract.start, zone)).days
        percent = Decimal(0) if held < interest.minimum_days else (interest.rate if interest.early_rate is None else interest.early_rate)
    fraction = year_fraction(start, end, interest.day_count)
    amount = round_money(Fraction(principal) * Fraction(percent) / 100 * fraction, contract.currency, segment.rounding)
    step = {
        "step": "interest",
        "principal": plain(principal),
        "rate": plain(percent),
        "day_count": interest.day_count,
        "days": str((end - start).days),
        "amount": format(amount, "f"),
    }
    return amount, step
