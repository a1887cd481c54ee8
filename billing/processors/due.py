"""Documents with several due dates: which hold now, and which held when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing import bulk
from billing.events import DueDatesSet
from billing.pipeline import Batch

COLUMNS = "account sequence position invoice due amount since until ended".split()


def process(batch: Batch) -> None:
    """A new schedule of a document ends the one before it."""
    rows: list[list[Any]] = []
    ended: dict[str, tuple[datetime, int]] = {}
    for recorded, event in batch.of(DueDatesSet):
        position = 0
        for schedule in event.schedules:
            for row in rows:
                if row[3] == schedule.invoice and row[7] is None:
                    row[7:] = [recorded.effective_at, recorded.sequence]
            ended.setdefault(schedule.invoice, (recorded.effective_at, recorded.sequence))
            for part in schedule.parts:
                position += 1
                rows.append(
                    [event.account, recorded.sequence, position, schedule.invoice, part.due, part.amount, recorded.effective_at, None, None]
                )
    bulk.execute(
        """UPDATE read_due_part p SET until = given.at, ended = given.sequence FROM {rows}
            WHERE p.invoice = given.invoice AND p.until IS NULL""",
        {
            "invoice": ("text", list(ended)),
            "at": ("timestamptz", [at for at, _ in ended.values()]),
            "sequence": ("bigint", [sequence for _, sequence in ended.values()]),
        },
    )
    bulk.copy("read_due_part", COLUMNS, rows)
