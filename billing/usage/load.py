"""Measurement files: which columns they have, and taking a whole file in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO

from billing.codec import time_text
from billing.usage.files import Columns, form_of, read_rows
from billing.usage.intake import Report, ingest_rows
from billing.usage.records import FIELDS

COLUMNS = Columns(
    known=[name for name in FIELDS if name != "dimensions"],
    required=("id", "account", "meter"),
    mappings=("dimensions",),
    others="dimensions",
)


def load_file(
    stream: BinaryIO,
    *,
    name: str,
    source: str,
    arrived_at: datetime,
    form: str = "",
    progress: Callable[[Report], Any] | None = None,
) -> Report:
    """Take the measurements of an open file in: CSV (columns that are no field are dimensions) or JSON Lines. Raises Invalid `bad_file`.

    The batch under which wrong lines are put aside is named after the file and the time.
    """
    rows = read_rows(stream, name=name, form=form_of(name, form), columns=COLUMNS)
    return ingest_rows(rows, source=source, arrived_at=arrived_at, batch=f"{name} {time_text(arrived_at)}", progress=progress)
