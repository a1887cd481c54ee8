"""Which messages a batch of events owes: one for each active endpoint that chose the kind and may see the account."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from billing import bulk
from billing.effects import OwedOfBatch
from billing.events.webhooks import WebhookReplayed
from billing.journal import Recorded

KIND = "webhook.deliver"
_ENDPOINTS = "SELECT endpoint, kinds::text, account FROM read_webhook WHERE status = 'active' ORDER BY endpoint"


def foresee() -> None:
    """A batch is about to be recorded."""
    bulk.foresee(_ENDPOINTS, lasting=True)


def owed(batch: Sequence[Recorded]) -> list[OwedOfBatch]:
    """In the order of events, then of endpoints. An endpoint is told from the event after the one that added it."""
    changes = any(recorded.stream.startswith("webhook:") for recorded in batch)  # of endpoints, since it was foreseen
    rows = bulk.fetch(_ENDPOINTS) if changes else bulk.foreseen(_ENDPOINTS)
    endpoints = [(name, orjson.loads(kinds), account) for name, kinds, account in rows]
    found: list[OwedOfBatch] = []
    for recorded in batch:
        found += [
            OwedOfBatch(recorded, KIND, f":{name}", {"endpoint": name, "event": recorded.address})
            for name, kinds, account in endpoints
            if chosen(recorded.event.kind, kinds) and account in ("", recorded.stream) and recorded.stream != f"webhook:{name}"
        ]
        if isinstance(recorded.event, WebhookReplayed):
            found += [
                OwedOfBatch(recorded, KIND, f":{recorded.event.endpoint}:{i}", {"endpoint": recorded.event.endpoint, "event": address})
                for i, address in enumerate(recorded.event.events)
            ]
    return found


def chosen(kind: str, wanted: Sequence[str]) -> bool:
    """Whether the kind is among those wanted: by name, by `begins.*`, or by `*`."""
    return any(one in ("*", kind) or (one.endswith(".*") and kind.startswith(one[:-1])) for one in wanted)
