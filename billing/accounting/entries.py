"""Postings of a seller's books for accountants: read in the order of the books, by a cursor of the server, never all at once.

Everything that one export reads is one state of the database (`snapshot`). Days are accounting dates; a `Span` counts its last day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from billing import bulk
from billing.loading import trimmed

ROWS = 2000
Sums = dict[tuple[str, str], Decimal]  # (ledger, currency) → amount, debit positive


@dataclass(frozen=True)
class Span:
    """The days `first` to `last` of a seller's books, both included."""

    seller: str
    first: date
    last: date


@dataclass(frozen=True)
class Line:
    """One posting with the event that made it. `corrects`: the day of a closed month to which it belongs by its nature."""

    account: str
    sequence: int
    leg: int
    day: date
    ledger: str
    currency: str
    amount: Decimal
    invoice: str
    effective_at: datetime
    corrects: date | None
    kind: str
    actor: str
    command: str
    document: str  # the number of the document that the posting belongs to

    @property
    def address(self) -> str:
        return f"{self.account}/{self.sequence}"


@contextmanager
def snapshot() -> Iterator[None]:
    """One state of the database for everything that is read inside. Inside another transaction: what that one sees."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def stream(statement: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement, a block at a time. Only inside a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(ROWS):
            yield from rows


def lines(span: Span) -> Iterator[Line]:
    """Every posting of the span: by day, then by event, then by leg."""
    statement = """
        SELECT p.account, p.sequence, p.leg, p.accounting_date, p.ledger, p.currency, p.amount, p.invoice, p.effective_at, p.corrects,
            j.kind, j.actor, j.command, coalesce(i.number, '')
        FROM read_posting p JOIN journal j ON j.stream = p.account AND j.sequence = p.sequence
        LEFT JOIN read_invoice i ON i.invoice = coalesce(nullif(p.invoice, ''), p.account || '/' || p.sequence)
        WHERE p.seller = %s AND p.accounting_date BETWEEN %s AND %s
        ORDER BY p.accounting_date, p.account COLLATE "C", p.sequence, p.leg"""
    for row in stream(statement, [span.seller, span.first, span.last]):
        yield Line(*row[:6], trimmed(row[6]), *row[7:])


def entries(span: Span) -> Iterator[list[Line]]:
    """The same, an event at a time."""
    held: list[Line] = []
    for line in lines(span):
        if held and held[0].address != line.address:
            yield held
            held = []
        held.append(line)
    if held:
        yield held


def first_day(seller: str) -> date | None:
    """The day of the seller's first posting."""
    day: date | None = bulk.fetch("SELECT min(accounting_date) FROM read_posting WHERE seller = %s", [seller])[0][0]
    return day


def sums_before(seller: str, day: date) -> Sums:
    """The balance of each ledger at the start of the day; those of nothing are left out."""
    statement = """
        SELECT ledger, currency, sum(amount) FROM read_posting WHERE seller = %s AND accounting_date < %s
        GROUP BY ledger, currency HAVING sum(amount) <> 0 ORDER BY ledger, currency"""
    return {(ledger, currency): trimmed(amount) for ledger, currency, amount in bulk.fetch(statement, [seller, day])}


@dataclass(frozen=True)
class Movement:
    """What moved on one ledger in one month of the span: the sums of its debits and credits (positive), and how many postings."""

    month: date
    ledger: str
    currency: str
    debit: Decimal
    credit: Decimal
    postings: int

    @property
    def amount(self) -> Decimal:
        return self.debit - self.credit


def movements(span: Span) -> list[Movement]:
    """By month, ledger and currency."""
    statement = """
        SELECT date_trunc('month', accounting_date)::date, ledger, currency,
            coalesce(sum(amount) FILTER (WHERE amount > 0), 0), coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), count(*)
        FROM read_posting WHERE seller = %s AND accounting_date BETWEEN %s AND %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    rows = bulk.fetch(statement, [span.seller, span.first, span.last])
    return [Movement(*row[:3], trimmed(row[3]), trimmed(row[4]), row[5]) for row in rows]


def month_balances(span: Span) -> dict[date, Sums]:
    """The last day of each month of the span (of a part of one: its last day in the span) → the balances at its end, whatever is zero
    again included."""
    balances: Sums = dict(sums_before(span.seller, span.first))
    found: dict[date, Sums] = {}
    for movement in movements(span):
        key = movement.ledger, movement.currency
        balances[key] = balances.get(key, Decimal(0)) + movement.amount
        found[min(_last_day(movement.month), span.last)] = dict(balances)
    found[span.last] = dict(balances)
    return dict(sorted(found.items()))


def _last_day(month: date) -> date:
    return date.fromordinal((month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1, day=1)).toordinal() - 1)
