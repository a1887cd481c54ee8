"""The mechanism: run a command, record its events, keep the answer. The only door through which anything is written.

execute(request)  claims the key, locks the streams, runs what is due, runs the command, records its events through the
                  processors, and runs what became due: one transaction. With `dry_run` it is rolled back and the answer is a preview.
record(drafts)    the batch path that commands and the clockwork share: sequences, processors, numbers, hashes, journal.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from django.conf import settings
from django.db import DataError, OperationalError, connection, transaction
from django.utils.module_loading import import_string

from billing import bulk, effects, journal, kept, previews, waking
from billing.accounting.periods import into_open_months
from billing.codec import NEWER, canonical, with_number
from billing.journal import Draft, Head, Recorded
from billing.pipeline import Batch, run_processors
from billing.previews import Preview
from billing.stored import remembering
from billing.together import gathering
from plans import store
from plans.errors import Conflict, Invalid
from plans.fields import check_text
from plans.frozen import changed

RETRIES = 5
#: Of one stream so many events are replayed at once: they are all in memory.
MOST_REPLAYED = 20_000


@dataclass(frozen=True)
class Stamp:
    """Who records, by which command, when it became known: the same for everything in one transaction."""

    actor: str
    command: str
    recorded_at: datetime
    key: str = ""
    dry_run: bool = False


def record(drafts: Sequence[Draft], *, heads: dict[str, Head], stamp: Stamp) -> list[Recorded]:
    """Append the drafts and everything that follows from them. The heads of their streams must be locked by this transaction.

    What would be posted into a closed month is posted on the first open day: here, so that no command can forget it.
    """
    batch: list[Recorded] = []
    drafts = into_open_months(drafts)
    bulk.forget_foreseen()
    next_sequence = {stream: head.sequence for stream, head in heads.items()}
    for draft in drafts:
        next_sequence[draft.stream] += 1
        batch.append(
            Recorded(
                draft.stream,
                next_sequence[draft.stream],
                draft.event,
                draft.effective_at,
                stamp.recorded_at,
                stamp.actor,
                stamp.command,
                draft.cause,
                stamp.key,
            )
        )
    if not batch:
        return batch
    run_processors(Batch(batch), numbered=False)
    effects.owe(batch)
    batch = _unnumbered(batch) if stamp.dry_run else _numbered(batch)
    run_processors(Batch(batch), numbered=True)
    journal.append(batch, heads)
    return batch


def _unnumbered(batch: list[Recorded]) -> list[Recorded]:
    """A dry run draws no numbers: each document is called by its address, so that later ones can tell them apart."""
    found = []
    for recorded in batch:
        event: Any = recorded.event
        wanted = getattr(event, "series", "") and not event.number
        found.append(changed(recorded, event=with_number(event, f"draft {recorded.address}")) if wanted else recorded)
    return found


def _numbered(batch: list[Recorded]) -> list[Recorded]:
    """Draw the document numbers of the batch, once per series, and put them into their events."""
    wanted: dict[tuple[str, str], int] = {}
    for recorded in batch:
        event: Any = recorded.event
        if getattr(event, "series", "") and not event.number:
            series = event.seller["code"], event.series
            wanted[series] = wanted.get(series, 0) + 1
    if not wanted:
        return batch
    next_number = {series: _draw(*series, count=count) for series, count in sorted(wanted.items())}
    numbered = []
    for recorded in batch:
        event = recorded.event
        if getattr(event, "series", "") and not event.number:
            series = event.seller["code"], event.series
            event = with_number(event, event.series.format(number=next_number[series]))
            next_number[series] += 1
            recorded = changed(recorded, event=event)
        numbered.append(recorded)
    return numbered


def _draw(seller: str, series: str, *, count: int) -> int:
    """Take `count` numbers and answer the first."""
    statement = """
        INSERT INTO counter (seller, series, value) VALUES (%s, %s, %s)
        ON CONFLICT (seller, series) DO UPDATE SET value = counter.value + excluded.value RETURNING value"""
    last: int = bulk.fetch(statement, [seller, series, count])[0][0]
    return last - count + 1


# --- commands ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What a caller asks. `at` is when it counts; `known_at` only for a caller that plays a story: otherwise the database says it.

    `token` is a preview's: exactly what it showed is done, as of its moment, or nothing (Conflict `stale_preview`). `seen`: the heads
    that the caller knows (`ana/17`); where none of them is the head of a stream that the command locks, nothing is done (Outdated).
    """

    command: str
    arguments: Mapping[str, Any]
    at: datetime
    actor: str
    key: str = ""
    known_at: datetime | None = None
    token: str = ""
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What happened: the events in order, what was made (`{"contract": "ana/2"}`), and whether the answer is an earlier one; of a dry run
    what the events come to, and the token to do exactly that."""

    events: tuple[Recorded, ...]
    made: Mapping[str, Any]
    replayed: bool = False
    dry_run: bool = False
    preview: Preview | None = None
    shown_once: Mapping[str, str] = field(default_factory=dict)  # secrets: kept nowhere, not even for who asks again


@dataclass
class Decision:
    """A command's answer: events for streams that it locked, and the ids of what they make."""

    drafts: list[Draft] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)
    shown_once: dict[str, str] = field(default_factory=dict)  # secrets that this answer alone shows, never an event nor a kept answer


