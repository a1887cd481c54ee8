"""Collection by the clockwork: what falls due is collected from the default method, once. What is declined is dunning's to try again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from billing import bulk
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.terms import Policy
from billing.works import COLLECTION
from payments.collecting import Charged, Collectable, collectable, default_methods, request
from plans.periods import day_start

FACT = "collecting"


@dataclass(frozen=True)
class Collecting:
    """What can be collected of an account, by which method, since when; `mode` is empty where the account never said."""

    charged: Charged
    since: datetime
    mode: str
    parts: list[Collectable]


class CollectionWork:
    """Each document that falls due and was never collected; those of one moment and currency in one sum."""

    rank = COLLECTION

    def asks_outside(self) -> bool:
        """Somebody can be collected from, so what follows depends on what the gateway says."""
        return bool(bulk.fetch("SELECT 1 FROM read_payment_method WHERE is_default LIMIT 1"))

    def load(self, states: Mapping[str, AccountState]) -> None:
        methods = default_methods(list(states))
        if not methods:
            return
        statement = """
            SELECT m.account, greatest(m.default_since, c.since), coalesce(c.mode, '')
            FROM read_payment_method m LEFT JOIN read_collection_mode c USING (account) WHERE m.account = ANY(%s) AND m.is_default"""
        open_parts = collectable(list(methods))
        for account, since, mode in bulk.fetch(statement, [list(methods)]):
            states[account].facts[FACT] = Collecting(methods[account], since, mode, open_parts.get(account, []))

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        return min((moment for _, moment in _due(state, policy)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        return {account: _requests(states[account], policy, moment, heads[account]) for account, moment in moments.items()}


def _due(state: AccountState, policy: Policy) -> list[tuple[Collectable, datetime]]:
    """What is to be collected by itself, and from when on. Nothing of an account that is parked or closed."""
    facts: Collecting | None = state.facts.get(FACT)
    if facts is None or state.status != "open" or (facts.mode or _policy_mode(state, policy)) != "automatic":
        return []
    never = [part for part in facts.parts if not part.attempts and part.due is not None]
    return [(part, max(day_start(part.due, state.zone), facts.since)) for part in never if part.due is not None]


def _policy_mode(state: AccountState, policy: Policy) -> str:
    """What the catalogue of the newest contract says."""
    for contract in reversed(state.contracts.values()):
        terms = contract.timeline[-1].terms
        return policy.catalogue(terms.catalogue, terms.version).collection
    return "manual"


def _requests(state: AccountState, policy: Policy, moment: datetime, head: Head) -> list[Draft]:
    by_currency: dict[str, list[Collectable]] = {}
    for part, due in _due(state, policy):
        if due <= moment:
            by_currency.setdefault(part.currency, []).append(part)
    charged = state.facts[FACT].charged
    return [
        Draft(
            state.account,
            request(state.account, f"{state.account}/{head.sequence + number}", parts, charged, trigger="due"),
            moment,
        )
        for number, parts in enumerate(by_currency.values(), start=1)
    ]


collecting = CollectionWork()
