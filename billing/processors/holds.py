"""Contracts that are kept off documents."""

from __future__ import annotations

from typing import Any

from billing import bulk
from billing.events import InvoicingHeld, InvoicingResumed
from billing.pipeline import Batch

COLUMNS = ["account", "contract", "item", "event", "actor", "since", "until", "reason"]


def process(batch: Batch) -> None:
    """A row for each thing that is held, or was: when it is released, it keeps the day."""
    rows: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for recorded, event in batch.of(InvoicingHeld, InvoicingResumed):
        for item in event.items or ("",):
            until = recorded.effective_at if isinstance(event, InvoicingResumed) else None
            rows[event.account, event.contract, item] = recorded.address, recorded.actor, recorded.effective_at, until, event.reason
    keys = {name: ("text", [key[i] for key in rows]) for i, name in enumerate(("account", "contract", "item"))}
    bulk.execute(
        """DELETE FROM read_invoicing_hold h USING {rows}
            WHERE (h.account, h.contract, h.item) = (given.account, given.contract, given.item)""",
        keys,
    )
    bulk.copy("read_invoicing_hold", COLUMNS, [(*key, *row) for key, row in rows.items()])
