"""The clockwork's part of dunning: the ladder, account by account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from billing import bulk
from billing.journal import Draft, Head
from billing.loading import policy as stored_policy
from billing.loading import trimmed
from billing.state import AccountState
from billing.terms import Policy
from billing.works import DUNNING
from payments.dunning.cases import Standing, next_up
from payments.dunning.loading import standings
from payments.dunning.policies import Followed
from payments.dunning.steps import LATE_FEE, RECONNECTION, Recording, record

FACT = "dunning"


class Dunning:
    """Due dates, reminders, and what follows where nobody pays."""

    rank = DUNNING

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = standings(states, stored_policy())
        for name, state in states.items():
            state.facts[FACT] = found.get(name)
            state.facts["fees"] = {}
        if found:
            _load_fees({name: states[name] for name in found})

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        known: tuple[Standing, Followed] | None = state.facts[FACT]
        if known is None or state.status != "open":
            return None
        following = next_up(known[0])
        return following.moment if following else None

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        found = {}
        for account, moment in moments.items():
            state = states[account]
            standing, chosen = state.facts[FACT]
            following = next_up(standing)
            assert following is not None
            recording = Recording(state, policy, standing, chosen, moment, heads[account].sequence + 1)
            found[account] = record(following, recording)
        return found


def _load_fees(states: Mapping[str, AccountState]) -> None:
    """What was charged for being late, per key."""
    statement = """
        SELECT account, item, terms, period_start, sum(amount) FROM read_charge
        WHERE account = ANY(%s) AND contract = '' AND item = ANY(%s) AND kind = 'accrual' GROUP BY 1, 2, 3, 4"""
    for account, item, terms, start, amount in bulk.fetch(statement, [list(states), [LATE_FEE, RECONNECTION]]):
        states[account].facts["fees"][item, terms, start] = trimmed(amount)


dunning = Dunning()
