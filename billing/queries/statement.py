"""A statement of account: what was owed before, what happened, what is owed after. The balance is owed less credit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing import bulk, ledgers
from billing.loading import trimmed
from billing.queries.accounts import AccountRow, find_account
from billing.queries.history import events_at
from billing.queries.money import ZERO, Dates
from billing.queries.why.documents import event_title


@dataclass(frozen=True)
class Entry:
    """One event that moved money: `amount` is what it added to the balance, `balance` what the balance was after it."""

    address: str
    at: datetime
    kind: str
    title: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True)
class Statement:
    """One currency of an account over `[start, end)`: opening + the entries' amounts = closing."""

    account: AccountRow
    currency: str
    start: datetime | None
    end: datetime | None
    opening: Decimal
    entries: tuple[Entry, ...]
    closing: Decimal


def statement(
    account: str, *, start: datetime | None = None, end: datetime | None = None, known_at: datetime | None = None
) -> list[Statement]:
    """One per currency that the account ever had, its own first; with `known_at` what was recorded up to and including it. Raises NotFound
    `unknown_account`."""
    row = find_account(account)
    known, values = Dates(known_at=known_at).condition(effective="p.effective_at", address="p")
    moved = f"""
        SELECT currency, sequence, effective_at, sum(amount) FROM read_posting p
        WHERE account = %s AND ledger IN ('{ledgers.RECEIVABLE}', '{ledgers.CREDIT}')
            AND (%s::timestamptz IS NULL OR effective_at < %s){known}
        GROUP BY currency, sequence, effective_at ORDER BY currency, effective_at, sequence"""  # noqa: S608 - literals
    rows = bulk.fetch(moved, [account, end, end, *values])
    shown = [found for found in rows if start is None or found[2] >= start]
    events = events_at({f"{account}/{found[1]}" for found in shown})
    answer = []
    for currency in sorted({found[0] for found in rows} | {row.currency}, key=lambda code: (code != row.currency, code)):
        before = sum((found[3] for found in rows if found[0] == currency and start is not None and found[2] < start), ZERO)
        balance, entries = trimmed(before), []
        for _, sequence, at, amount in (found for found in shown if found[0] == currency):
            balance = trimmed(balance + amount)
            recorded = events[f"{account}/{sequence}"]
            entries.append(Entry(recorded.address, at, recorded.event.kind, event_title(recorded), trimmed(amount), balance))
        answer.append(Statement(row, currency, start, end, trimmed(before), tuple(entries), balance))
    return answer
