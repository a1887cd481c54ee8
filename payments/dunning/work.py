"""The clockwork's part of dunning: the ladder, account by account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from billing import bulk, credit
from billing.events import ChargeAccrued, InvoiceIssued
from billing.journal import Draft, Head
from billing.loading import policy as stored_policy
from billing.loading import trimmed
from billing.state import AccountState
from billing.terms import Policy
from billing.works import DUNNING, Work, always
from payments.dunning.cases import Standing, next_up
from payments.dunning.excusing import FACT as EXCUSED
from payments.dunning.excusing import excused_steps, suspended_wrongly, wrong_fees
from payments.dunning.loading import payable, standings
from payments.dunning.policies import Followed
from payments.dunning.steps import LATE_FEE, RECONNECTION, Recording, charge, record, without_contract

FACT = "dunning"


class Dunning(Work):
    """Due dates, reminders, and what follows where nobody pays."""

    rank = DUNNING
    holders = "SELECT account FROM read_dunning_case WHERE account = ANY(%(accounts)s)"
    looks_at = frozenset({"open_invoices"})
    moved_by: ClassVar = {InvoiceIssued: always, ChargeAccrued: without_contract}

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        del policy
        return bool(state.open_invoices) and bool(payable(state))

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = standings(states, stored_policy())
        for name, state in states.items():
            state.facts[FACT] = found.get(name)
            state.facts["fees"] = {}
        if found:
            _load_fees({name: states[name] for name in found})
            charged = [name for name in found if states[name].facts["fees"] or states[name].credit_status == credit.SUSPENDED]
            excused = excused_steps(charged) if charged else {}
            for name in found:
                states[name].facts[EXCUSED] = excused.get(name, frozenset())

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        known: tuple[Standing, Followed] | None = state.facts[FACT]
        if known is None or state.status != "open":
            return None
        following = next_up(known[0])
        moments = [moment for moment, _ in wrong_fees(state, known[0])]
        return min([*moments, *([following.moment] if following else [])], default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        found = {}
        for account, moment in moments.items():
            state = states[account]
            standing, chosen = state.facts[FACT]
            recording = Recording(state, policy, standing, chosen, moment, heads[account].sequence + 1)
            wrong = [fee for when, fee in wrong_fees(state, standing) if when == moment]
            for fee in wrong:
                charge(recording, fee, "")
            found[account] = recording.drafts if wrong else _next(recording)
        return found


def _next(recording: Recording) -> list[Draft]:
    following = next_up(recording.standing)
    assert following is not None
    case = recording.standing.case(following.subject)
    recording.free_reconnection = case is not None and suspended_wrongly(case, recording.state, recording.standing)
    return record(following, recording)


def _load_fees(states: Mapping[str, AccountState]) -> None:
    """What was charged for being late, per key, and when last."""
    statement = """
        SELECT account, item, terms, period_start, sum(amount), max(effective_at) FROM read_charge
        WHERE account = ANY(%s) AND contract = '' AND item = ANY(%s) AND kind = 'accrual' GROUP BY 1, 2, 3, 4"""
    for account, item, terms, start, amount, at in bulk.fetch(statement, [list(states), [LATE_FEE, RECONNECTION]]):
        states[account].facts["fees"][item, terms, start] = trimmed(amount), at


dunning = Dunning()
