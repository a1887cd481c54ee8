"""What was read of accounts, kept from one command to the next, so that the next one need not read it again.

The head of a stream is a number and a hash that covers everything that was ever recorded there. What is made of an account's events alone
is therefore the same wherever the head is the same; and the head is read with the lock that keeps it as it is. So what is kept is as true
as what would be read. Where another process recorded something since, its events are followed, if they continue from what is known here.

Kept is only what `rebuild` makes of the account's own events. Use that waits to be counted is not among it: where there is any, nothing is
kept, and nothing that was kept is taken (`billing.clockwork`). Each connection keeps its own, so that no two threads share a state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection

from billing import journal
from billing.following import let_go, moved_by
from billing.journal import Head
from billing.stored import Held, Known
from billing.together import line_here
from billing.wallets.folding import WALLETS

#: Rows of the database behind what one connection keeps, at most, and behind what it keeps of one account: one is about a kilobyte.
ROWS, ROWS_OF_ONE = 10_000, 1_000
#: So many events of others are followed; after more the account is read anew.
FOLLOWED = 20


@dataclass
class _Entry:
    head: Head
    held: Held
    rows: int
    shared: bool = False  # others recorded something for it, and may again


@dataclass
class _Store:
    """The accounts of one connection, the one that was asked for last at the end."""

    entries: OrderedDict[str, _Entry] = field(default_factory=OrderedDict)
    rows: int = 0

    def put(self, account: str, entry: _Entry) -> None:
        self.drop(account)
        self.entries[account] = entry
        self.rows += entry.rows
        while self.rows > ROWS:
            self.drop(next(iter(self.entries)))

    def drop(self, account: str) -> None:
        entry = self.entries.pop(account, None)
        if entry is not None:
            self.rows -= entry.rows


_stores: WeakKeyDictionary[Any, _Store] = WeakKeyDictionary()


def _store() -> _Store:
    line = line_here()
    if line is None:
        connection.ensure_connection()
    held = connection.connection if line is None else line.connection
    found = _stores.get(held)
    if found is None:
        found = _stores[held] = _Store()
    return found


def foresee(streams: Collection[str]) -> Known:
    """`found` is going to be asked: of accounts for which others record as well, what they recorded since. Answers what is kept, by which
    one may guess what else will be asked, and no more: nobody knows yet whether it stands."""
    entries = _store().entries
    for stream in streams:
        entry = entries.get(stream)
        if entry is not None and entry.shared:
            journal.foresee_following(stream, entry.head)
    return {stream: entries[stream].held for stream in streams if stream in entries}


def found(heads: Mapping[str, Head]) -> Known:
    """What is known of the accounts whose streams this transaction has locked, as they stand under these heads."""
    store, known = _store(), Known()
    for account, head in heads.items():
        entry = store.entries.get(account)
        if entry is None:
            continue
        if _is_at(entry, account, head):
            _tidy(entry.held)  # a command that was refused may have read facts of others
            store.entries.move_to_end(account)
            known[account] = entry.held
        else:
            store.drop(account)
    return known


def _is_at(entry: _Entry, account: str, head: Head) -> bool:
    """Whether what is kept stands under the head, or could be brought there."""
    if entry.head == head:
        return True
    if not entry.head.sequence < head.sequence <= entry.head.sequence + FOLLOWED:
        return False
    entry.shared = True
    events = journal.following(account, entry.head)
    if not events or moved_by(events) is None:
        return False
    let_go({account: entry.held}, events)
    entry.head = head
    return True


def leave(heads: Mapping[str, Head]) -> None:
    """Something is about to be recorded for the streams: what was kept of them holds no longer, nor if that is undone."""
    store = _store()
    for account in heads:
        store.drop(account)


def keep(known: Known, heads: Mapping[str, Head]) -> None:
    """Keep what is known of the accounts: it stands under these heads, and the transaction that read it has been committed."""
    store = _store()
    for account, held in known.items():
        if account not in heads or any(state.there["marks"] for state in held.states.values()):
            continue
        _tidy(held)
        rows = _rows(held)
        if rows <= ROWS_OF_ONE:
            store.put(account, _Entry(heads[account], held, rows))


def _tidy(held: Held) -> None:
    """Leave what the account's own events say."""
    if held.facts.keys() != _KEPT:
        held.facts = {name: fact for name, fact in held.facts.items() if name in _KEPT}
    for state in held.states.values():
        state.facts, state.works = {}, ()


_KEPT = {WALLETS}


def _rows(held: Held) -> int:
    """How many rows it is made of."""
    rows = sum([1 + len(wallet.lots) + len(wallet.reservations) for wallet in held.facts.get(WALLETS, {}).values()])
    for state in held.states.values():
        rows += 1 + sum([len(value) for value in vars(state).values() if type(value) is list or type(value) is dict])
    return rows
