"""Alerts on usage, as their events say: set by a person, reached now and then."""

from __future__ import annotations

from billing import bulk
from billing.events.alerts import UsageAlertReached, UsageAlertRemoved, UsageAlertSet
from billing.pipeline import Batch

COLUMNS = "alert account contract item measure threshold currency set_at".split()


def process(batch: Batch) -> None:
    for recorded, event in batch.of(UsageAlertSet, UsageAlertRemoved, UsageAlertReached):
        if isinstance(event, UsageAlertSet):
            told = [getattr(event, name) for name in COLUMNS[:-1]]
            bulk.copy("read_usage_alert", COLUMNS, [(*told, recorded.effective_at)])
        elif isinstance(event, UsageAlertRemoved):
            bulk.fetch("DELETE FROM read_usage_alert WHERE alert = %s RETURNING 1", [event.alert])
        elif isinstance(event, UsageAlertReached):
            statement = "UPDATE read_usage_alert SET told_for = %s, told_at = %s WHERE alert = %s RETURNING 1"
            bulk.fetch(statement, [event.start, recorded.effective_at, event.alert])
