"""When a bad debt takes its tax back: conditions of the law of a place, all at once, as the policy of the house repeats them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from plans.money import plain


@dataclass(frozen=True)
class Relief:
    """`most`: in the currency of the policy; `days`: overdue for more than so many."""

    most: Decimal | None = None
    days: int = 0
    notified: bool = False  # the debtor was told
    service_off: bool = False  # nothing is supplied any more


@dataclass(frozen=True)
class Debt:
    amount: Decimal
    days: int  # since the due date
    notified: bool
    service_off: bool


def unmet(rule: Relief, debt: Debt) -> Iterator[str]:
    """What is missing, in words; nothing where the tax may be taken back."""
    if rule.most is not None and debt.amount > rule.most:
        yield f"{plain(debt.amount)} is more than {plain(rule.most)}"
    if debt.days <= rule.days:
        yield f"needs more than {rule.days} days overdue, not {debt.days}"
    if rule.notified and not debt.notified:
        yield "the debtor was not told"
    if rule.service_off and not debt.service_off:
        yield "the service is still on"
