"""Requests that nobody decided, or nobody carried out, end by themselves when their time is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from billing import bulk
from billing.events import RequestExpired
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.terms import Policy
from billing.works import HOLDS, Work

FACT = "requests"


class Expiry(Work):
    rank = HOLDS
    holders = "SELECT account FROM read_request WHERE account = ANY(%(accounts)s) AND status IN ('pending', 'approved')"
    looks_at = frozenset[str]()

    def load(self, states: Mapping[str, AccountState]) -> None:
        for state in states.values():
            state.facts[FACT] = []
        statement = """
            SELECT account, request, expires_at FROM read_request WHERE account = ANY(%s) AND status IN ('pending', 'approved')
            ORDER BY made_at, request"""
        for account, request, expires_at in bulk.fetch(statement, [list(states)]):
            states[account].facts[FACT].append((request, expires_at))

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((expires_at for _, expires_at in state.facts[FACT]), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy, heads
        return {
            account: [
                Draft(account, RequestExpired(account=account, request=request), moment, request)
                for request, expires_at in states[account].facts[FACT]
                if expires_at <= moment
            ]
            for account, moment in moments.items()
        }


expiry = Expiry()
