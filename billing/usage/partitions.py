"""The months of `usage_record`: made ahead of time, so that no record waits for a table; and what came for other times moved to its month.

Records of months without a partition are in the default one: right, only slower once they are many. Making a month needs the default
partition for a moment alone; where somebody keeps it busy, it is left for the next time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from django.db import OperationalError, transaction

from billing import bulk
from billing.accounting.periods import month_after

AHEAD = 3
#: From so many records on a month of the default partition gets one of its own: stray times must not make a table each.
MANY = 10_000


def keep_months(*, at: datetime, ahead: int = AHEAD, many: int = MANY) -> Mapping[date, int]:
    """Make the months from that of `at` to `ahead` months later, and those of which the default partition holds many. Answers the months
    that were made, with how many records moved. Safe to repeat, and beside everything else."""
    wanted = [at.date().replace(day=1)]
    for _ in range(ahead):
        wanted.append(month_after(wanted[-1]))
    wanted += _crowded(many)
    known = _known()
    made = {month: _make(month) for month in sorted(set(wanted)) if month not in known}
    return {month: moved for month, moved in made.items() if moved is not None}


def _known() -> set[date]:
    statement = r"""
        SELECT to_date(substring(inhrelid::regclass::text FROM '(\d{4}_\d{2})$'), 'YYYY_MM') FROM pg_inherits
        WHERE inhparent = 'usage_record'::regclass AND inhrelid::regclass::text ~ '_\d{4}_\d{2}$'"""
    return {month for (month,) in bulk.fetch(statement)}


def _crowded(many: int) -> list[date]:
    statement = """
        SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date FROM usage_record_other GROUP BY 1 HAVING count(*) >= %s"""
    return [month for (month,) in bulk.fetch(statement, [many])]


def _make(month: date) -> int | None:
    """How many records moved into the new month; None where the default partition was busy."""
    try:
        with transaction.atomic():
            return int(bulk.fetch("SELECT usage_month(%s)", [month])[0][0])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "55P03":  # the lock was not available in time
            return None
        raise
