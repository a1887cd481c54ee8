"""Endpoints as their events say."""

from __future__ import annotations

from typing import Any

import orjson

from billing import bulk
from billing.events.webhooks import WebhookAdded, WebhookChanged, WebhookDisabled, WebhookEnabled
from billing.journal import Recorded
from billing.pipeline import Batch

COLUMNS = "endpoint url kinds account status reason since".split()


def process(batch: Batch) -> None:
    added = batch.of(WebhookAdded)
    rows = [(e.endpoint, e.url, orjson.dumps(e.kinds).decode(), e.account, "active", "", r.effective_at) for r, e in added]
    bulk.copy("read_webhook", COLUMNS, rows)
    for recorded, event in batch.of(WebhookChanged, WebhookDisabled, WebhookEnabled):
        _change(recorded, event)


def _change(recorded: Recorded, event: Any) -> None:
    """An endpoint is changed by a person, now and then: a statement for each will do."""
    if isinstance(event, WebhookChanged):
        values = {"url": event.url, "kinds": orjson.dumps(event.kinds).decode()}
    elif isinstance(event, WebhookDisabled):
        values = {"status": "disabled", "reason": event.reason}
    else:
        values = {"status": "active", "reason": ""}
    settings = ", ".join(f"{name} = %s" for name in values)
    statement = f"UPDATE read_webhook SET {settings}, since = %s WHERE endpoint = %s RETURNING endpoint"  # noqa: S608 - names above
    bulk.fetch(statement, [*values.values(), recorded.effective_at, event.endpoint])
