"""The books in parts: some streams each, looked at in one state of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from billing import bulk, journal

#: A part holds at least one stream, and about so many events.
EVENTS = 20_000
#: A name sorts so much faster than the content of an event that this suffices to keep a part's order in memory.
SORTING = "64MB"


@dataclass(frozen=True)
class Part:
    """The streams of these names, or all that there are after one name up to another (None: from the first, to the last)."""

    names: tuple[str, ...] | None = None
    after: str | None = None
    until: str | None = None

    def where(self, column: str) -> tuple[str, list[Any]]:
        """A condition for a column that holds the name of a stream, and its values."""
        if self.names is not None:
            return f"{column} = ANY(%s)", [list(self.names)]
        bounds = {">": self.after, "<=": self.until}
        given = {sign: name for sign, name in bounds.items() if name is not None}
        return " AND ".join([f"{column} {sign} %s" for sign in given]) or "true", list(given.values())


def split(streams: Collection[str] | None) -> list[Part]:
    """Parts of about as many events each. Where no streams are named, every row of every table lies in one of them, whosever it is."""
    blocks = list(journal.blocks(streams, events=EVENTS))
    if streams is not None:
        return [Part(names=tuple(names)) for names in blocks]
    ends = [names[-1] for names in blocks][:-1]
    return [Part(after=after, until=until) for after, until in zip([None, *ends], [*ends, None], strict=True)]


@contextmanager
def one_state() -> Iterator[None]:
    """All that is read inside is of one moment: what is recorded meanwhile makes no false fault. Inside a transaction it is that one's."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        bulk.write("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", [])
        bulk.write(f"SET LOCAL work_mem = '{SORTING}'", [])
        yield
