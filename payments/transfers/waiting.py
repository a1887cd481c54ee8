"""What is to leave by transfer."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal

from billing import bulk
from billing.loading import trimmed

LONGEST = 35  # characters of an end-to-end reference
_ALLOWED = re.compile(r"[A-Za-z0-9.?:()+-]+/\d+")


@dataclass(frozen=True)
class Payout:
    """`kind`: refund (of a payment, of credit, of a deposit) or payout (of what we owe on statements)."""

    kind: str
    id: str
    account: str
    amount: Decimal
    currency: str
    status: str  # requested settled failed
    reason: str
    file: str  # in which it was sent to the bank; "": in none yet

    @property
    def end_to_end(self) -> str:
        return end_to_end(self.id)


def end_to_end(id: str) -> str:
    """The reference that a transfer carries through banks: its id, or a digest where banks would not carry that."""
    if len(id) <= LONGEST and _ALLOWED.fullmatch(id):
        return id
    return f"P{hashlib.sha256(id.encode()).hexdigest()[:30].upper()}"


STATEMENT = """
    SELECT r.kind, r.id, r.account, r.amount, r.currency, r.status, r.reason, coalesce(t.file, '') FROM (
        SELECT 'refund' AS kind, refund AS id, account, amount, currency, channel, status, reason, requested_at, sequence FROM read_refund
        UNION ALL SELECT 'payout', payout, account, amount, currency, channel, status, '', requested_at, sequence FROM read_payout
    ) AS r JOIN read_account a USING (account) LEFT JOIN read_transfer t ON t.transfer = r.id
    WHERE a.seller = %s AND r.channel = 'transfer' AND r.status = ANY(%s) ORDER BY r.requested_at, r.account, r.sequence"""


def payouts_of(seller: str, *, waiting: bool = False) -> list[Payout]:
    """Those asked for or settled, the oldest first; only those `waiting` for a file, where that is asked."""
    rows = bulk.fetch(STATEMENT, [seller, ["requested"] if waiting else ["requested", "settled"]])
    found = [Payout(*row[:3], trimmed(row[3]), *row[4:]) for row in rows]
    return [one for one in found if not (waiting and one.file)]


def payout_of(account: str, id: str) -> Payout | None:
    """One of the account's."""
    statement = STATEMENT.replace("a.seller = %s", "r.account = %s AND r.id = %s")
    rows = bulk.fetch(statement, [account, id, ["requested", "settled", "failed"]])
    return Payout(*rows[0][:3], trimmed(rows[0][3]), *rows[0][4:]) if rows else None


def statements_due(seller: str, day: str) -> list[tuple[str, str, str]]:
    """(account, id, number) of what we owe on statements in EUR that is due by the day."""
    statement = """
        SELECT i.account, i.invoice, i.number FROM read_invoice i JOIN read_account a USING (account)
        WHERE a.seller = %s AND i.document = 'statement' AND i.open > 0 AND i.currency = 'EUR' AND i.due <= %s::date
        ORDER BY i.due, i.account, i.sequence"""
    return [(row[0], row[1], row[2]) for row in bulk.fetch(statement, [seller, day])]
