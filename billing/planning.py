"""What each account of a chunk does in one round of the clockwork: its earliest step, or a work that is due before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.alike import Turn, likeness, turn_of
from billing.bill_times import document_moment
from billing.bills import Bill, bill_of
from billing.folding import forget_marks
from billing.schedule import Marked, Recounts, Step, marked_periods, next_step
from billing.state import AccountState
from billing.terms import Policy
from billing.works import OPENING, works


@dataclass
class Doing:
    """What the accounts of a chunk do in one round, by kind of work; and when those that rest need the clockwork again."""

    steps: dict[str, Step] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)  # those whose periods turn as those of others
    bills: dict[str, Bill] = field(default_factory=dict)  # those whose documents are like those of others
    turns_ahead: dict[str, Turn] = field(default_factory=dict)  # what comes next of those for whom nothing else is left to bill
    works_ahead: dict[str, datetime] = field(default_factory=dict)  # when works are next due of those
    works: dict[int, dict[str, datetime]] = field(default_factory=dict)  # position of the work in the settings -> account -> moment
    resting: dict[str, datetime | None] = field(default_factory=dict)
    idle: list[int] = field(default_factory=list)  # marks of use that nothing waits for
    written: list[str] = field(default_factory=list)  # the accounts that works wrote to

    @property
    def active(self) -> list[str]:
        """The accounts that may have more to do."""
        performed = (account for accounts in self.works.values() for account in accounts)
        return [*self.steps, *self.bills, *(account for account in self.turns if account not in self.resting), *performed, *self.written]


def plan(
    states: Mapping[str, AccountState],
    rules: Policy,
    recounts: Recounts,
    until: datetime,
    *,
    issued_from: datetime | None = None,
    together: bool = False,
    turns: Mapping[str, Turn] | None = None,
) -> Doing:
    """The earliest step of each account; of several at one moment, the first in the order of the moment. `together`: who is like others is
    not looked at alone. `turns`: what is known to come next."""
    doing = Doing()
    for account, state in states.items():
        common: Turn | Bill | None = turns.get(account) if turns else None
        later: Turn | None = None
        if together and common is None:
            common, later = _common(state, rules)
        if common is not None:
            marked: Marked = [(mark, []) for mark in state.marks]
            step: Step | None = common.step
        else:
            marked = marked_periods(state, rules)
            step = next_step(state, rules, recount=recounts.get(account, {}), issued_from=issued_from, until=until, marked=marked)
        others = [
            (moment, works()[position].rank, position)
            for position in state.works
            if state.status != "parked" and (moment := works()[position].next_moment(state, rules)) is not None
        ]
        first = min(others, default=None)
        if state.marks:
            ahead = [moment for moment in (step and step.moment, first and first[0]) if moment]
            doing.idle += _take_idle(state, marked, min([until, *ahead]))
        if step is not None and (first is None or (step.moment, step.rank) < first[:2]):
            due = step.moment
            if due <= until:
                changes = any(moment == due and rank < OPENING for moment, rank, _ in others)
                if isinstance(common, Bill):
                    doing.bills[account] = common
                    if later is not None and len(common.chosen) == len(state.open_charges):
                        doing.turns_ahead[account] = later
                elif common is not None and not changes:
                    doing.turns[account] = common
                    if first is not None:
                        doing.works_ahead[account] = first[0]
                else:
                    own = step if common is None else next_step(state, rules, recount={}, marked=marked)
                    assert own is not None
                    doing.steps[account] = own.closing_only() if changes else own
                continue
        elif first is not None:
            due = first[0]
            if due <= until:
                doing.works.setdefault(first[2], {})[account] = due
                continue
        doing.resting[account] = min(
            (moment for moment in (step.moment if step else None, first[0] if first else None) if moment), default=None
        )
    return doing


def _common(state: AccountState, policy: Policy) -> tuple[Turn | Bill | None, Turn | None]:
    """What the account does next as others do, None where it must be looked at alone; and the turn that comes after a document."""
    alike = likeness(state, policy)
    turn = turn_of(alike, state, policy) if alike is not None else None
    if turn is None or alike is None or not state.open_charges:
        return turn, None
    bill = bill_of(state, policy, alike)
    if bill is not None:
        return (bill, turn) if bill.step.moment < turn.step.moment else (turn, None)
    documents = document_moment(state, policy)
    return (None if documents is not None and documents < turn.step.moment else turn), None


def _take_idle(state: AccountState, marked: Marked, until: datetime) -> list[int]:
    """Use that arrived by `until` and moves no period yet. Nothing else is due before `until`: what closes a period makes a mark of it
    count."""
    idle = [mark.id for mark, rows in marked if mark.arrived_at <= until and not rows]
    forget_marks(state, idle)
    return idle
