"""Requests and what became of them."""

from __future__ import annotations

from typing import Any

import orjson

from billing import bulk
from billing.events import RequestApproved, RequestExecuted, RequestExpired, RequestMade, RequestRejected, RequestWithdrawn
from billing.journal import Recorded
from billing.pipeline import Batch

MADE = "request account seller command code reason amount currency status asked_by asked_role made_at expires_at undoes".split()
EMPTY = {"decided_by": "", "decided_role": "", "note": "", "undone_by": ""}
Decided = RequestApproved | RequestRejected | RequestWithdrawn | RequestExpired | RequestExecuted
CHANGED = {
    "status": "text",
    "decided_by": "text",
    "decided_role": "text",
    "decided_at": "timestamptz",
    "executed_at": "timestamptz",
    "note": "text",
    "undone_by": "text",
}


def process(batch: Batch) -> None:
    made = batch.of(RequestMade)
    sellers = _sellers({event.account for _, event in made})
    bulk.copy("read_request", [*MADE, *EMPTY], [[*_row(r, e, sellers), *EMPTY.values()] for r, e in made])
    changes: dict[str, dict[str, Any]] = {}
    for recorded, event in batch.of(RequestApproved, RequestRejected, RequestWithdrawn, RequestExpired, RequestExecuted):
        changes.setdefault(event.request, {}).update(_change(recorded, event))
        if isinstance(event, RequestExecuted) and event.undoes:
            changes.setdefault(event.undoes, {}).update({"status": "undone", "undone_by": event.request})
    columns = {name: (kind, [change.get(name) for change in changes.values()]) for name, kind in CHANGED.items()}
    settings = ", ".join(f"{name} = coalesce(given.{name}, read_request.{name})" for name in CHANGED)
    bulk.execute(
        f"UPDATE read_request SET {settings} FROM {{rows}} WHERE read_request.request = given.request",  # noqa: S608 - names of this module
        {"request": ("text", list(changes)), **columns},
    )


def _sellers(accounts: set[str]) -> dict[str, str]:
    rows = bulk.fetch("SELECT account, seller FROM read_account WHERE account = ANY(%s)", [sorted(accounts)]) if accounts else []
    return {row[0]: row[1] for row in rows}


def _row(recorded: Recorded, e: RequestMade, sellers: dict[str, str]) -> list[Any]:
    seller = sellers.get(e.account) or orjson.loads(e.arguments)["seller"]  # a request that stands in the house says it itself
    named = [e.request, e.account, seller, e.command, e.code, e.reason, e.amount, e.currency]
    return [*named, "pending", e.by, e.role, recorded.effective_at, e.expires_at, e.undoes]


def _change(recorded: Recorded, event: Decided) -> dict[str, Any]:
    at = recorded.effective_at
    if isinstance(event, RequestApproved):
        return {"status": "approved", "decided_by": event.by, "decided_role": event.role, "decided_at": at, "note": event.note}
    if isinstance(event, RequestRejected):
        return {"status": "rejected", "decided_by": event.by, "decided_role": event.role, "decided_at": at, "note": event.reason}
    if isinstance(event, RequestWithdrawn):
        return {"status": "withdrawn", "note": event.reason}
    if isinstance(event, RequestExpired):
        return {"status": "expired"}
    return {"status": "executed", "executed_at": at}
