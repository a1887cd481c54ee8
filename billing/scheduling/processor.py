"""Scheduled changes and how each stands."""

from __future__ import annotations

from typing import Any

from billing import bulk
from billing.codec import canonical, encode_value
from billing.events import ChangeApplied, ChangeEvent, ChangeMoved, ChangeQuestioned, ChangeScheduled, ChangeWithdrawn
from billing.models.changes import QUESTIONED, SCHEDULED
from billing.pipeline import Batch

COLUMNS = "change account command arguments moment rule contract order status actor asked_at reason code message decided".split()
CHANGING = ("moment", "order", "status", "code", "message", "decided")
TYPES = dict(zip(CHANGING, ("timestamptz", "integer", "text", "text", "text", "text"), strict=True))


def process(batch: Batch) -> None:
    scheduled = [
        (
            r.address,
            e.account,
            e.command,
            canonical(encode_value(e.arguments)).decode(),
            e.moment,
            e.rule,
            e.contract,
            e.order,
            SCHEDULED,
            r.actor,
            r.effective_at,
            e.reason,
            "",
            "",
            "",
        )
        for r, e in batch.of(ChangeScheduled)
    ]
    bulk.copy("read_change", COLUMNS, scheduled)
    found: dict[str, dict[str, Any]] = {}
    for recorded, event in batch.of(ChangeEvent):
        found.setdefault(event.change, {}).update(_changed(event) | {"decided": recorded.address})
    _update(found)


def _changed(event: ChangeEvent) -> dict[str, Any]:
    if isinstance(event, ChangeMoved):
        return {"moment": event.moment, "order": event.order, "status": SCHEDULED, "code": "", "message": ""}
    if isinstance(event, ChangeQuestioned):
        return {"status": QUESTIONED, "code": event.code, "message": event.message}
    if isinstance(event, ChangeWithdrawn):
        return {"status": "withdrawn", "message": event.reason}
    assert isinstance(event, ChangeApplied)
    return {"status": "applied"}


def _update(found: dict[str, dict[str, Any]]) -> None:
    """What no event named stays as it was."""
    columns: dict[str, tuple[str, list[Any]]] = {"change": ("text", list(found))}
    columns |= {f"new_{name}": (TYPES[name], [row.get(name) for row in found.values()]) for name in CHANGING}
    sets = ", ".join(f'"{name}" = coalesce(given.new_{name}, read_change."{name}")' for name in CHANGING)
    bulk.execute(f"UPDATE read_change SET {sets} FROM {{rows}} WHERE read_change.change = given.change", columns)  # noqa: S608
