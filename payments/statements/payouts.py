"""Money that is to leave by transfer, as bank statements name it."""

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
    id: str
    account: str
    amount: Decimal
    currency: str
    status: str  # requested settled failed
    reason: str

    @property
    def end_to_end(self) -> str:
        return end_to_end(self.id)


def end_to_end(id: str) -> str:
    """The reference that a payout carries through banks: its id, or a digest where banks would not carry that."""
    if len(id) <= LONGEST and _ALLOWED.fullmatch(id):
        return id
    return f"P{hashlib.sha256(id.encode()).hexdigest()[:30].upper()}"


def payouts_of(seller: str, *, status: str = "") -> list[Payout]:
    """Refunds and released deposits by transfer, the oldest first."""
    statement = """
        SELECT r.refund, r.account, r.amount, r.currency, r.status, r.reason FROM read_refund r JOIN read_account a USING (account)
        WHERE a.seller = %s AND r.channel = 'transfer' AND r.status <> 'failed' AND (%s = '' OR r.status = %s)
        ORDER BY r.requested_at, r.account, r.sequence"""
    return [Payout(*row[:2], trimmed(row[2]), *row[3:]) for row in bulk.fetch(statement, [seller, status, status])]
