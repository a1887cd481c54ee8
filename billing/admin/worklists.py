"""What waits for the office, as data: each list says where its rows are, what is shown of them and what can be done with many at once.

A list is one FROM … WHERE over read models; its count in the sidebar is the same words counted, all lists in one statement.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from orjson import dumps

from billing import bulk
from billing.admin.customer_lists import BOUNCED, EXPIRING_CARDS, EXPIRING_CONTRACTS, TASKS, TRIALS, WIN_BACK
from billing.admin.listing import Action, Row, WorkList, of_account
from plans import store

#: Counts stop here, so that a sidebar costs the same whatever waits.
MOST_COUNTED = 1000
MOST_SHOWN = 200
COUNT = f"(SELECT count(*) FROM (SELECT 1 FROM {{source}} LIMIT {MOST_COUNTED}) AS listed)"  # noqa: S608 - filled with literals
#: What the words of a list may speak of: now, and the phases that published plans begin with, each with when it ends after its contract.
SURROUNDINGS = """
    WITH given AS (SELECT %s::timestamptz AS at),
    phase AS (SELECT * FROM jsonb_to_recordset(%s::jsonb) AS p(catalogue text, version int, plan text, phase text, after interval))"""

APPROVALS = WorkList(
    "approvals",
    "Approvals",
    "approval_delegation",
    "What somebody asked for and somebody else must decide. Nobody decides a request of his own.",
    "read_request, given WHERE status IN ('pending', 'approved') AND expires_at > given.at",
    {
        "key": "request",
        "account": "account",
        "request": "request",
        "what": "command",
        "amount": "amount",
        "currency": "currency",
        "why": "trim(code || ' ' || reason)",
        "asked by": "asked_by",
        "asked": "made_at",
        "expires": "expires_at",
        "status": "status",
    },
    "made_at, request",
    (
        Action("approve_request", "Approve and carry out", of_account("request")),
        Action("execute_request", "Carry out what is approved", of_account("request")),
        Action("reject_request", "Reject", of_account("request"), asks="reason"),
    ),
)
CORRECTION_SETS = WorkList(
    "correction-sets",
    "Correction sets",
    "rule_settings",
    "Corrections of many accounts at once that were drafted and wait for somebody else's approval.",
    "read_correction_set, given WHERE status = 'draft'",
    {
        "key": "name",
        "account": "''",
        "set": "name",
        "what": "command",
        "items": "items",
        "why": "trim(code || ' ' || reason)",
        "asked by": "asked_by",
        "asked": "made_at",
    },
    "made_at, name",
    (Action("approve_corrections", "Approve", lambda row: {"name": row["key"]}),),
)
FAILED_PAYMENTS = WorkList(
    "failed-payments",
    "Failed payments",
    "credit_card_off",
    "The last try to collect failed, and something is still open.",
    """read_collection c, given WHERE status = 'failed'
        AND NOT EXISTS (SELECT 1 FROM read_collection later WHERE later.account = c.account AND later.sequence > c.sequence)
        AND EXISTS (SELECT 1 FROM read_invoice i WHERE i.account = c.account AND i.open > 0 AND i.status = 'open')""",
    {
        "key": "collection",
        "account": "account",
        "amount": "amount",
        "currency": "currency",
        "why": "trim(decline || ' ' || code || ' ' || message)",
        "attempt": "attempt",
        "failed": "closed_at",
    },
    "closed_at, collection",
    (
        Action("collect", "Collect again", lambda row: {"account": row["account"]}),
        Action("open_checkout", "Open a payment page", lambda row: {"account": row["account"]}),
    ),
)
RECEIPTS = WorkList(
    "receipts",
    "Unidentified receipts",
    "help_center",
    "Money that came without saying from whom.",
    'read_receipt, given WHERE "left" > 0',
    {
        "key": "receipt",
        "account": "''",
        "amount": "amount",
        "left": '"left"',
        "currency": "currency",
        "channel": "channel",
        "reference": "reference",
        "received": "received_at",
    },
    "received_at, receipt",
    (Action("identify", "Identify", lambda row: {"receipt": row["key"]}, form=True),),
)
BANK_LINES = WorkList(
    "bank-lines",
    "Bank lines",
    "account_balance",
    "Lines of bank statements that nobody could name; see what they were compared with, and do what they mean.",
    "bank_line, given WHERE word = 'waiting' AND outcome = ''",
    {
        "key": "line",
        "account": "account",
        "booked": "booked",
        "amount": "amount",
        "currency": "currency",
        "payer": "name",
        "text": "text",
        "file": "file || ' line ' || number",
    },
    "booked, line",
    (
        Action(
            "receive",
            "Put aside",
            lambda row: {"amount": str(row["amount"]), "currency": row["currency"], "reference": row["text"]},
            form=True,
        ),
    ),
)
DISPUTES = WorkList(
    "disputes",
    "Disputes",
    "gavel",
    "Payments that a bank asks about or took back. After the last day for evidence the money is gone.",
    "read_dispute, given WHERE status IN ('inquiry', 'open')",
    {
        "key": "dispute",
        "account": "account",
        "evidence due": "evidence_due",
        "amount": "amount",
        "currency": "currency",
        "status": "status",
        "reason": "reason",
        "opened": "opened_at",
    },
    "evidence_due NULLS LAST, opened_at, dispute",
    (
        Action("send_evidence", "Send evidence", of_account("dispute"), form=True),
        Action("lose_dispute", "Accept as lost", of_account("dispute")),
    ),
)
HOLDS = WorkList(
    "questioned-documents",
    "Questioned documents",
    "contact_support",
    "Documents, or parts of them, that customers say are wrong. They are owed and do not fall overdue until this is decided.",
    "read_hold, given WHERE status = 'open'",
    {
        "key": "hold",
        "account": "account",
        "document": "number",
        "amount": "amount",
        "currency": "currency",
        "reason": "reason",
        "opened": "opened_at",
    },
    "opened_at, hold",
    (
        Action("resolve_dispute", "Decide", of_account("dispute"), form=True),
        Action("resolve_dispute", "Reject: it is owed", lambda row: of_account("dispute")(row) | {"outcome": "rejected"}, asks="reason"),
    ),
)
PARKED = WorkList(
    "parked",
    "Parked accounts",
    "pause_circle",
    "Accounts that billing gave up on, so that nothing wrong is billed. Mend the cause, then release them.",
    "read_account, given WHERE status = 'parked'",
    {"key": "account", "account": "account", "why": "reason", "opened": "opened_at"},
    "account",
    (Action("release_account", "Release", lambda row: {"account": row["account"]}, asks="reason"),),
)
UNBILLED = WorkList(
    "unbilled",
    "Unbilled accounts",
    "pending_actions",
    "Accounts with work that was due an hour ago and that no run has done: a run is late, or fails.",
    """due JOIN read_account USING (account), given
        WHERE due.at <= given.at - interval '1 hour' AND read_account.status <> 'parked'""",
    {"key": "account", "account": "account", "due since": "due.at", "seller": "seller"},
    "due.at, account",
)
QUESTIONED_CHANGES = WorkList(
    "questioned-changes",
    "Questioned changes",
    "event_repeat",
    "Scheduled changes that could not be made when their moment came.",
    "read_change, given WHERE status = 'questioned'",
    {
        "key": "change",
        "account": "account",
        "what": "command",
        "contract": "contract",
        "for": "moment",
        "asked by": "actor",
        "why": "message",
    },
    "moment, change",
    (
        Action("withdraw_change", "Withdraw", of_account("change"), asks="reason"),
        Action("move_change", "Move to another day", of_account("change"), form=True),
    ),
)
FAILED_EFFECTS = WorkList(
    "failed-effects",
    "Failed effects",
    "error",
    "Mails, collections and messages that were tried to the end and failed. Mend the cause, then have them tried again.",
    "effect, given WHERE state = 'failed'",
    {"key": "id", "account": "CASE WHEN stream = account THEN account ELSE '' END", "effect": "id", "why": "last_error", "since": "due_at"},
    "due_at, id",
    (Action("retry_effect", "Try again", lambda row: {"effect": row["key"]}),),
)


LISTS: dict[str, WorkList] = {
    one.name: one
    for one in (
        TASKS,
        APPROVALS,
        CORRECTION_SETS,
        FAILED_PAYMENTS,
        RECEIPTS,
        BANK_LINES,
        DISPUTES,
        HOLDS,
        PARKED,
        UNBILLED,
        EXPIRING_CONTRACTS,
        TRIALS,
        WIN_BACK,
        EXPIRING_CARDS,
        QUESTIONED_CHANGES,
        FAILED_EFFECTS,
        BOUNCED,
    )
}


def counts(at: datetime) -> dict[str, int]:
    """How much waits on each list, up to MOST_COUNTED: one statement."""
    parts = ", ".join(COUNT.format(source=one.source) for one in LISTS.values())
    found = bulk.fetch(f"{SURROUNDINGS} SELECT {parts}", [at, phases()])[0]
    return dict(zip(LISTS, found, strict=True))


def rows(work: WorkList, *, at: datetime, keys: Sequence[str] | None = None, limit: int = MOST_SHOWN) -> list[Row]:
    """The list's rows in order; with `keys` those that are still on it."""
    columns = ", ".join(f'{expression} AS "{heading}"' for heading, expression in work.shown.items())
    statement = f"""
        {SURROUNDINGS}, listed AS (SELECT {columns} FROM {work.source} ORDER BY {work.order})
        SELECT * FROM listed WHERE (%s::text[] IS NULL OR key = ANY(%s)) LIMIT %s"""  # noqa: S608 - literals of this module
    named = None if keys is None else list(keys)
    found = bulk.fetch(statement, [at, phases(), named, named, limit])
    return [dict(zip(work.shown, map(_plain, row), strict=True)) for row in found]


def phases() -> str:
    """The phases of every published plan that end, as JSON."""
    published = bulk.fetch("SELECT name, version, digest FROM catalogue_version ORDER BY name, version")
    return dumps([phase for one in published for phase in _phases_of(*one)]).decode()


@lru_cache(maxsize=5_000)
def _phases_of(name: str, version: int, digest: str) -> tuple[dict[str, Any], ...]:
    """Those of one version, which never change: `digest` tells apart what was published and undone."""
    del digest
    found: list[dict[str, Any]] = []
    for plan in store.catalogue(name, version).plans.values():
        lengths = [str(phase.length) for phase in itertools.takewhile(lambda phase: phase.length is not None, plan.phases)]
        for number, phase in enumerate(plan.phases[: len(lengths)], start=1):
            after = " ".join(lengths[:number])
            found.append({"catalogue": name, "version": version, "plan": plan.code, "phase": phase.name, "after": after})
    return tuple(found)


def _plain(value: Any) -> Any:
    return value.normalize() if isinstance(value, Decimal) else value
