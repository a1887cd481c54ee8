"""Payments, as the journal recorded them."""

from __future__ import annotations

from billing import bulk
from billing.engine import Batch
from billing.events import PaymentReceived


def process(batch: Batch) -> None:
    rows = [
        (e.payment, e.account, r.sequence, e.amount, e.currency, e.channel, e.reference, r.effective_at, "received", 0, 0)
        for r, e in batch.of(PaymentReceived)
    ]
    bulk.copy("read_payment", "payment account sequence amount currency channel reference received_at status refunded disputed".split(), rows)
