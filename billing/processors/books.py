"""What is still to be earned, and which months are closed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.events import BooksClosed, ChargeAccrued, CreditNoteIssued, InvoiceVoided, Key, RevenueRecognised
from billing.journal import Recorded
from billing.pipeline import Batch

KEY = "account contract item terms period_start component currency".split()
TYPES = {"period_start": "timestamptz"}
COLUMNS = [*KEY, *"ledger catalogue version start end charged recognised after since settled".split()]
CHARGED, RECOGNISED, AFTER, SINCE, SETTLED = (COLUMNS.index(name) for name in "charged recognised after since settled".split())
SPAN = slice(len(KEY), CHARGED)

Name = tuple[Any, ...]  # the values of KEY
Moving = ChargeAccrued | RevenueRecognised | CreditNoteIssued | InvoiceVoided


def process(batch: Batch) -> None:
    _deferred(batch)
    closed = {event.seller: (recorded, event) for recorded, event in batch.of(BooksClosed)}
    bulk.execute(
        """INSERT INTO read_books (seller, closed_through, event, closed_at) SELECT seller, through, event, at FROM {rows}
            ON CONFLICT (seller) DO UPDATE SET closed_through = excluded.closed_through, event = excluded.event,
            closed_at = excluded.closed_at""",
        {
            "seller": ("text", list(closed)),
            "through": ("date", [event.through for _, event in closed.values()]),
            "event": ("text", [recorded.address for recorded, _ in closed.values()]),
            "at": ("timestamptz", [recorded.effective_at for recorded, _ in closed.values()]),
        },
    )


def _deferred(batch: Batch) -> None:
    """Fold charges and recognitions in their order; a row whose charge is earned is gone, whatever comes later makes a row of its own."""
    found = batch.of(ChargeAccrued, RevenueRecognised, CreditNoteIssued, InvoiceVoided)
    touched = [name for recorded, event in found for name in _names(recorded.stream, event)]
    if not touched:
        return
    rows = _standing(touched)
    stood = list(rows)
    for recorded, event in found:
        if isinstance(event, RevenueRecognised):
            for line in event.lines:
                row = rows[_name(recorded.stream, line.key)]
                row[RECOGNISED] += line.amount
                row[AFTER] = recorded.effective_at
        elif isinstance(event, CreditNoteIssued | InvoiceVoided):
            for one in event.released:
                row = rows[_name(recorded.stream, one.key)]
                row[CHARGED] -= one.amount
                row[SINCE], row[SETTLED] = one.since, one.settled
        else:
            _charge(rows, recorded, event)
        for name in _names(recorded.stream, event):
            if name in rows and rows[name][CHARGED] == rows[name][RECOGNISED]:
                del rows[name]
    condition = " AND ".join(f"read_deferred.{name} = given.{name}" for name in KEY)
    bulk.execute(f"DELETE FROM read_deferred USING {{rows}} WHERE {condition}", _columns(stood))  # noqa: S608 - names of this module
    bulk.copy("read_deferred", COLUMNS, rows.values())


def _name(account: str, key: Key) -> Name:
    return account, key.contract, key.item, key.terms, key.period_start, key.component, key.currency


def _names(account: str, event: Moving) -> list[Name]:
    if isinstance(event, CreditNoteIssued | InvoiceVoided):
        return [_name(account, one.key) for one in event.released]
    if isinstance(event, RevenueRecognised):
        return [_name(account, line.key) for line in event.lines]
    return [_name(account, event.key)] if deferred_amount(event) else []


def deferred_amount(event: ChargeAccrued) -> Decimal:
    """What the charge added to the deferred revenue (negative: took away)."""
    return -sum((posting.amount for posting in event.entry.postings if posting.ledger == ledgers.DEFERRED), Decimal(0))


def _charge(rows: dict[Name, list[Any]], recorded: Recorded, event: ChargeAccrued) -> None:
    amount = deferred_amount(event)
    if not amount:
        return
    name = _name(recorded.stream, event.key)
    ledger = event.earned_in or ledgers.REVENUE_BY_CHARGE["fee"]
    span = [ledger, event.catalogue, event.version, event.start, event.end]
    row = rows.setdefault(name, [*name, *span, Decimal(0), Decimal(0), recorded.effective_at, None, Decimal(0)])
    row[SPAN] = span
    row[CHARGED] += amount
    row[AFTER] = max(row[AFTER], recorded.effective_at)


def _columns(names: list[Name]) -> dict[str, tuple[str, list[Any]]]:
    return {column: (TYPES.get(column, "text"), [name[i] for name in names]) for i, column in enumerate(KEY)}


def _standing(names: list[Name]) -> dict[Name, list[Any]]:
    columns = _columns(list(dict.fromkeys(names)))
    arrays = ", ".join(f"%s::{kind}[]" for kind, _ in columns.values())
    selected = ", ".join(f'"{column}"' for column in COLUMNS)
    statement = f"SELECT {selected} FROM read_deferred JOIN unnest({arrays}) AS given({', '.join(KEY)}) USING ({', '.join(KEY)})"  # noqa: S608
    return {tuple(row[: len(KEY)]): list(row) for row in bulk.fetch(statement, [values for _, values in columns.values()])}
