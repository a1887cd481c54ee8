"""Which transfer stands in which file."""

from __future__ import annotations

from billing import bulk
from billing.pipeline import Batch
from payments.transfers.events import TransferSent

COLUMNS = "transfer account sequence file end_to_end amount currency destination text sent_at".split()


def process(batch: Batch) -> None:
    rows = [
        (e.transfer, e.account, r.sequence, e.file, e.end_to_end, e.amount, e.currency, e.destination, e.text, r.effective_at)
        for r, e in batch.of(TransferSent)
    ]
    bulk.copy("read_transfer", COLUMNS, rows)
