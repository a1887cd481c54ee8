"""Postings and balances: copied from the entries that the events hold, never decided here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.pipeline import Batch

COLUMNS = "account sequence leg seller ledger currency amount invoice effective_at accounting_date corrects".split()


def process(batch: Batch) -> None:
    rows: list[tuple[Any, ...]] = []
    moves: dict[tuple[str, str, str, date], Decimal] = {}
    sums: dict[tuple[str, str, str], Decimal] = {}
    for recorded in batch.events:
        entry = getattr(recorded.event, "entry", None)
        if entry is None:
            continue
        for leg, posting in enumerate(entry.postings, start=1):
            rows.append(
                (
                    recorded.stream,
                    recorded.sequence,
                    leg,
                    entry.seller,
                    posting.ledger,
                    posting.currency,
                    posting.amount,
                    posting.invoice,
                    recorded.effective_at,
                    entry.accounting_date,
                    entry.corrects,
                )
            )
            key = recorded.stream, posting.ledger, posting.currency
            sums[key] = sums.get(key, Decimal(0)) + posting.amount
            if posting.ledger in ledgers.WHO_OWES:
                month = *key, recorded.effective_at.astimezone(UTC).date().replace(day=1)
                moves[month] = moves.get(month, Decimal(0)) + posting.amount
    bulk.copy("read_posting", COLUMNS, rows)
    _balances(sums)
    bulk.execute(
        """INSERT INTO read_month_move (account, ledger, currency, month, amount)
            SELECT account, ledger, currency, month, amount FROM {rows}
            ON CONFLICT (account, ledger, currency, month) DO UPDATE SET amount = read_month_move.amount + excluded.amount""",
        {
            "account": ("text", [key[0] for key in moves]),
            "ledger": ("text", [key[1] for key in moves]),
            "currency": ("text", [key[2] for key in moves]),
            "month": ("date", [key[3] for key in moves]),
            "amount": ("numeric", list(moves.values())),
        },
    )


def _balances(sums: dict[tuple[str, str, str], Decimal]) -> None:
    """Add the sums to what stands. A balance is nearly always there already; the streams' locks keep others from adding one meanwhile."""
    columns: dict[str, tuple[str, Sequence[Any]]] = {
        "account": ("text", [key[0] for key in sums]),
        "ledger": ("text", [key[1] for key in sums]),
        "currency": ("text", [key[2] for key in sums]),
        "amount": ("numeric", list(sums.values())),
    }
    bulk.execute(
        """MERGE INTO read_balance held USING {rows}
            ON held.account = given.account AND held.ledger = given.ledger AND held.currency = given.currency
            WHEN MATCHED THEN UPDATE SET amount = held.amount + given.amount
            WHEN NOT MATCHED THEN INSERT (account, ledger, currency, amount)
                VALUES (given.account, given.ledger, given.currency, given.amount)""",
        columns,
    )
