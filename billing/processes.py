"""Work on parts that need nothing of each other, shared among processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from django.db import connection, connections

from plans.errors import Conflict

Part = TypeVar("Part")
Result = TypeVar("Result")


def shared(work: Callable[[Part], Result], parts: Sequence[Part], *, workers: int) -> Iterator[Result]:
    """The result of each part, in the order of the parts, worked out by up to so many processes: copies of this one, each with a connection
    of its own. For programs of one thread, as commands are. Inside a transaction, which only this process has, nothing is shared.
    Raises Conflict `process_ended` where one of them was ended from outside."""
    if min(workers, len(parts)) < 2 or connection.in_atomic_block:
        yield from map(work, parts)
        return
    connections.close_all()  # no connection may be used by two processes
    if hasattr(connection, "close_pool"):
        connection.close_pool()
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=get_context("fork")) as pool:
        try:
            yield from pool.map(work, parts)
        except BrokenProcessPool:
            message = "a process was ended, perhaps for want of memory; what was finished stays: ask again, with fewer workers"
            raise Conflict("process_ended", message, at="workers") from None
