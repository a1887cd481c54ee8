"""Pure: what stands, what is scheduled and what is asked → conflicts.

A change *writes* things (the plan, an item, the billing day …) and *needs* things to stay as they are. A later change builds on all that is
scheduled before it, so it is in nobody's way. An earlier one takes the ground from under the later ones that set the same thing or need it;
of two at one moment nobody could say which counts. Those are the conflicts: named, never resolved in silence.

    asked          scheduled for the same moment, or later       conflict where
    writes W       writes V, needs N                             W and (V or N) meet
    needs M        writes V, at the same moment                  M and V meet

What is firm counts at once, so another that sets the same thing is in its way whenever it is scheduled: a renewal in June would undo what
is cancelled today for December.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

REFUSE, REPLACE, AFTER, BEFORE, REBASE = WAYS = ("refuse", "replace", "after", "before", "rebase")

#: The things that changes write and need, in words for people.
THINGS = {
    "plan": "the plan",
    "items": "the items that the plan has",
    "state": "whether the contract is paused",
    "end": "the end of the contract",
    "renewal": "until when the contract is agreed",
    "payer": "who pays the contract",
    "billing_day": "the billing day",
    "place": "where the account is taxed",
    "payment_terms": "the terms of payment",
    "discounts": "the discounts",
    "credit_status": "the credit status",
    "credit_limit": "the credit limit",
    "payment_method": "the method of payment",
    "invoicing": "whether the contract is kept off documents",
    "collection": "whether what falls due is collected",
}


@dataclass(frozen=True)
class Change:
    """A change that is asked or scheduled. `address` is empty for what is only asked; `by` and `at` say who gave it and when."""

    address: str
    command: str
    account: str
    contract: str  # "" for one of the whole account
    moment: datetime
    writes: frozenset[str]
    needs: frozenset[str]
    by: str
    at: datetime
    order: int = 0
    firm: bool = False  # it counts at once, whatever lies ahead: an end that is agreed now

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Its place in the order in which changes are carried out; what is only asked comes last at its moment."""
        sequence = int(self.address.rpartition("/")[2]) if self.address else 1 << 62
        return self.moment, self.order, sequence

    @property
    def title(self) -> str:
        """As a person names it: what, for when, who and when asked."""
        known = f", scheduled by {self.by} on {self.at:%Y-%m-%d} ({self.address})" if self.address else f", asked by {self.by}"
        return f"{self.command} of {self.contract or self.account} at {self.moment:%Y-%m-%d %H:%M} UTC{known}"


@dataclass(frozen=True)
class Clash:
    """Two changes that can't both stand without a word, and why."""

    other: Change
    why: str


Rule = Callable[[Change, Sequence[Change]], Iterable[Clash]]


def find(asked: Change, scheduled: Sequence[Change], rules: Sequence[Rule] = ()) -> list[Clash]:
    """Every scheduled change that the asked one conflicts with, in the order of their moments. `rules` are those of other parts of the
    system (stock, bookings): each answers more clashes."""
    found = [clash for other in scheduled for clash in _between(asked, other)]
    found += [clash for rule in rules for clash in rule(asked, scheduled)]
    first = {clash.other.address: clash for clash in reversed(found)}
    return sorted(first.values(), key=lambda clash: clash.other.place)


def _between(asked: Change, other: Change) -> Iterable[Clash]:
    if asked.account != other.account or (asked.contract and other.contract and asked.contract != other.contract):
        return
    both = asked.writes & other.writes
    if other.moment < asked.moment and not (asked.firm and both):
        return
    needed = asked.writes & other.needs
    if other.moment == asked.moment:
        needed |= asked.needs & other.writes
    if both:
        yield Clash(other, f"both set {_words(both)}")
    elif needed:
        yield Clash(other, f"one sets {_words(needed)}, which the other builds on")


def _words(things: frozenset[str]) -> str:
    return " and ".join(THINGS.get(thing) or f"the {thing.replace(':', ' ')}" for thing in sorted(things))


def placed(asked: Change, clashes: Sequence[Clash], way: str) -> tuple[datetime, int]:
    """The moment and order of the asked change by the way that the caller chose."""
    others = [clash.other for clash in clashes]
    if way == AFTER and others:
        last = max(others, key=lambda other: other.place)
        return max(asked.moment, last.moment), last.order if last.moment >= asked.moment else asked.order
    if way == BEFORE and others:
        first = min(others, key=lambda other: other.place)
        return (asked.moment, asked.order) if asked.moment < first.moment else (first.moment, first.order - 1)
    return asked.moment, asked.order
