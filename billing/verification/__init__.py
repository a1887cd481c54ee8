"""Prove the journal and what was made of it; name each fault with its address, the first one first.

chain        every stored event hashes, over its own content and the event before it, to what was stored; nothing is missing
heads        each stream's head is its last event
entries      the postings of every event sum to zero, and the posting rows say what the events say
receivables  the postings of each open document are what is open on it, balances are sums of postings
wallets      what is left of the money paid into an account's wallets is its prepaid ledger, what is owed beyond them its overdrawn one
numbers      each series of each seller counts without a gap
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from billing.processes import shared
from billing.verification.books import differing_numbers, differing_sums
from billing.verification.chain import Chained, chain
from billing.verification.faults import Fault
from billing.verification.parts import Part, one_state, split

__all__ = ["Fault", "Verified", "verify"]
MOST_FAULTS = 1000


@dataclass
class Verified:
    streams: int = 0
    events: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(streams: Collection[str] | None = None, *, workers: int = 1) -> Verified:
    """Check these streams, or everything, part by part, by so many processes; each part as it was at one moment. Reads only."""
    found, of_sums = Verified(), []
    for chained, faults, sums in shared(_check, split(streams), workers=workers):
        found.streams += chained.streams
        found.events += chained.events
        found.faults += faults
        of_sums += sums
        if len(found.faults) > MOST_FAULTS:
            return found
    found.faults += of_sums
    if streams is None:
        with one_state():
            found.faults += differing_numbers()
    return found


def _check(part: Part) -> tuple[Chained, list[Fault], list[Fault]]:
    """The faults of a part's events, and those of the sums over them."""
    chained = Chained()
    with one_state():
        return chained, list(chain(part, chained)), list(differing_sums(part, balanced=chained.same_postings))
