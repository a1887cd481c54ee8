"""Reading levels, reservations and what is kept in stock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.loading import trimmed
from billing.stock.levels import MAIN, Level
from plans.catalogue import Item

LEVEL_FIELDS = "item, location, level, reserved, value, unit_cost"


def stock_stream(item: str) -> str:
    return f"stock:{item}"


def load_levels(item: str) -> dict[str, Level]:
    """location → what is there, of the places where anything ever moved."""
    rows = bulk.fetch(f"SELECT {LEVEL_FIELDS} FROM read_stock WHERE item = %s ORDER BY location", [item])  # noqa: S608 - a literal
    return {row[1]: _level(row) for row in rows}


def _level(row: tuple[object, ...]) -> Level:
    item, location, level, reserved, value, unit_cost = row
    amounts = [trimmed(Decimal(str(amount))) for amount in (level, reserved, value)]
    return Level(str(item), str(location), *amounts, unit_cost=None if unit_cost is None else trimmed(Decimal(str(unit_cost))))


def level_at(item: Item | None, code: str, location: str = MAIN) -> Level:
    """What is recorded; at the main place of goods that never moved, what the catalogue says that there is at the start."""
    found = load_levels(code)
    if location in found:
        return found[location]
    start = item.stock_start if item is not None and location == MAIN and MAIN not in found else Decimal(0)
    return Level(code, location, start)


@dataclass(frozen=True)
class Reservation:
    id: str
    item: str
    location: str
    account: str
    quantity: Decimal
    expires: datetime | None
    reference: str
    status: str


RESERVATION_FIELDS = "reservation, item, location, account, quantity, expires, reference, status"


def _reservation(row: tuple[object, ...]) -> Reservation:
    found = Reservation(*row)  # type: ignore[arg-type]
    return Reservation(**{**vars(found), "quantity": trimmed(found.quantity)})


def load_reservation(name: str) -> Reservation | None:
    rows = bulk.fetch(f"SELECT {RESERVATION_FIELDS} FROM read_stock_reservation WHERE reservation = %s", [name])  # noqa: S608
    return _reservation(rows[0]) if rows else None


def open_reservations(*, item: str = "", accounts: Collection[str] = ()) -> list[Reservation]:
    """Those that are open, of an item or of accounts, in the order in which they end."""
    condition, value = ("item = %s", item) if item else ("account = ANY(%s)", list(accounts))
    statement = f"""
        SELECT {RESERVATION_FIELDS} FROM read_stock_reservation WHERE status = 'open' AND {condition}
        ORDER BY expires NULLS LAST, reservation"""  # noqa: S608 - literals
    return [_reservation(row) for row in bulk.fetch(statement, [value])]


def last_move(item: str, location: str) -> tuple[str, datetime] | None:
    """The address and moment of the last movement that took goods away from the place."""
    statement = """
        SELECT sequence, at FROM read_stock_move WHERE item = %s AND location = %s AND quantity < 0 ORDER BY sequence DESC LIMIT 1"""
    rows = bulk.fetch(statement, [item, location])
    return (f"{stock_stream(item)}/{rows[0][0]}", rows[0][1]) if rows else None
