"""Stock: levels, movements and reservations. The events say what was there afterwards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import bulk
from billing.events import StockMoved, StockReservationEnded, StockReserved
from billing.pipeline import Batch

MOVE_COLUMNS = "item sequence location at quantity level reason account cost currency note cause".split()
RESERVATION_COLUMNS = "reservation item location account quantity expires reference status".split()


def process(batch: Batch) -> None:
    _levels(batch)
    _reserved(batch)
    bulk.copy(
        "read_stock_move",
        MOVE_COLUMNS,
        [
            (e.item, r.sequence, e.location, r.effective_at, e.quantity, e.level, e.reason, e.account, e.cost, e.currency, e.note, r.cause)
            for r, e in batch.of(StockMoved)
        ],
    )
    bulk.copy(
        "read_stock_reservation",
        RESERVATION_COLUMNS,
        [(e.reservation, e.item, e.location, e.account, e.quantity, e.expires, e.reference, "open") for _, e in batch.of(StockReserved)],
    )
    over = {event.reservation: event.outcome for _, event in batch.of(StockReservationEnded)}
    bulk.execute(
        "UPDATE read_stock_reservation SET status = given.status FROM {rows} WHERE read_stock_reservation.reservation = given.reservation",
        {"reservation": ("text", list(over)), "status": ("text", list(over.values()))},
    )


def _levels(batch: Batch) -> None:
    """The last movement of each item and place says what is there."""
    last = {(event.item, event.location): event for _, event in batch.of(StockMoved)}
    bulk.execute(
        """INSERT INTO read_stock (item, location, level, reserved, value, unit_cost)
            SELECT item, location, level, 0, value, unit_cost FROM {rows}
        ON CONFLICT (item, location) DO UPDATE SET level = excluded.level, value = excluded.value, unit_cost = excluded.unit_cost""",
        {
            "item": ("text", [item for item, _ in last]),
            "location": ("text", [location for _, location in last]),
            "level": ("numeric", [event.level for event in last.values()]),
            "value": ("numeric", [event.value for event in last.values()]),
            "unit_cost": ("numeric", [event.unit_cost for event in last.values()]),
        },
    )


def _reserved(batch: Batch) -> None:
    """What is reserved in all. Where goods never moved the row begins with what was there, as the reservations say."""
    last: dict[tuple[str, str], Any] = {}
    levels: dict[tuple[str, str], Decimal] = {}
    for recorded in batch.events:
        event = recorded.event
        if isinstance(event, StockReserved | StockReservationEnded):
            place = event.item, event.location
            last[place] = event
            levels[place] = event.level if isinstance(event, StockReserved) else levels.get(place, Decimal(0))
    bulk.execute(
        """INSERT INTO read_stock (item, location, level, reserved, value)
            SELECT item, location, level, reserved, 0 FROM {rows}
        ON CONFLICT (item, location) DO UPDATE SET reserved = excluded.reserved""",
        {
            "item": ("text", [item for item, _ in last]),
            "location": ("text", [location for _, location in last]),
            "level": ("numeric", [levels[place] for place in last]),
            "reserved": ("numeric", [event.reserved for event in last.values()]),
        },
    )
