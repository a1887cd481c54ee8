"""What is in stock, how it came to be, and what was sold: read from the tables that the movements made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.loading import trimmed
from billing.stock.levels import MAIN, Level
from billing.stock.loading import Reservation, load_levels, open_reservations
from plans import store
from plans.catalogue import Item
from plans.errors import NotFound
from plans.fields import suggestion


def levels_of(item: Item) -> list[Level]:
    """The item at each place, the main one first: with what the catalogue says that there is where nothing ever moved."""
    found = load_levels(item.code)
    main = found.pop(MAIN, None) or Level(item.code, level=item.stock_start)
    return [main, *found.values()]


def kept() -> dict[str, Item]:
    """code → item, of all that the newest catalogues keep in stock."""
    return {code: item for name in store.names() for code, item in store.newest(name).items.items() if item.stock}


@dataclass(frozen=True)
class Move:
    """One movement, as its event says it."""

    address: str
    at: datetime
    location: str
    quantity: Decimal
    level: Decimal
    reason: str
    account: str
    cost: Decimal
    currency: str
    note: str
    cause: str


@dataclass(frozen=True)
class Goods:
    """One item: where it is, who has reserved it, and how it moved, newest last."""

    item: Item
    levels: tuple[Level, ...]
    reservations: tuple[Reservation, ...]
    moves: tuple[Move, ...]


def all_goods() -> list[Goods]:
    """Every item in stock, without its history."""
    return [Goods(item, tuple(levels_of(item)), (), ()) for item in kept().values()]


def goods(code: str, *, limit: int = 50) -> Goods:
    """One item with the last `limit` movements. Raises NotFound `unknown_item`."""
    known = kept()
    if code not in known:
        raise NotFound("unknown_item", f"no item {code!r} is kept in stock{suggestion(code, list(known))}", at="item")
    return Goods(known[code], tuple(levels_of(known[code])), tuple(open_reservations(item=code)), tuple(moves(code, limit=limit)))


def moves(code: str, *, limit: int) -> list[Move]:
    statement = """
        SELECT 'stock:' || item || '/' || sequence, at, location, quantity, level, reason, account, cost, currency, note, cause
        FROM read_stock_move WHERE item = %s ORDER BY sequence DESC LIMIT %s"""
    rows = [Move(*(trimmed(one) if isinstance(one, Decimal) else one for one in row)) for row in bulk.fetch(statement, [code, limit])]
    return rows[::-1]
