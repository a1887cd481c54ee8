"""Months of the books, and the lock that keeps postings out of closed ones (RULES 19 and 28).

Whoever records money holds a shared advisory lock of the seller and reads the first open day after it; closing holds the lock alone. So
whoever was decided before a closing is committed before it, and whoever comes later sees it. Accounting dates are moved in one place,
the door through which everything is recorded: no command can forget it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from billing import bulk
from billing.events import Entry
from billing.journal import Draft

#: The first of the two keys of the advisory locks on books; the second is made of the seller.
BOOKS_LOCK = 0x626F6F6B


def month_after(day: date) -> date:
    """The first day of the month after the one of the day."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def hold_open(sellers: Collection[str]) -> None:
    """Keep the sellers' months from closing until this transaction ends; waits for a closing that is under way."""
    for seller in sorted(sellers):
        bulk.write("SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s))", [BOOKS_LOCK, seller])


def hold_alone(seller: str) -> None:
    """Wait until nobody records money of the seller, and keep everybody from it until this transaction ends."""
    bulk.fetch("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [BOOKS_LOCK, seller])


_CLOSED = "SELECT seller, closed_through FROM read_books WHERE seller = ANY(%s)"


def open_from(sellers: Collection[str]) -> dict[str, date]:
    """seller → the first day of its first open month; a seller that never closed one is not there."""
    return {seller: through + timedelta(days=1) for seller, through in bulk.foreseen(_CLOSED, [sorted(sellers)])}


def foresee(seller: str) -> None:
    """Money of this seller is about to be recorded: its months are held open from here on."""
    hold_open([seller])
    bulk.foresee(_CLOSED, [[seller]])


def into_open_months(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts with the accounting dates that fall into a closed month moved to the first open day, each with the day that it corrects.
    Holds the lock from here on."""
    entries = [_entry(draft.event) for draft in drafts]
    sellers = {entry.seller for entry in entries if entry is not None and entry.postings}
    if not sellers:
        return list(drafts)
    if not bulk.is_foreseen(_CLOSED, [sorted(sellers)]):
        hold_open(sellers)
    first = open_from(sellers)
    if not first:
        return list(drafts)
    return [_moved(draft, entry, first) for draft, entry in zip(drafts, entries, strict=True)]


def _entry(event: Any) -> Entry | None:
    return getattr(event, "entry", None)


def _moved(draft: Draft, entry: Entry | None, first: dict[str, date]) -> Draft:
    if entry is None or entry.seller not in first or entry.accounting_date >= first[entry.seller]:
        return draft
    event: Any = draft.event
    moved = replace(entry, accounting_date=first[entry.seller], corrects=entry.accounting_date)
    return replace(draft, event=replace(event, entry=moved))
