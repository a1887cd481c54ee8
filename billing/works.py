"""What else falls due: work that other parts of the system do at its place in the order of one moment.

The settings list the works (`BILLING_WORKS`, dotted paths to objects). The clockwork asks each for its next moment and lets it perform
what is due, for many accounts at once; so that `billing` knows nothing of the parts above it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from billing import bulk
from billing.events import Event
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.terms import Policy
from plans.once import Memory, once

T = TypeVar("T")
# The order of one moment: 0 contracts that go on after their term, 1 periods that end, 2 grants and holds, 3 scheduled changes, 4 periods
# that start, 5 documents, 6 collection, 7 dunning, 8 the books of the month that ends.
RENEWING, CLOSING, HOLDS, CHANGES, OPENING, DOCUMENTS, COLLECTION, DUNNING, BOOKS = range(9)


#: What says nothing of periods and documents ahead, in the words of `Event.moves`: works alone look at it.
BESIDE = frozenset({"open_invoices", "credit", "wallets", "standing"})


class Work(Protocol):
    """One kind of work. `rank` is its place in the order of one moment, one of the constants above.

    Most accounts hold nothing for most works, so a work is loaded for, and asked about, the accounts that concern it: those that its
    `holders` answers, and those whose state says so.
    """

    rank: int
    #: A statement that answers, of the accounts in %(accounts)s, those for which its tables hold something; "" where it has none.
    holders: str = ""
    #: Everyday events (billing/folding.py) after which it is to be asked and loaded anew, with what else must be true of them.
    moved_by: Mapping[type[Event], Callable[[Any], bool]] = {}

    #: What of it its moments follow from.
    looks_at: frozenset[str] = BESIDE

    def told(self, facts: Mapping[str, Any]) -> bool | None:
        """What `holders` would answer of an account, where facts that are known of it say so (`stored.fact`); None: it is to be asked."""
        del facts
        return None

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        """Whether the state itself holds something for it."""
        del state, policy
        return False

    def load(self, states: Mapping[str, AccountState]) -> None:
        """Put what it needs to know into `state.facts`, under a name of its own, for all the accounts in a statement or two."""

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        """When it next has something to do for the account, by what stands; None where nothing is ahead. Pure. Once it was performed the
        answer must lie later, or be None: otherwise the clockwork would never rest."""

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        """account → the events of its moment. The accounts' streams are locked; other streams must be locked here, and added to `heads`."""


def answers_matter() -> bool:
    """Whether what the clockwork does later may depend on how an effect of now is answered: a work says so by `asks_outside()`. Where none
    does, a story may run ahead and deliver its effects afterwards."""
    return any(work.asks_outside() for work in works() if hasattr(work, "asks_outside"))


@cache
def works() -> tuple[Work, ...]:
    """The works of the settings, in their order."""
    found = [import_string(path) for path in settings.BILLING_WORKS]
    return tuple(sorted(found, key=lambda work: work.rank))


def always(event: Event) -> bool:
    """For `moved_by`: whatever the event says."""
    del event
    return True


_answers: Memory = ContextVar("billing.works.answers", default=None)


def asked_once(key: Hashable, ask: Callable[[], T]) -> T:
    """What `ask` answers. While works load, two that ask the same, of the same accounts, share the answer: nobody changes it."""
    return once(_answers, key, ask)


def load_works(states: Mapping[str, AccountState], policy: Policy) -> None:
    """Find which works concern the accounts, in one statement for all, and let those load what they need."""
    token = _answers.set({})
    try:
        if states:
            _load_works(states, policy)
    finally:
        _answers.reset(token)


def _load_works(states: Mapping[str, AccountState], policy: Policy) -> None:
    held = find_held(list(states), tuple(range(len(works()))))
    concerned: dict[str, list[int]] = {account: [] for account in states}
    for position, work in enumerate(works()):
        holding = held.get(position, ())
        if not holding and type(work).concerns is Work.concerns:
            continue  # as most are: no table holds anything, and states say nothing of it
        mine = {account: state for account, state in states.items() if account in holding or work.concerns(state, policy)}
        if mine:
            work.load(mine)
        for account in mine:
            concerned[account].append(position)
    for account, state in states.items():
        state.works = tuple(concerned[account])


#: In place of a work's position: use that waits to be counted.
MARKS = -1


def find_held(accounts: list[str], positions: tuple[int, ...], *, marks_until: datetime | None = None) -> dict[int, set[str]]:
    """Position of a work → the accounts for which its tables hold something; and MARKS → those whose use, arrived by then, waits."""
    found: dict[int, set[str]] = {}
    statement = _holders(positions, marks=marks_until is not None)
    for position, account in bulk.fetch(statement, {"accounts": accounts, "until": marks_until}) if statement else ():
        found.setdefault(position, set()).add(account)
    return found


@cache
def _holders(positions: tuple[int, ...], *, marks: bool) -> str:
    holding = {position: works()[position].holders for position in positions if works()[position].holders}
    if marks:
        holding[MARKS] = "SELECT account FROM usage_mark WHERE account = ANY(%(accounts)s) AND arrived_at <= %(until)s"
    asked = [f"SELECT {position}, account FROM ({holders}) AS held" for position, holders in holding.items()]  # noqa: S608 - literals
    return " UNION ALL ".join(asked)


@cache
def moving(kind: type[Event]) -> tuple[Callable[[Any], bool], ...]:
    """What may be true of an everyday event of this class, so that a work must be asked anew."""
    return tuple({work.moved_by[kind]: None for work in works() if kind in work.moved_by})
