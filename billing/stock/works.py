"""Reservations of goods end by themselves when their time is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing import journal
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.stock.levels import Level
from billing.stock.loading import Reservation, load_levels, open_reservations, stock_stream
from billing.stock.moving import ended
from billing.terms import Policy
from billing.works import HOLDS, Work

FACT = "stock_reservations"


class Reservations(Work):
    rank = HOLDS
    holders = "SELECT account FROM read_stock_reservation WHERE account = ANY(%(accounts)s) AND status = 'open'"
    looks_at = frozenset[str]()

    def load(self, states: Mapping[str, AccountState]) -> None:
        for state in states.values():
            state.facts[FACT] = []
        for one in open_reservations(accounts=list(states)):
            states[one.account].facts[FACT].append(one)

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((one.expires for one in state.facts[FACT] if one.expires), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy
        due = {
            account: [one for one in states[account].facts[FACT] if one.expires and one.expires <= moment]
            for account, moment in moments.items()
        }
        items = {one.item for listed in due.values() for one in listed}
        journal.join([stock_stream(item) for item in items], heads)
        levels = {item: load_levels(item) for item in items}
        return {account: [_ended(one, levels[one.item], moments[account]) for one in listed] for account, listed in due.items()}


def _ended(reservation: Reservation, levels: dict[str, Level], moment: datetime) -> Draft:
    """The event; `levels` follows, because several may end in one batch."""
    before = levels[reservation.location]
    after = levels[reservation.location] = replace(before, reserved=before.reserved - reservation.quantity)
    return Draft(stock_stream(reservation.item), ended(reservation, after, "expired"), moment, reservation.id)


reservations = Reservations()
