"""Delivering effects: claim with a lease and an attempt number, commit; call the handler with no transaction open; settle by the attempt.

    deliver(until)    every effect that is due and has a handler, a chunk at a time; any number of workers at once
    settle(…)         what came of one attempt; a stale attempt (its lease ran out, another worker has it) is refused

A handler takes an `OwedEffect` and answers Done, Later or Failed. It may be called again for an effect that it did already, when the
process died before its answer was kept: so it uses the effect's id as the key of whatever it asks of others, and of its commands.
An error that it raises counts as Later. The moments of effects are those of the books, the leases those of the database's clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from billing import bulk
from plans.errors import Conflict

logger = logging.getLogger(__name__)

CHUNK = 20
LEASE = timedelta(minutes=5)
SOONEST = timedelta(minutes=1)
#: After each failure the next try waits longer; after the last of them the effect is failed and waits for a person.
DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (60, 300, 1_800, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)
)


@dataclass(frozen=True)
class OwedEffect:
    """What a handler is given. `at` is the moment of this attempt; `known_at` only where a story is played (hand it to the commands)."""

    id: str  # stream/sequence/kind: the key by which others may tell that they were asked before
    kind: str
    account: str  # or another stream, where no account owes it
    stream: str
    sequence: int
    payload: Mapping[str, Any]
    attempt: int
    at: datetime
    known_at: datetime | None = None


@dataclass(frozen=True)
class Done:
    """It is delivered, or there is nothing to deliver: the note says why."""

    note: str = ""


@dataclass(frozen=True)
class Later:
    """Try again: at `at`, which is no failure, or after the next of the growing delays."""

    reason: str
    at: datetime | None = None


@dataclass(frozen=True)
class Failed:
    """It can't be delivered, and trying again would not help."""

    reason: str


Answer = Done | Later | Failed
Handler = Callable[[OwedEffect], Answer]


@dataclass
class DeliveryReport:
    """How many attempts ended how; `stale` answers came after another worker had taken the effect over."""

    done: int = 0
    later: int = 0
    failed: int = 0
    stale: int = 0

    @property
    def attempts(self) -> int:
        return self.done + self.later + self.failed + self.stale


@cache
def _handlers(paths: tuple[tuple[str, str], ...]) -> dict[str, Handler]:
    return {kind: import_string(path) for kind, path in paths}


def handlers(*, story: bool = False) -> dict[str, Handler]:
    """kind → who delivers it. In a story the handlers that would reach out of the house are replaced by those of the settings for it."""
    listed = tuple(settings.BILLING_EFFECT_HANDLERS)
    return _handlers((*listed, *settings.BILLING_STORY_EFFECT_HANDLERS) if story else listed)


def deliver(
    *, until: datetime, known_at: datetime | None = None, story: bool = False, accounts: Collection[str] | None = None, chunk: int = CHUNK
) -> DeliveryReport:
    """Deliver what is due up to and including `until` and has a handler, until nothing is left; of the accounts named, or of all.

    Each kind is claimed on its own, so that a slow one holds up no other worker.
    """
    report = DeliveryReport()
    for kind, handler in handlers(story=story).items():
        while claimed := claim(kind, until=until, accounts=accounts, limit=chunk, known_at=known_at):
            for effect in claimed:
                _attempt(effect, handler, report)
    return report


def deliver_chunk(*, until: datetime, known_at: datetime | None = None, chunk: int = CHUNK) -> DeliveryReport:
    """Deliver one chunk of each kind, so that a long list of one keeps none of the others waiting."""
    report = DeliveryReport()
    for kind, handler in handlers().items():
        for effect in claim(kind, until=until, limit=chunk, known_at=known_at):
            _attempt(effect, handler, report)
    return report


def claim(
    kind: str, *, until: datetime, accounts: Collection[str] | None = None, limit: int = CHUNK, known_at: datetime | None = None
) -> list[OwedEffect]:
    """Take up to `limit` effects of the kind: those owed, and those whose worker did not answer within its lease."""
    statement = """
        UPDATE effect SET state = 'claimed', attempt = attempt + 1, leased_until = clock_timestamp() + %s
        WHERE id IN (
            SELECT id FROM effect WHERE kind = %s AND due_at <= %s AND (%s::text[] IS NULL OR account = ANY(%s))
                AND (state = 'owed' OR state = 'claimed' AND leased_until < clock_timestamp())
            ORDER BY due_at, stream, sequence LIMIT %s FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, account, stream, sequence, payload::text, attempt, due_at"""
    named = None if accounts is None else list(accounts)
    with transaction.atomic():
        rows = bulk.fetch(statement, [LEASE, kind, until, named, named, limit])
    rows.sort(key=lambda row: (row[7], row[3], row[4]))
    return [OwedEffect(*row[:5], orjson.loads(row[5]), row[6], until, known_at) for row in rows]


