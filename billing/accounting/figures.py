"""Figures beside the books, as tables: what was sold, what recurs, what was used, what was paid; goods in stock and how they moved.

Days are days of the seller's books; months are whole ones of the span. Goods are kept once, whoever sells them, so the tables of stock are
the same for every seller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.accounting.entries import Span
from billing.accounting.months import day_in_books
from billing.accounting.reports import Table
from billing.queries import metrics
from billing.queries.metrics import MeterUse, MoneyIn, Recurring, Sold
from plans.money import decimals, plain

MOVES = ("at", "item", "location", "reason", "quantity", "level", "cost", "currency", "account", "cause", "note")
LEVELS = ("item", "location", "level", "cost_in", "cost_out", "value", "currency", "last_move")


def _bounds(span: Span) -> tuple[Any, Any]:
    return day_in_books(span.first, span.seller), day_in_books(span.last + timedelta(days=1), span.seller)


def _rows(kind: type, found: Callable[[Any, Any, str], tuple[Any, ...]]) -> Callable[[Span], Table]:
    """A table of the dataclasses that a figure answers with."""

    def table(span: Span) -> Table:
        start, end = _bounds(span)
        return tuple(field.name for field in fields(kind)), iter([astuple(one) for one in found(start, end, span.seller)])

    return table


def _recurring(start: Any, end: Any, seller: str) -> tuple[Recurring, ...]:
    return metrics.recurring(start, end, seller=seller)


def stock(span: Span) -> Table:
    """What was there of each item at each place at the end of the last day, and what it had cost."""
    statement = """
        SELECT item, location, (array_agg(level ORDER BY sequence DESC))[1], coalesce(sum(cost) FILTER (WHERE quantity > 0), 0),
            coalesce(sum(cost) FILTER (WHERE quantity < 0), 0), max(currency), max(at)
        FROM read_stock_move WHERE at < %s GROUP BY 1, 2 ORDER BY 1, 2"""
    rows = bulk.fetch(statement, [_bounds(span)[1]])
    return LEVELS, iter([(*row[:2], plain(row[2]), *_amounts(row[5], *row[3:5], row[3] - row[4]), *row[5:]) for row in rows])


def _amounts(currency: str, *values: Decimal) -> list[str]:
    """As they are written in the currency; goods that cost nothing have none."""
    return [plain(value, decimals(currency)) if currency else plain(value) for value in values]


def stock_moves(span: Span) -> Table:
    """Each movement of the days, in its order."""

    def rows() -> Iterator[tuple[Any, ...]]:
        statement = f"""
            SELECT {", ".join(MOVES)} FROM read_stock_move WHERE at >= %s AND at < %s ORDER BY at, item, sequence"""  # noqa: S608 - ours
        for *place, quantity, level, cost, currency, account, cause, note in bulk.fetch(statement, list(_bounds(span))):
            yield (*place, plain(quantity), plain(level), *_amounts(currency, cost), currency, account, cause, note)

    return MOVES, rows()


FIGURES: Mapping[str, Callable[[Span], Table]] = {
    "sold": _rows(Sold, metrics.sold),
    "recurring": _rows(Recurring, _recurring),
    "used": _rows(MeterUse, metrics.usage),
    "money-in": _rows(MoneyIn, metrics.money_in),
    "stock": stock,
    "stock-moves": stock_moves,
}
