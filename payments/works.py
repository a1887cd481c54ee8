"""Collection by the clockwork: what falls due is collected from the default method, and what was declined again as the policy says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from billing import bulk
from billing.due import DuePart, fallen_due, unpaid
from billing.events import InvoiceIssued
from billing.journal import Draft, Head
from billing.loading import policy as stored_policy
from billing.queries.money import due_parts
from billing.state import AccountState
from billing.terms import Policy
from billing.works import COLLECTION, Work, always
from payments.collecting import Charged, Collectable, attempts_of, collectable, default_methods, request
from payments.dunning.loading import pauses_of
from payments.dunning.policies import followed
from payments.retrying import Attempt, Planned, Rules, next_attempt
from plans.periods import local_date

FACT = "collecting"


@dataclass(frozen=True)
class Open:
    """A document that could be collected: what of it is due when, and its collections so far."""

    document: Collectable
    parts: tuple[DuePart, ...]
    attempts: list[Attempt] = field(default_factory=list)

    def next(self, rules: Rules) -> Planned | None:
        return next_attempt([part.due for part in unpaid(self.document.amount, self.parts)], self.attempts, rules)

    def due_by(self, moment: datetime, zone: str) -> Decimal:
        return fallen_due(self.document.amount, self.parts, local_date(moment, zone))


@dataclass(frozen=True)
class Collecting:
    """What can be collected of an account and by which rules; `mode` is empty where the account never said."""

    charged: Charged
    mode: str
    rules: Rules
    open: list[Open]


class CollectionWork(Work):
    """Each document at each of its due dates, and after declines as the policy says; those of one moment and currency in one sum."""

    rank = COLLECTION
    holders = "SELECT account FROM read_payment_method WHERE account = ANY(%(accounts)s) AND is_default"
    looks_at = frozenset({"open_invoices"})
    moved_by: ClassVar = {InvoiceIssued: always}

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
        found = _open(list(methods))
        declines = _declines([account for account, rows in found.items() if any(_declined(one) for one in rows)])
        for account, since, mode in bulk.fetch(statement, [list(methods)]):
            charged = methods[account]
            rules = Rules(states[account].zone, charged.method, since, **declines.get(account, {}))
            states[account].facts[FACT] = Collecting(charged, mode, rules, found.get(account, []))

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        return min((planned.moment for _, planned in _planned(state, policy)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        return {account: _requests(states[account], policy, moment, heads[account]) for account, moment in moments.items()}


def _open(accounts: Sequence[str]) -> dict[str, list[Open]]:
    """What of each account has a due date and could be collected."""
    rows = {account: [one for one in found if one.due is not None] for account, found in collectable(accounts).items()}
    schedules = due_parts([account for account, found in rows.items() if found]) if rows else {}
    tried = [one.invoice for found in rows.values() for one in found if one.attempts]
    attempts = attempts_of(accounts, tried) if tried else {}
    return {
        account: [Open(one, schedules.get(one.invoice) or _whole(one), attempts.get(one.invoice, [])) for one in found]
        for account, found in rows.items()
    }


def _whole(document: Collectable) -> tuple[DuePart, ...]:
    assert document.due is not None
    return (DuePart(document.due, document.amount),)


def _declined(one: Open) -> bool:
    return any(attempt.status == "failed" for attempt in one.attempts)


def _declines(accounts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the dunning of accounts that were declined says of it, and when it rests."""
    policies = followed(accounts, stored_policy()) if accounts else {}
    pauses = pauses_of(policies) if policies else {}
    return {name: {"retries": chosen.policy.retries, "pauses": pauses.get(name, ())} for name, chosen in policies.items()}


def _planned(state: AccountState, policy: Policy) -> list[tuple[Open, Planned]]:
    """What is to be collected by itself, and when. Nothing of an account that is parked or closed."""
    facts: Collecting | None = state.facts.get(FACT)
    if facts is None or state.status != "open" or (facts.mode or _policy_mode(state, policy)) != "automatic":
        return []
    return [(one, planned) for one in facts.open if (planned := one.next(facts.rules)) is not None]


def _policy_mode(state: AccountState, policy: Policy) -> str:
    """What the catalogue of the newest contract says."""
    for contract in reversed(state.contracts.values()):
        terms = contract.timeline[-1].terms
        return policy.catalogue(terms.catalogue, terms.version).collection
    return "manual"


def _requests(state: AccountState, policy: Policy, moment: datetime, head: Head) -> list[Draft]:
    """One request for what is due, and one for what is tried again, in each currency."""
    groups: dict[tuple[str, str], list[Open]] = {}
    for one, planned in _planned(state, policy):
        if planned.moment <= moment:
            groups.setdefault((one.document.currency, planned.trigger), []).append(one)
    charged, found = state.facts[FACT].charged, []
    for number, ((_, trigger), group) in enumerate(groups.items(), start=1):
        amounts = {one.document.invoice: one.due_by(moment, state.zone) for one in group}
        address = f"{state.account}/{head.sequence + number}"
        event = request(state.account, address, [one.document for one in group], charged, trigger=trigger, amounts=amounts)
        found.append(Draft(state.account, event, moment))
    return found


collecting = CollectionWork()
