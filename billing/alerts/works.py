"""When use arrives, the alerts of its account are looked at: at the moment of the arrival, before it is forgotten what arrived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing.alerts.reaching import reached
from billing.journal import Draft, Head
from billing.loading import policy as rules
from billing.models import UsageAlert
from billing.state import AccountState
from billing.terms import Policy
from billing.works import RENEWING, Work

FACT = "usage_alerts"


class Alerts(Work):
    """The first of its moment: what closes a period at the same moment takes the arrival with it."""

    rank = RENEWING
    holders = "SELECT DISTINCT account FROM read_usage_alert WHERE account = ANY(%(accounts)s)"
    looks_at = frozenset[str]()
    what = "an alert on usage is looked at"

    def load(self, states: Mapping[str, AccountState]) -> None:
        """Measured only where use has arrived since."""
        arrived = {account: min(mark.arrived_at for mark in state.marks) for account, state in states.items() if state.marks}
        alerts: dict[str, list[UsageAlert]] = {}
        for alert in UsageAlert.objects.filter(account__in=list(arrived)).order_by("account", "set_at", "alert"):
            alerts.setdefault(alert.account, []).append(alert)
        found = reached(alerts, states, rules(), at=arrived) if alerts else {}
        for account, state in states.items():
            state.facts[FACT] = (arrived.get(account), found.get(account, []))

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        moment, said = state.facts.get(FACT, (None, []))
        return moment if said else None

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy, heads
        found: dict[str, list[Draft]] = {}
        for account, moment in moments.items():
            _, said = states[account].facts.pop(FACT)
            found[account] = [Draft(account, event, moment) for event in said]
        return found


alerts: Any = Alerts()
