"""Bookings and how much of each pool is taken. A batch is folded first, so that what ended in it never stands in the way of what began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing import bulk
from billing.bookings.slots import number_of
from billing.codec import canonical, encode_value
from billing.events import BookingChanged, BookingConfirmed, BookingEnded, BookingEvent, BookingMade, BookingStarted, Stay
from billing.pipeline import Batch

TYPES = {
    "booking": "text",
    "thing": "text",
    "unit": "text",
    "number": "bigint",
    "account": "text",
    "quantity": "integer",
    "start": "timestamptz",
    "end": "timestamptz",
    "status": "text",
    "due": "timestamptz",
    "stay": "jsonb",
    "currency": "text",
    "catalogue": "text",
    "version": "integer",
    "sale": "text",
    "contract": "text",
    "fee": "numeric",
    "overbooked": "boolean",
    "name": "text",
    "reference": "text",
}


@dataclass
class _Folded:
    """What a batch makes of bookings and pools."""

    made: dict[str, dict[str, Any]] = field(default_factory=dict)  # booking -> the whole row
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)  # booking -> the columns that are others now
    taken: dict[tuple[str, datetime], int] = field(default_factory=dict)
    limits: dict[tuple[str, datetime], int] = field(default_factory=dict)

    def set(self, booking: str, columns: Mapping[str, Any]) -> None:
        target = self.made if booking in self.made else self.changed
        target.setdefault(booking, {}).update(columns)

    def take(self, thing: str, stay: Stay, limit: int) -> None:
        for slot in stay.slots:
            self._count(thing, slot, stay.quantity)
            self.limits[thing, slot] = limit

    def free(self, thing: str, stay: Stay, slots: tuple[datetime, ...]) -> None:
        if not stay.unit:
            for slot in slots:
                self._count(thing, slot, -stay.quantity)

    def _count(self, thing: str, slot: datetime, quantity: int) -> None:
        self.taken[thing, slot] = self.taken.get((thing, slot), 0) + quantity


def process(batch: Batch) -> None:
    folded = _Folded()
    for _, event in batch.of(BookingEvent):
        _fold(folded, event)
    for booking, columns in folded.changed.items():
        _update(booking, columns)
    bulk.copy("read_booking", list(TYPES), [[row[name] for name in TYPES] for row in folded.made.values()])
    _pools(folded)


def _stay(thing: str, stay: Stay) -> dict[str, Any]:
    return {
        "unit": stay.unit,
        "number": number_of(thing, stay.unit) if stay.unit else None,
        "quantity": stay.quantity,
        "start": stay.start,
        "end": stay.end,
        "stay": canonical(encode_value(stay)).decode(),
    }


def _fold(folded: _Folded, event: BookingEvent) -> None:
    if isinstance(event, BookingMade):
        same = {name: getattr(event, name) for name in "status due currency catalogue version sale overbooked name reference".split()}
        ids = {"booking": event.booking, "thing": event.thing, "account": event.account, "contract": "", "fee": 0}
        folded.made[event.booking] = ids | same | _stay(event.thing, event.stay)
        if event.limit is not None:
            folded.take(event.thing, event.stay, event.limit)
    elif isinstance(event, BookingConfirmed):
        folded.set(event.booking, {"status": "confirmed", "due": event.due, "sale": event.sale})
    elif isinstance(event, BookingChanged):
        columns = {"due": event.due, "sale": event.sale, "overbooked": event.overbooked}
        folded.set(event.booking, columns | _stay(event.thing, event.stay))
        folded.free(event.thing, event.before, event.before.slots)
        if event.limit is not None:
            folded.take(event.thing, event.stay, event.limit)
    elif isinstance(event, BookingStarted):
        folded.set(event.booking, {"status": "started", "due": None, "contract": event.contract})
    elif isinstance(event, BookingEnded):
        folded.set(event.booking, {"status": event.outcome, "due": None, "fee": event.fee} | _stay(event.thing, event.stay))
        folded.free(event.thing, event.stay, event.freed)


def _update(booking: str, columns: Mapping[str, Any]) -> None:
    """One booking. Few of a batch change: those that begin are written together."""
    given = {"booking": (TYPES["booking"], [booking])} | {name: (TYPES[name], [value]) for name, value in columns.items()}
    sets = ", ".join(f'"{name}" = given."{name}"' for name in columns)
    quoted = {f'"{name}"': column for name, column in given.items()}
    bulk.execute(f"UPDATE read_booking SET {sets} FROM {{rows}} WHERE read_booking.booking = given.booking", quoted)  # noqa: S608


def _pools(folded: _Folded) -> None:
    """Slots count up and down; where none is taken any more the row stays, with 0."""
    new = sorted(folded.limits)
    bulk.execute(
        'INSERT INTO read_capacity (thing, slot, taken, "limit") SELECT thing, slot, 0, most FROM {rows} ON CONFLICT DO NOTHING',
        {
            "thing": ("text", [thing for thing, _ in new]),
            "slot": ("timestamptz", [slot for _, slot in new]),
            "most": ("integer", [folded.limits[key] for key in new]),
        },
    )
    moved = sorted(folded.taken)
    bulk.execute(
        """UPDATE read_capacity held SET taken = held.taken + given.taken, "limit" = coalesce(given.most, held."limit") FROM {rows}
        WHERE held.thing = given.thing AND held.slot = given.slot""",
        {
            "thing": ("text", [thing for thing, _ in moved]),
            "slot": ("timestamptz", [slot for _, slot in moved]),
            "taken": ("integer", [folded.taken[key] for key in moved]),
            "most": ("integer", [folded.limits.get(key) for key in moved]),
        },
    )
