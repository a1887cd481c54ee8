"""Work on parts that need nothing of each other, shared among processes of this machine, or done side by side in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from threading import Event
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


#: How many lanes a worker has that is alone: the second computes while the database works for the first.
LANES = 2


def side_by_side(work: Callable[[Callable[[], bool]], None], *, lanes: int) -> None:
    """Do the same work in so many threads of this process, each with a connection of its own. It must be work that any number of workers
    share, and end soon after what it is given answers True: somebody interrupts. Inside a transaction, which this thread alone has, it is
    done once, here. Raises what the first of them raised, when all have ended."""
    if lanes < 2 or connection.in_atomic_block:
        work(lambda: False)
        return
    interrupted = Event()

    def lane() -> None:
        try:
            work(interrupted.is_set)
        finally:
            connections.close_all()  # those of this thread

    with ThreadPoolExecutor(lanes) as pool:
        begun = [pool.submit(lane) for _ in range(lanes)]
        try:
            wait(begun)
        except BaseException:
            interrupted.set()
            raise
    for one in begun:
        one.result()
