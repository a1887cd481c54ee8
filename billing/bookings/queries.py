"""What can be booked, who has it, and what is free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from billing.bookings.loading import LIVE, Booking, of_thing, taken
from billing.bookings.slots import slots_of
from plans import store
from plans.catalogue import Catalogue
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.periods import Span
from plans.resources import Resource


@dataclass(frozen=True)
class Slot:
    """One night, day or hour of a pool: how many pieces may still be booked, overbooking included."""

    start: datetime
    taken: int
    free: int


@dataclass(frozen=True)
class Gap:
    """A time in which a single thing is free."""

    unit: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Availability:
    resource: Resource
    zone: str
    bookings: tuple[Booking, ...]
    slots: tuple[Slot, ...]
    gaps: tuple[Gap, ...]


def resources() -> list[tuple[Catalogue, Resource]]:
    """All that the newest catalogues offer."""
    return [(catalogue, one) for name in store.names() for catalogue in [store.newest(name)] for one in catalogue.resources.values()]


def find(thing: str) -> tuple[Catalogue, Resource]:
    """Raises NotFound `unknown_thing`."""
    for catalogue, resource in resources():
        if resource.code == thing:
            return catalogue, resource
    known = [resource.code for _, resource in resources()]
    raise NotFound("unknown_thing", f"there is no thing {thing!r} to book{suggestion(thing, known)}", at="thing")


def availability(thing: str, start: datetime, end: datetime) -> Availability:
    """Who has the thing in `[start, end)`, and what is free of it. Raises NotFound `unknown_thing`, Invalid `out_of_range`."""
    if end <= start:
        raise Invalid("out_of_range", "the end must lie after the start", at="to")
    catalogue, resource = find(thing)
    bookings = of_thing(thing, start=start, end=end)
    if resource.units:
        gaps = tuple(gap for unit in resource.units for gap in _gaps(unit, bookings, Span(start, end)))
        return Availability(resource, catalogue.zone, tuple(bookings), (), gaps)
    shows = tuple(one for one in resource.starts if start <= one < end)
    slots = shows if resource.per == "show" else slots_of(resource, start, end, catalogue.zone)
    counted = taken(thing, slots)
    found = tuple(Slot(slot, counted.get(slot, 0), max(0, resource.limit - counted.get(slot, 0))) for slot in slots)
    return Availability(resource, catalogue.zone, tuple(bookings), found, ())


def _gaps(unit: str, bookings: list[Booking], span: Span) -> Iterator[Gap]:
    at = span.start
    for one in bookings:
        if one.stay.unit == unit and one.status in LIVE:
            if one.stay.start > at:
                yield Gap(unit, at, one.stay.start)
            at = max(at, one.stay.end)
    if at < span.end:
        yield Gap(unit, at, span.end)