@dataclass
class Context:
    """What a command may look at. The streams of `Command.streams` are locked; nothing else may be written to."""

    at: datetime
    actor: str
    recorded_at: datetime
    heads: dict[str, Head]

    def next_address(self, stream: str, *, after: int = 0) -> str:
        """The address of the next event of `stream`, `after` events from now: how new things get their id."""
        return f"{stream}/{self.heads[stream].sequence + 1 + after}"


class Rollback(Exception):
    """Ends a dry run: everything is undone and the answer kept."""


def execute(request: Request, *, dry_run: bool = False) -> Outcome:
    """Run one command. Raises a Refusal and leaves nothing behind when it does. What the database
    can't hold is a Refusal too. Deadlocks and serialization failures are retried whole."""
    for attempt in range(RETRIES):
        try:
            return _in_transaction(request, dry_run=dry_run)
        except (OperationalError, journal.Busy) as error:
            last = attempt == RETRIES - 1 or connection.in_atomic_block
            if last and isinstance(error, journal.Busy):
                raise Conflict("busy", f"somebody else is changing {error} at this moment; ask again", at="command") from None
            if last or not passes(error):
                raise
            time.sleep(0.01 * 2**attempt)
        except DataError as error:
            reason = (str(error).splitlines() or ["a value does not fit"])[0]
            raise Invalid(
                "out_of_range", f"a number or a time that follows from this is beyond what the books can hold: {reason}"
            ) from error
    raise AssertionError("unreachable")


def passes(error: Exception) -> bool:
    """Whether it was only "not now": a stream that is held, a deadlock, two that can't both have been first, or an event that only newer
    programs know. Whoever tries again gets through."""
    if isinstance(error, journal.Busy) or getattr(error, "code", "") == NEWER:
        return True
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", "") in ("40P01", "40001", "55P03")


def _in_transaction(request: Request, *, dry_run: bool) -> Outcome:
    outcome: Outcome | None = None
    try:
        alone = not connection.in_atomic_block
        with transaction.atomic(), store.steady(), gathering(ends=lambda: alone and not connection.needs_rollback):
            bulk.plan_once()
            outcome = _once(request, dry_run=dry_run)
            if dry_run:
                raise Rollback
    except Rollback:
        pass
    assert outcome is not None
    return outcome


def _once(request: Request, *, dry_run: bool) -> Outcome:
    if not isinstance(request.command, str) or not request.command:
        raise Invalid("missing_field", "the name of the command is missing", at="command")
    command = import_string(settings.BILLING_COMMAND_REGISTRY)()[request.command]
    for name in ("key", "actor"):
        check_text(getattr(request, name), name, longest=200)
    arguments = command.parse(request.arguments, at=request.at)
    if request.key and (answer := _claim(request)) is not None:
        return answer
    token = previews.opened(request.token, request=_digest(request), at=request.at) if request.token else None
    if token is not None:
        request = replace(request, at=token.at)
    streams = command.streams(arguments)
    heads = journal.lock(streams, then=partial(_foresee, command, arguments, streams, request.at))
    began = {stream: head.sequence for stream, head in heads.items()}
    if token is not None:
        previews.check_heads(token, began)
    if request.seen:
        previews.check_seen(request.seen, began)
    before = previews.balances(began) if dry_run else {}
    events, decision = _recorded(command, arguments, request, heads, dry_run=dry_run)
    if token is not None:
        previews.check_events(token, events)
    if request.key:
        _keep_answer(request, events, decision.made)
    preview = previews.previewed(_digest(request), request.at, began, events, before) if dry_run else None
    shown_once = {} if dry_run else decision.shown_once
    return Outcome(tuple(events), decision.made, dry_run=dry_run, preview=preview, shown_once=shown_once)