def attempt_now(effect: str, *, at: datetime) -> DeliveryReport:
    """Try one effect at once, whatever its moment: somebody stands there and waits for it. Nothing where a worker has it, or it is done."""
    report = DeliveryReport()
    statement = """
        UPDATE effect SET state = 'claimed', attempt = attempt + 1, leased_until = clock_timestamp() + %s
        WHERE id = %s AND state = 'owed'
        RETURNING id, kind, account, stream, sequence, payload::text, attempt, due_at"""
    with transaction.atomic():
        rows = bulk.fetch(statement, [LEASE, effect])
    for row in rows:
        _attempt(OwedEffect(*row[:5], orjson.loads(row[5]), row[6], at), handlers()[row[1]], report)
    return report


def _attempt(effect: OwedEffect, handler: Handler, report: DeliveryReport) -> None:
    """Call the handler, unless the lease ran out while others of the chunk were delivered; keep its answer."""
    if not _renew(effect):
        report.stale += 1
        return
    answer: Answer
    try:
        answer = handler(effect)
    except Exception as error:
        logger.exception("the effect %s could not be delivered", effect.id)
        answer = Later(f"{type(error).__name__}: {error}")
    try:
        state = settle(effect, answer)
    except Conflict:
        state = "stale"
    setattr(report, state, getattr(report, state) + 1)


def _renew(effect: OwedEffect) -> bool:
    statement = """
        UPDATE effect SET leased_until = clock_timestamp() + %s WHERE id = %s AND attempt = %s AND state = 'claimed' RETURNING id"""
    return bool(bulk.fetch(statement, [LEASE, effect.id, effect.attempt]))


def settle(effect: OwedEffect, answer: Answer) -> str:
    """Keep what came of this attempt; answers `done`, `later` or `failed`. Raises Conflict `stale_attempt` where another has taken over."""
    with transaction.atomic():
        rows = bulk.fetch(
            "SELECT failures FROM effect WHERE id = %s AND attempt = %s AND state = 'claimed' FOR UPDATE", [effect.id, effect.attempt]
        )
        if not rows:
            message = f"attempt {effect.attempt} of {effect.id} is not the one that counts any more"
            raise Conflict("stale_attempt", message, at="attempt", attempt=effect.attempt)
        word, state, due_at, failures = _outcome(effect, answer, rows[0][0])
        reason = answer.note[:500] if isinstance(answer, Done) else answer.reason[:500]
        bulk.fetch(
            "UPDATE effect SET state = %s, due_at = %s, failures = %s, last_error = %s, leased_until = NULL WHERE id = %s RETURNING id",
            [state, due_at, failures, reason, effect.id],
        )
    return word


def _outcome(effect: OwedEffect, answer: Answer, failures: int) -> tuple[str, str, datetime, int]:
    """(word of the report, state, next moment, failures so far)."""
    if isinstance(answer, Done):
        return "done", "done", effect.at, failures
    if isinstance(answer, Later) and answer.at is not None:
        return "later", "owed", max(answer.at, effect.at + SOONEST), failures
    if isinstance(answer, Later) and failures < len(DELAYS):
        return "later", "owed", effect.at + DELAYS[failures], failures + 1
    return "failed", "failed", effect.at, failures + 1


# --- what waits -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """What a person should see: effects that failed, and kinds that nobody delivers."""

    failed: list[tuple[str, str]] = field(default_factory=list)  # (id, reason), the oldest first
    unhandled: list[tuple[str, int]] = field(default_factory=list)  # (kind, how many are owed)


def waiting(*, until: datetime, limit: int = 100) -> Waiting:
    failed = bulk.fetch("SELECT id, last_error FROM effect WHERE state = 'failed' ORDER BY due_at, id LIMIT %s", [limit])
    statement = """
        SELECT kind, count(*) FROM effect WHERE state = 'owed' AND due_at <= %s AND kind <> ALL(%s) GROUP BY kind ORDER BY kind"""
    unhandled = bulk.fetch(statement, [until, list(handlers())])
    return Waiting([(row[0], row[1]) for row in failed], [(row[0], row[1]) for row in unhandled])


def next_due(*, until: datetime, accounts: Collection[str] | None = None, story: bool = False) -> datetime | None:
    """When the earliest effect that somebody delivers is due, up to and including `until`."""
    statement = """
        SELECT min(due_at) FROM effect WHERE state = 'owed' AND due_at <= %s AND kind = ANY(%s)
            AND (%s::text[] IS NULL OR account = ANY(%s))"""
    named = None if accounts is None else list(accounts)
    found: datetime | None = bulk.fetch(statement, [until, list(handlers(story=story)), named, named])[0][0]
    return found
