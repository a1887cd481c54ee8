"""Carrying out what was scheduled: the clockwork's work at its place in the order of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing import journal
from billing.engine import Context
from billing.events import ChangeApplied, ChangeQuestioned
from billing.journal import Draft, Head
from billing.limits import check_bought
from billing.scheduling.pending import Pending, load_pending
from billing.state import AccountState
from billing.terms import Policy
from billing.works import CHANGES, Work
from plans.errors import Refusal

FACT = "changes"


class Changes(Work):
    """The commands that were scheduled, one at a time, through the same function as by hand. What is refused now waits for a person."""

    rank = CHANGES
    holders = "SELECT account FROM read_change WHERE account = ANY(%(accounts)s) AND status = 'scheduled'"
    looks_at = frozenset[str]()

    def load(self, states: Mapping[str, AccountState]) -> None:
        pending = load_pending(list(states))
        for account, state in states.items():
            state.facts[FACT] = pending.get(account, [])

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        pending: list[Pending] = state.facts[FACT]
        return pending[0].moment if pending else None

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy
        return {account: carried_out(states[account].facts[FACT][0], moment, heads) for account, moment in moments.items()}


def carried_out(change: Pending, moment: datetime, heads: dict[str, Head]) -> list[Draft]:
    """The events of the change, as if done by hand at the moment, each with the scheduling event as its cause."""
    applied = Draft(change.account, ChangeApplied(account=change.account, change=change.address), moment, change.address)
    try:
        drafts = [replace(draft, cause=draft.cause or change.address) for draft in _run(change, moment, heads, applied)]
    except Refusal as refusal:
        event = ChangeQuestioned(account=change.account, change=change.address, code=refusal.code, message=refusal.message)
        return [Draft(change.account, event, moment, change.address)]
    return [*drafts, applied]


def _run(change: Pending, moment: datetime, heads: dict[str, Head], applied: Draft) -> list[Draft]:
    command, arguments = change.parsed()
    journal.join(command.streams(arguments), heads)
    context = Context(at=moment, actor=change.by, recorded_at=moment, heads=heads)
    decision = command.run(context, arguments)
    if command.buyer is not None:
        check_bought(context, command.buyer(arguments), [*decision.drafts, applied], what=command.name)
    return decision.drafts


changes = Changes()
