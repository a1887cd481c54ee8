"""Pure: the difference between a target and what stands, per key. Nothing where they agree."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from billing.accrual import Standing, TargetLine
from billing.events import Key
from billing.state import PeriodRow
from plans.frozen import frozen


@frozen()
class Difference:
    """What to append for one key. `line` is None where the key is no longer in the target."""

    key: Key
    amount: Decimal
    target: Decimal
    line: TargetLine | None


def differences(lines: Sequence[TargetLine], standing: Standing, periods: Sequence[PeriodRow], currency: str) -> list[Difference]:
    """`rounded target − Σ recorded`, per key of the evaluated periods; keys that agree are left out. `currency` is that of all of them, or
    the unit of the wallet that pays them."""
    wanted = {line.key: line for line in lines}
    evaluated = {(row.contract, row.item, row.start) for row in periods}
    known = {
        Key(contract=name, item=item, terms=terms, period_start=start, component=component, currency=currency): amount
        for (name, item, terms, start, component), amount in standing.items()
        if (name, item, start) in evaluated
    }
    found = []
    for key, stands in known.items():
        if key not in wanted and stands:
            found.append(Difference(key=key, amount=-stands, target=Decimal(0), line=None))
    for key, line in wanted.items():
        amount = line.amount - known.get(key, Decimal(0))
        if amount or (key not in known and line.key.component == "fee" and not line.amount):
            found.append(Difference(key=key, amount=amount, target=line.amount, line=line))
    return found