def _foresee(command: Any, arguments: Any, streams: Collection[str], until: datetime) -> None:
    """What a command is going to ask once its streams are locked goes with the lock."""
    waking.foresee([stream for stream in streams if journal.is_account(stream)], until)
    guess = kept.foresee(streams)
    if command.foresee is not None:
        command.foresee(arguments, guess)
    effects.foresee()


def _recorded(command: Any, arguments: Any, request: Request, heads: dict[str, Head], *, dry_run: bool) -> tuple[list[Recorded], Decision]:
    """What is due before the command, the command, and what becomes due by it: the events, and what the command decided."""
    clockwork = import_string(settings.BILLING_CLOCKWORK)
    known = request.known_at or journal.database_time()
    stamp = Stamp(request.actor, request.command, known, request.key, dry_run)
    ticking = replace(stamp, command="advance", key="")
    accounts = [stream for stream in heads if journal.is_account(stream)]
    seen = kept.found(heads)
    events: list[Recorded] = clockwork(accounts, until=request.at, heads=heads, stamp=ticking, known=seen)
    context = Context(at=request.at, actor=request.actor, recorded_at=known, heads=heads)
    with remembering(seen):
        sooner = command.before(context, arguments) if command.before is not None else ()
    if sooner:
        kept.leave(heads)
        first = record(sooner, heads=heads, stamp=stamp)
        events += first
        events += clockwork(accounts, until=request.at, heads=heads, stamp=ticking, after=first, known=seen)
        seen.clear()
    with remembering(seen):
        decision = import_string(settings.BILLING_DECIDER)(command, context, arguments, _plain(request.arguments))
    kept.leave(heads)
    made = record(decision.drafts, heads=heads, stamp=stamp)
    events += made
    events += clockwork(accounts, until=request.at, heads=heads, stamp=ticking, after=made, known=seen)
    transaction.on_commit(partial(kept.keep, seen, heads))
    return events, decision


# --- keys -------------------------------------------------------------------------------------------------------------------------


def _digest(request: Request) -> bytes:
    asked = {"command": request.command, "arguments": _plain(request.arguments)}
    return hashlib.sha256(canonical(asked)).digest()


def _plain(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(element) for name, element in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    return value if value is None or isinstance(value, bool) else str(value)


def _claim(request: Request) -> Outcome | None:
    """Insert the key, or wait for who did and give the first answer. Raises Conflict `key_reused` for other input under the same key."""
    scope, digest = f"actor:{request.actor}", _digest(request)
    statement = """
        INSERT INTO idempotency_key (scope, key, digest, recorded_at) VALUES (%s, %s, %s, transaction_timestamp())
        ON CONFLICT DO NOTHING RETURNING id"""
    if bulk.fetch(statement, [scope, request.key, digest]):
        return None
    stored, answer = bulk.fetch("SELECT digest, answer::text FROM idempotency_key WHERE scope = %s AND key = %s", [scope, request.key])[0]
    if bytes(stored) != digest:
        raise Conflict("key_reused", f"the key {request.key!r} was used for another request; choose a new key", at="key")
    kept = orjson.loads(answer)
    events = [journal.one(*journal.split_address(address)) for address in kept["events"]]
    return Outcome(tuple(event for event in events if event), kept["made"], replayed=True)


def _keep_answer(request: Request, events: Sequence[Recorded], made: Mapping[str, Any]) -> None:
    answer = canonical({"events": [recorded.address for recorded in events], "made": _plain(made)}).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE idempotency_key SET answer = %s::jsonb WHERE scope = %s AND key = %s", [answer, f"actor:{request.actor}", request.key]
        )


# --- rebuild ----------------------------------------------------------------------------------------------------------------------


def replay(streams: Collection[str]) -> int:
    """Fold the streams' events through the same processors; answers how many events there were. Effects are not owed again."""
    count = 0
    for events in journal.read_by_parts(streams, events=MOST_REPLAYED):
        batch = Batch(events, rebuilding=True)
        run_processors(batch, numbered=False)
        run_processors(batch, numbered=True)
        count += len(events)
    return count
