"""Holds expire by themselves; whoever has not come by the time that the catalogue gives is a no-show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from billing import journal
from billing.bookings.billing import later
from billing.bookings.commands import of_thing
from billing.bookings.loading import Booking, thing_stream, with_due
from billing.bookings.staying import absent
from billing.bookings.taking import ended
from billing.engine import Context
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.terms import Policy
from billing.works import HOLDS, Work

FACT = "bookings"
ACTOR = "clockwork"


class Keeping(Work):
    rank = HOLDS
    holders = """
        SELECT account FROM read_booking
        WHERE account = ANY(%(accounts)s) AND status IN ('held', 'confirmed') AND due IS NOT NULL"""
    looks_at = frozenset[str]()

    def load(self, states: Mapping[str, AccountState]) -> None:
        for state in states.values():
            state.facts[FACT] = []
        for booking in with_due(list(states)):
            states[booking.account].facts[FACT].append(booking)

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((booking.due for booking in state.facts[FACT]), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy
        due = {account: [one for one in states[account].facts[FACT] if one.due <= moment] for account, moment in moments.items()}
        journal.join([thing_stream(one.thing) for listed in due.values() for one in listed], heads)
        known = journal.database_time()
        found = {}
        for account, listed in due.items():
            context = Context(at=moments[account], actor=ACTOR, recorded_at=known, heads=heads)
            found[account] = _over(context, states[account], listed)
        return found


def _over(context: Context, state: AccountState, listed: list[Booking]) -> list[Draft]:
    drafts: list[Draft] = []
    for booking in listed:
        if booking.status == "held":
            drafts.append(of_thing(context, booking, ended(booking, "expired")))
        else:
            own = sum(draft.stream == state.account for draft in drafts)
            drafts += absent(later(context, state.account, own), state, booking)
    return drafts


keeping = Keeping()
