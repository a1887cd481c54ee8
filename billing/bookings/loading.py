"""Reading bookings, what is free, and the resources that catalogues offer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from billing import bulk
from billing.codec import decode_value
from billing.commands.offers import offered
from billing.events import Stay
from billing.loading import policy
from plans.catalogue import Catalogue
from plans.errors import Conflict, NotFound
from plans.fields import suggestion
from plans.resources import Resource

#: A booking with one of these has the thing.
LIVE = ("held", "confirmed", "started")


def thing_stream(thing: str) -> str:
    return f"thing:{thing}"


@dataclass(frozen=True)
class Booking:
    id: str
    thing: str
    account: str
    stay: Stay
    status: str
    due: datetime | None
    currency: str
    catalogue: str
    version: int
    sale: str
    contract: str
    name: str
    reference: str
    overbooked: bool

    @property
    def resource(self) -> Resource:
        """As it was when it was booked."""
        return policy().catalogue(self.catalogue, self.version).resources[self.thing]


BOOKING_FIELDS = (
    "booking, thing, account, stay::text, status, due, currency, catalogue, version, sale, contract, name, reference, overbooked"
)


def _booking(row: Sequence[Any]) -> Booking:
    values = list(row)
    values[3] = decode_value(Stay, orjson.loads(values[3]))
    return Booking(*values)


def _bookings(condition: str, values: Sequence[Any], *, order: str = "start, booking") -> list[Booking]:
    statement = f"SELECT {BOOKING_FIELDS} FROM read_booking WHERE {condition} ORDER BY {order}"  # noqa: S608 - literals of this module
    return [_booking(row) for row in bulk.fetch(statement, values)]


def find_booking(name: str, *, account: str, statuses: Collection[str] = LIVE) -> Booking:
    """A booking of the account. Raises NotFound `unknown_booking`, Conflict `booking_ended` or `booking_status`."""
    found = _bookings("booking = %s AND account = %s", [name, account])
    if not found:
        raise NotFound("unknown_booking", f"the account has no booking {name!r}", at="booking")
    status = found[0].status
    if status not in LIVE:
        raise Conflict("booking_ended", f"the booking {name} is {status.replace('_', ' ')}", at="booking", status=status)
    if status not in statuses:
        raise Conflict("booking_status", f"the booking {name} is {status}; that needs one that is {' or '.join(statuses)}", at="booking")
    return found[0]


def overlapping(thing: str, start: datetime, end: datetime, *, unit: str = "") -> list[Booking]:
    """The live bookings that touch `[start, end)`, of the unit where one is named."""
    condition = 'thing = %s AND status = ANY(%s) AND start < %s AND "end" > %s'
    values = [thing, list(LIVE), end, start]
    return _bookings(f"{condition} AND unit = %s", [*values, unit]) if unit else _bookings(condition, values)


def overdue_holds(thing: str, at: datetime) -> list[Booking]:
    return _bookings("thing = %s AND status = 'held' AND due <= %s", [thing, at], order="due, booking")


def with_due(accounts: Collection[str]) -> list[Booking]:
    """Holds and confirmed bookings that the clockwork looks after."""
    condition = "account = ANY(%s) AND status IN ('held', 'confirmed') AND due IS NOT NULL"
    return _bookings(condition, [list(accounts)], order="due, booking")


def of_account(account: str) -> list[Booking]:
    return _bookings("account = %s", [account])


def of_thing(thing: str, *, start: datetime, end: datetime) -> list[Booking]:
    return _bookings('thing = %s AND start < %s AND "end" > %s', [thing, end, start])


def taken(thing: str, slots: Sequence[datetime]) -> dict[datetime, int]:
    """slot → how many pieces of the pool are taken; slots of which none is taken are left out."""
    rows = bulk.fetch("SELECT slot, taken FROM read_capacity WHERE thing = %s AND slot = ANY(%s) AND taken > 0", [thing, list(slots)])
    return {row[0]: row[1] for row in rows}


def find_resource(code: str, on: date, catalogue: str = "") -> tuple[Catalogue, Resource]:
    """A resource of the newest catalogue on the day. Raises NotFound `unknown_thing`, Conflict `which_catalogue`."""
    on_offer = offered(on, catalogue)
    holding = [found for found in on_offer if code in found.resources]
    if len(holding) > 1:
        names = ", ".join(found.name for found in holding)
        raise Conflict("which_catalogue", f"the thing {code!r} stands in {names}; name the catalogue", at="catalogue")
    if not holding:
        known = [name for found in on_offer for name in found.resources]
        raise NotFound("unknown_thing", f"there is no thing {code!r} to book{suggestion(code, known)}", at="thing")
    return holding[0], holding[0].resources[code]
