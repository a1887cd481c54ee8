"""The pipeline of processors, as the settings list it, and the batches of events that go through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import TypeVar, cast

from django.conf import settings
from django.utils.module_loading import import_string

from billing.events import Event
from billing.journal import Recorded

E = TypeVar("E", bound=Event)


class Batch:
    """Recorded events of many streams, as a processor sees them."""

    def __init__(self, events: Sequence[Recorded], *, rebuilding: bool = False) -> None:
        self._events = events
        self.rebuilding = rebuilding
        self.looked_at = False  # whether the processor found events of its kinds, or asked for all

    @property
    def events(self) -> Sequence[Recorded]:
        self.looked_at = True
        return self._events

    def of(self, *kinds: type[E]) -> list[tuple[Recorded, E]]:
        """The events of these classes (and their subclasses), in order."""
        wanted = [rows for cls, rows in self._by_class.items() if issubclass(cls, kinds)]  # of hundreds of kinds a batch holds a few
        if not wanted:
            return []
        self.looked_at = True
        found = wanted[0] if len(wanted) == 1 else sorted(row for rows in wanted for row in rows)
        return cast("list[tuple[Recorded, E]]", [(self._events[i], self._events[i].event) for i in found])

    @cached_property
    def classes(self) -> frozenset[type[Event]]:
        return frozenset(self._by_class)

    @cached_property
    def _by_class(self) -> dict[type[Event], list[int]]:
        """Class -> where its events stand."""
        found: dict[type[Event], list[int]] = {}
        for i, recorded in enumerate(self._events):
            found.setdefault(type(recorded.event), []).append(i)
        return found


Processor = Callable[[Batch], None]


@cache
def _processors(setting: str) -> tuple[Processor, ...]:
    return tuple(import_string(path) for path in getattr(settings, setting))


#: The processors of a pipeline that look at anything in batches of these classes: who found nothing of its kinds once finds nothing again.
_concerned: dict[tuple[tuple[Processor, ...], frozenset[type[Event]], bool], tuple[Processor, ...]] = {}
CONCERNED_AT_MOST = 2_000


def run_processors(batch: Batch, *, numbered: bool) -> None:
    """One pass of the ordered pipeline: first what needs no document number, later what does."""
    pipeline = _processors("BILLING_NUMBERED_PROCESSORS" if numbered else "BILLING_PROCESSORS")
    key = pipeline, batch.classes, batch.rebuilding
    known = _concerned.get(key)
    if known is None:
        known = tuple([process for process in pipeline if _looks_at(process, batch)])
        if len(_concerned) >= CONCERNED_AT_MOST:
            _concerned.clear()
        _concerned[key] = known
        return
    for process in known:
        process(batch)


def _looks_at(process: Processor, batch: Batch) -> bool:
    """Let it process the batch; answers whether it looked at any of it."""
    batch.looked_at = False
    process(batch)
    return batch.looked_at
