"""The clockwork's part of payment plans: interest on the day of an instalment, the end of a plan that is paid or not kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from billing.events import ChargeAccrued, DueSchedule, Event, InvoiceIssued
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.terms import Policy
from billing.works import DUNNING, Work, always
from payments.dunning.steps import without_contract
from payments.instalments.events import InstalmentsEnded
from payments.instalments.plans import Plan, interest_events, running
from plans.periods import day_start, local_date

FACT = "instalments"


class Instalments(Work):
    """Payment plans, one after the other."""

    rank = DUNNING
    holders = "SELECT account FROM read_instalment_plan WHERE account = ANY(%(accounts)s) AND status = 'active'"
    looks_at = frozenset({"open_invoices"})
    moved_by: ClassVar = {InvoiceIssued: always, ChargeAccrued: without_contract}

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = running(states)
        for name, state in states.items():
            state.facts[FACT] = found.get(name, [])

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((moment for plan in state.facts[FACT] if (moment := _next(plan, state.zone)) is not None), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del heads
        found = {}
        for account, moment in moments.items():
            state = states[account]
            events: list[Event] = []
            for plan in state.facts[FACT]:
                if _next(plan, state.zone) == moment:
                    events += _due(plan, state, policy, moment)
            found[account] = [Draft(account, event, moment) for event in events]
        return found


def _next(plan: Plan, zone: str) -> datetime | None:
    """The earliest of: all is paid, an instalment with interest is due, an instalment is later than tolerated."""
    if not plan.open:
        return plan.last_moved
    charged = dict(plan.charged)
    moments = [day_start(part.due, zone) for part in plan.parts if part.interest and part.due not in charged]
    breaks = plan.breaks_on()
    if breaks is not None:
        moments.append(max(day_start(breaks, zone), plan.agreed_at))
    return min(moments, default=None)


def _due(plan: Plan, state: AccountState, policy: Policy, moment: datetime) -> list[Event]:
    today, breaks = local_date(moment, state.zone), plan.breaks_on()
    if not plan.open:
        return ended(plan, state, policy, moment, outcome="completed", reason="")
    if breaks is not None and breaks <= today:
        late = min(part.due for part in plan.parts if part.due < today)
        return ended(plan, state, policy, moment, outcome="broken", reason=f"the instalment of {late} or a later one was not paid")
    return interest_events(plan, state, policy, [(part, amount) for part, amount in plan.interest_by(today) if part.due <= today], moment)


def ended(plan: Plan, state: AccountState, policy: Policy, moment: datetime, *, outcome: str, reason: str) -> list[Event]:
    """The end of a plan, and the interest of the time until then."""
    today = local_date(moment, state.zone)
    event = InstalmentsEnded(
        account=plan.account,
        schedules=tuple(DueSchedule(invoice=one, parts=()) for one in plan.divided),
        plan=plan.plan,
        outcome=outcome,
        on=today,
        open=plan.open,
        currency=plan.currency,
        reason=reason,
    )
    return [event, *interest_events(plan, state, policy, plan.interest_by(today), moment)]


instalments = Instalments()
