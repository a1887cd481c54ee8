"""Credit limits; credit status, and the services that stop with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing import bulk
from billing.events import CreditLimitSet, CreditStatusChanged
from billing.pipeline import Batch


def process(batch: Batch) -> None:
    _statuses(batch)
    _limits(batch)


def _limits(batch: Batch) -> None:
    latest = {event.account: (recorded, event) for recorded, event in batch.of(CreditLimitSet)}
    bulk.execute("DELETE FROM read_credit_limit l USING {rows} WHERE l.account = given.account", {"account": ("text", list(latest))})
    rows = [
        (name, recorded.sequence, event.amount, event.currency, recorded.actor, recorded.effective_at)
        for name, (recorded, event) in latest.items()
        if event.amount is not None
    ]
    bulk.copy("read_credit_limit", ["account", "sequence", "amount", "currency", "actor", "since"], rows)


def _statuses(batch: Batch) -> None:
    events = batch.of(CreditStatusChanged)
    latest: dict[str, tuple[Any, ...]] = {}
    stopped: dict[str, tuple[str, str, bool, datetime] | None] = {}
    for recorded, event in events:
        latest[event.account] = recorded.sequence, event.status, event.reason, event.set_by, recorded.cause, recorded.effective_at
        stopped |= {name: (name, event.account, name not in event.paused, recorded.effective_at) for name in event.suspended}
        stopped |= dict.fromkeys(event.resumed)
    kinds = {"sequence": "bigint", "status": "text", "reason": "text", "set_by": "text", "cause": "text", "since": "timestamptz"}
    columns = {name: (kind, [row[i] for row in latest.values()]) for i, (name, kind) in enumerate(kinds.items())}
    bulk.execute(
        """INSERT INTO read_credit_status (account, sequence, status, reason, set_by, cause, since)
            SELECT account, sequence, status, reason, set_by, cause, since FROM {rows}
            ON CONFLICT (account) DO UPDATE SET sequence = excluded.sequence, status = excluded.status, reason = excluded.reason,
            set_by = excluded.set_by, cause = excluded.cause, since = excluded.since""",
        {"account": ("text", list(latest)), **columns},
    )
    bulk.execute(
        "DELETE FROM read_suspended_service s USING {rows} WHERE s.contract = given.contract", {"contract": ("text", list(stopped))}
    )
    bulk.copy("read_suspended_service", ["contract", "account", "charging", "since"], [row for row in stopped.values() if row])
