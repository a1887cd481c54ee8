"""Cases of dunning, pauses, and documents that came to be open again, as the journal recorded them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing import bulk
from billing.codec import canonical
from billing.events import DueDatesSet, HoldReleased, OpenMoved
from billing.pipeline import Batch
from payments.dunning.events import DunningPaused, DunningResumed, DunningSet, Eased, HandedOver, StepTaken

CASE_COLUMNS = "account subject sequence base taken overdue collection last_at".split()


def process(batch: Batch) -> None:
    _cases(batch)
    _pauses(batch)
    _choices(batch)
    _reopened(batch)


def _cases(batch: Batch) -> None:
    """Each case as the batch leaves it; handed to collection stays until the case is over."""
    rows: dict[tuple[str, str], list[Any] | None] = {}
    handed: dict[tuple[str, str], int] = {}
    for recorded, event in batch.of(StepTaken, Eased, HandedOver):
        key = event.account, event.subject
        if isinstance(event, HandedOver):
            handed[key] = recorded.sequence
        elif isinstance(event, StepTaken):
            rows[key] = [*key, recorded.sequence, event.base, event.taken, event.overdue, recorded.effective_at]
        else:
            row = [*key, recorded.sequence, event.base, event.remaining, True, recorded.effective_at]
            rows[key] = row if event.remaining else None
            if not event.remaining:
                handed.pop(key, None)
    live = [row for row in rows.values() if row is not None]
    kinds = "text text bigint date jsonb boolean timestamptz".split()
    names = [name for name in CASE_COLUMNS if name != "collection"]
    columns = {name: (kind, [row[i] for row in live]) for i, (name, kind) in enumerate(zip(names, kinds, strict=True))}
    columns["taken"] = ("text", [canonical(list(row[4])).decode() for row in live])
    bulk.execute(
        """INSERT INTO read_dunning_case (account, subject, sequence, base, taken, overdue, collection, last_at)
            SELECT account, subject, sequence, base, taken::jsonb, overdue, false, last_at FROM {rows}
            ON CONFLICT (account, subject) DO UPDATE SET sequence = excluded.sequence, base = excluded.base, taken = excluded.taken,
            overdue = excluded.overdue, last_at = excluded.last_at""",
        columns,
    )
    over = [key for key, row in rows.items() if row is None]
    match = "c.account = given.account AND c.subject = given.subject"
    bulk.execute(f"DELETE FROM read_dunning_case c USING {{rows}} WHERE {match}", _named(over))  # noqa: S608 - a literal
    bulk.execute(f"UPDATE read_dunning_case c SET collection = true FROM {{rows}} WHERE {match}", _named(list(handed)))  # noqa: S608


def _named(keys: list[tuple[str, str]]) -> dict[str, tuple[str, list[Any]]]:
    return {"account": ("text", [key[0] for key in keys]), "subject": ("text", [key[1] for key in keys])}


def _pauses(batch: Batch) -> None:
    for recorded, event in batch.of(DunningPaused, DunningResumed):
        if isinstance(event, DunningPaused):
            row = (event.account, recorded.sequence, event.since, event.until, event.reason)
            bulk.copy("read_dunning_pause", "account sequence since until reason".split(), [row])
        else:
            statement = """
                UPDATE read_dunning_pause p SET until = greatest(given.until, p.since) FROM {rows}
                WHERE p.account = given.account AND (p.until IS NULL OR p.until > given.until)"""
            bulk.execute(statement, {"account": ("text", [event.account]), "until": ("date", [event.on])})


def _choices(batch: Batch) -> None:
    latest = {event.account: event for _, event in batch.of(DunningSet)}
    bulk.execute("DELETE FROM read_dunning_choice c USING {rows} WHERE c.account = given.account", {"account": ("text", list(latest))})
    rows = [(e.account, e.policy, e.catalogue, e.version, e.since) for e in latest.values() if e.policy]
    bulk.copy("read_dunning_choice", "account policy catalogue version since".split(), rows)


def _reopened(batch: Batch) -> None:
    """A negative allocation opens a document again; a dispute of the customer that was rejected, or a payment plan that ends, makes it due
    again."""
    latest: dict[str, tuple[str, datetime]] = {}
    for recorded, event in batch.of(OpenMoved, HoldReleased, DueDatesSet):
        if isinstance(event, OpenMoved):
            latest |= {one.invoice: (event.account, recorded.effective_at) for one in event.allocations if one.amount < 0}
        elif isinstance(event, DueDatesSet):
            latest |= {one.invoice: (event.account, recorded.effective_at) for one in event.schedules if not one.parts}
        elif event.outcome == "rejected":
            latest[event.invoice] = event.account, recorded.effective_at
    bulk.execute(
        """INSERT INTO read_reopened (invoice, account, at) SELECT invoice, account, at FROM {rows}
            ON CONFLICT (invoice) DO UPDATE SET at = excluded.at""",
        {
            "invoice": ("text", list(latest)),
            "account": ("text", [account for account, _ in latest.values()]),
            "at": ("timestamptz", [at for _, at in latest.values()]),
        },
    )
