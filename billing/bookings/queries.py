"""What can be booked, who has it, and what is free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.bookings.loading import LIVE, Booking, of_thing, overlapping, taken
from billing.bookings.pricing import amounts_of
from billing.bookings.slots import slots_of
from billing.loading import policy
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


@dataclass(frozen=True)
class Offer:
    """A thing that can be had for the whole time asked. `free`: pieces, or named units; `amount` of all its slots before tax on top."""

    resource: Resource
    start: datetime
    end: datetime
    free: int
    units: tuple[str, ...]
    amount: Decimal
    currency: str


def search(start: datetime, end: datetime, *, quantity: int = 1) -> list[Offer]:
    """Everything that has so many free for all of `[start, end)`, each show that begins in it alone; the cheapest first.

    Raises Invalid `out_of_range`. What is found is free at this moment: only a booking keeps it.
    """
    if end <= start or quantity < 1:
        raise Invalid(
            "out_of_range", "the end must lie after the start, and one at least be wanted", at="to" if quantity > 0 else "quantity"
        )
    found = []
    for catalogue, resource in resources():
        spans = [Span(start, end)]
        if resource.per == "show":
            shows = [one for one in resource.starts if start <= one < end]
            spans = [Span(one, resource.length.after(one, catalogue.zone) if resource.length else end) for one in shows]
        for span in spans:
            offer = _offer(catalogue, resource, span, quantity)
            if offer.free >= quantity:
                found.append(offer)
    return sorted(found, key=lambda one: (one.amount, one.resource.code, one.start))


def _offer(catalogue: Catalogue, resource: Resource, span: Span, quantity: int) -> Offer:
    slots = slots_of(resource, span.start, span.end, catalogue.zone)
    if resource.units:
        busy = {one.stay.unit for one in overlapping(resource.code, span.start, span.end)}
        units = tuple(unit for unit in resource.units if unit not in busy)
        free = len(units)
    else:
        counted = taken(resource.code, slots)
        units, free = (), min(max(0, resource.limit - counted.get(slot, 0)) for slot in slots)
    amount = sum(amounts_of(policy(), catalogue, resource, slots, quantity, catalogue.zone), Decimal(0))
    currency = catalogue.plans[resource.plan].currency if resource.plan else catalogue.currency
    return Offer(resource, span.start, span.end, free, units, amount, currency)


def _gaps(unit: str, bookings: list[Booking], span: Span) -> Iterator[Gap]:
    at = span.start
    for one in bookings:
        if one.stay.unit == unit and one.status in LIVE:
            if one.stay.start > at:
                yield Gap(unit, at, one.stay.start)
            at = max(at, one.stay.end)
    if at < span.end:
        yield Gap(unit, at, span.end)
