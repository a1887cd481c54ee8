"""Carrying a correction set through, a chunk at a time: safe to kill, to repeat, and to run twice at once.

Each item is one keyed command, so that a second run gets the first answer; what came of a chunk is kept by one event of the set.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from billing.corrections.commands import key_of
from billing.corrections.standing import find_set, items
from billing.engine import Request, execute
from plans.errors import Refusal

CHUNK = 100
WAITING = {"apply": "previewed", "revert": "applied"}


def preview(name: str, *, at: datetime, actor: str, known_at: datetime | None = None) -> Iterator[int]:
    """Preview every item anew; yields how many were done after each chunk."""
    find_set(name)
    after = 0
    while found := items(name, ("new", "previewed", "refused"), limit=CHUNK, after=after):
        positions = [str(one.position) for one in found]
        execute(Request("preview_corrections", {"name": name, "positions": positions}, at, actor, known_at=known_at))
        after = found[-1].position
        yield after


def carry_out(name: str, step: str, *, at: datetime, actor: str, known_at: datetime | None = None) -> Iterator[int]:
    """Do (`apply`) or take back (`revert`) what is left of the set; yields the last position after each chunk."""
    find_set(name)
    after = 0
    while found := items(name, (WAITING[step],), limit=CHUNK, after=after):
        outcomes = []
        for one in found:
            given = {"name": name, "position": str(one.position)}
            asked = Request(f"{step}_correction", given, at, actor, key=key_of(name, one.position, step), known_at=known_at)
            try:
                execute(asked)
                outcomes.append({"position": str(one.position)})
            except Refusal as refusal:
                refused = {} if refusal.code == "already_done" else {"refusal": str(refusal)}
                outcomes.append({"position": str(one.position), **refused})
        execute(Request("record_outcomes", {"name": name, "step": step, "outcomes": outcomes}, at, actor, known_at=known_at))
        after = found[-1].position
        yield after
