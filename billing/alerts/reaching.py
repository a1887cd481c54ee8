"""Which alerts a use has reached: measured and priced by the very functions that will charge it, over all that has arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from billing.accrual import decimal_of
from billing.counting import count
from billing.events import ChargeAccrued
from billing.events.alerts import UsageAlertReached
from billing.measuring import measure_steps
from billing.models import UsageAlert
from billing.schedule import Step
from billing.state import AccountState, PeriodRow
from billing.terms import Policy, item_of
from plans.errors import Refusal

ZERO = Decimal(0)
MINIMUM = "minimum"
#: Aggregates whose value so far means something before the period ends.
GROWING = ("count", "sum", "max", "unique", "register")


@dataclass(frozen=True)
class SoFar:
    """The use of one item in its running period, and what it comes to before tax; a minimum is no use."""

    row: PeriodRow
    quantity: Decimal
    amount: Decimal


def reached(
    alerts: Mapping[str, Sequence[UsageAlert]], states: Mapping[str, AccountState], policy: Policy, *, at: Mapping[str, datetime]
) -> dict[str, list[UsageAlertReached]]:
    """account → what its alerts have to say at the moment that `at` gives for it: each once for a period, and none of an account whose
    use can't be counted now (the clockwork says why)."""
    rows = {account: _rows(alerts[account], states[account], at[account]) for account in alerts}
    steps = {account: Step(at[account], recount=found) for account, found in rows.items() if found}
    measured = measure_steps(steps, states, policy, totals=True) if steps else {}
    answer: dict[str, list[UsageAlertReached]] = {}
    for account, step in steps.items():
        state, usage = states[account], measured.get(account, {})
        try:
            charges = [event for event in count(step, state, policy, usage) if isinstance(event, ChargeAccrued)]
        except Refusal:
            continue
        sums = {(row.contract, row.item): _so_far(row, state, usage, charges) for row in step.recount}
        answer[account] = [
            _said(alert, sums[alert.contract, alert.item], state, policy)
            for alert in alerts[account]
            if (alert.contract, alert.item) in sums and _is_reached(alert, sums[alert.contract, alert.item])
        ]
    return {account: said for account, said in answer.items() if said}


def _rows(alerts: Sequence[UsageAlert], state: AccountState, at: datetime) -> list[PeriodRow]:
    """The running periods that an alert looks at, as if they closed with what is known."""
    wanted = {(alert.contract, alert.item) for alert in alerts}
    return [
        replace(row, closed=True)
        for row in state.periods
        if (row.contract, row.item) in wanted and not row.closed and row.start <= at < row.end
    ]


def _so_far(
    row: PeriodRow, state: AccountState, usage: Mapping[tuple[str, str, datetime], object], charges: Sequence[ChargeAccrued]
) -> SoFar:
    found = usage.get((row.contract, row.item, row.start))
    parts = getattr(found, "measured", {}).values()
    quantity = sum((decimal_of(part.quantity) for part in parts), ZERO)
    stands = sum(
        (
            amount
            for (contract, item, _, start, component), amount in state.standing.items()
            if (contract, item, start) == (row.contract, row.item, row.start) and component != MINIMUM
        ),
        ZERO,
    )
    moved = sum(
        (
            one.amount
            for one in charges
            if (one.key.contract, one.key.item, one.key.period_start) == (row.contract, row.item, row.start)
            and one.key.component != MINIMUM
        ),
        ZERO,
    )
    return SoFar(row, quantity, stands + moved)


def _is_reached(alert: UsageAlert, found: SoFar) -> bool:
    value = found.quantity if alert.measure == "units" else found.amount
    return alert.told_for != found.row.start and value >= alert.threshold


def _said(alert: UsageAlert, found: SoFar, state: AccountState, policy: Policy) -> UsageAlertReached:
    contract = state.contracts[alert.contract]
    item = item_of(policy, contract.timeline[-1].terms, alert.item)
    return UsageAlertReached(
        account=state.account,
        alert=alert.alert,
        contract=alert.contract,
        item=alert.item,
        name=item.name if item else alert.item,
        measure=alert.measure,
        threshold=alert.threshold.normalize(),
        quantity=found.quantity,
        unit=item.unit if item else "",
        amount=found.amount,
        currency=contract.currency,
        start=found.row.start,
        end=found.row.end,
    )
