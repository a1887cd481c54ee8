"""Stock levels: the events say what was there afterwards."""

from __future__ import annotations

from billing import bulk
from billing.engine import Batch
from billing.events import StockMoved


def process(batch: Batch) -> None:
    levels = {event.item: event.level for _, event in batch.of(StockMoved)}
    bulk.execute(
        "INSERT INTO read_stock (item, level) SELECT item, level FROM {rows} ON CONFLICT (item) DO UPDATE SET level = excluded.level",
        {"item": ("text", list(levels)), "level": ("numeric", list(levels.values()))},
    )
