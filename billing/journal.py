"""Streams and events in the database: locking heads, appending with the hash chain, reading back.

The hash of an event covers the canonical JSON of everything it says and the hash of the event before it in its stream; not `position`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import orjson

from billing import bulk
from billing.arrays import KINDS
from billing.codec import canonical, canonical_event, decode, quoted, time_text
from billing.events import Event
from plans.frozen import frozen


@frozen()
class Draft:
    """An event on its way to a stream. `cause` is the address of the event that led here."""

    stream: str
    event: Event
    effective_at: datetime
    cause: str = ""


@frozen()
class Recorded:
    """An event in its place."""

    stream: str
    sequence: int
    event: Event
    effective_at: datetime
    recorded_at: datetime
    actor: str
    command: str
    cause: str = ""
    key: str = ""

    @property
    def address(self) -> str:
        return f"{self.stream}/{self.sequence}"


@dataclass
class Head:
    sequence: int
    hash: bytes


class Busy(Exception):
    """Another transaction holds a stream that a batch needs: the batch gives way and is done again."""


def is_account(stream: str) -> bool:
    """Accounts have plain names; shared things and the house have a prefix, as in `stock:router`."""
    return ":" not in stream


def lock(
    streams: Collection[str], *, create: bool = True, skip_locked: bool = False, then: Callable[[], None] | None = None
) -> dict[str, Head]:
    """Lock the heads for this transaction: accounts before things, each by id. Missing ones are made first unless `create` is false.

    With `skip_locked` busy streams are left out of the answer instead of waited for. `then` foresees what is asked once they are locked: it
    goes with the lock, as a statement of its own after it, so that it sees what the one who was waited for has written.
    """
    wanted = sorted(set(streams), key=lambda stream: (not is_account(stream), stream))
    statement = _LOCK if len(wanted) == 1 else _LOCK_ALL
    rows = _locked(statement + (" SKIP LOCKED" if skip_locked else ""), wanted, then)
    if create and not skip_locked and len(rows) < len(wanted):
        _make([stream for stream in wanted if stream not in {row[0] for row in rows}])
        rows = _locked(statement, wanted, then)
    return {stream: Head(sequence=sequence, hash=bytes(digest)) for stream, sequence, digest in rows}


_LOCK = "SELECT id, last_sequence, last_hash FROM stream WHERE id = %s FOR NO KEY UPDATE"
_LOCK_ALL = """SELECT id, last_sequence, last_hash FROM stream WHERE id = ANY(%s)
    ORDER BY position(':' in id) > 0, id FOR NO KEY UPDATE"""


def _locked(statement: str, wanted: Sequence[str], then: Callable[[], None] | None) -> list[tuple[Any, ...]]:
    answer = bulk.ask(statement, wanted if len(wanted) == 1 else [wanted])
    if then is not None:
        then()
    return answer()


def _make(streams: Sequence[str]) -> None:
    """Add the heads that do not exist yet; who adds the same one at this moment is waited for."""
    statement = "INSERT INTO stream (id, last_sequence, last_hash) SELECT id, 0, ''::bytea FROM {rows} ON CONFLICT DO NOTHING"
    bulk.execute(statement, {"id": ("text", streams)})


def join(streams: Collection[str], heads: dict[str, Head]) -> None:
    """Lock streams that work of a batch turns out to need, beside those that it holds: their heads are added to `heads`.

    It never waits for one that exists (RULES 23). Raises Busy where another transaction holds it: the account goes back and is done later.
    """
    missing = sorted(set(streams) - set(heads))
    if not missing:
        return
    _make(missing)
    heads |= lock(missing, skip_locked=True)
    busy = next((stream for stream in missing if stream not in heads), None)
    if busy is not None:
        raise Busy(busy)


def chain_hash(recorded: Recorded, data: bytes, previous: bytes) -> bytes:
    """SHA-256 over the canonical JSON of the event's whole content and the previous hash; `data` is canonical already.

    The content is `{actor, cause, command, data, effective_at, key, kind, recorded_at, sequence, stream, version}`. What most events of a
    transaction share is written once: the keys stand in their order here, so that no value is sorted or walked through again.
    """
    before = _told_before(recorded.actor, recorded.cause, recorded.command)
    between = _told_between(recorded.effective_at, recorded.key, recorded.event.kind, recorded.recorded_at)
    numbered = b'%d,"stream":%b,"version":%d}' % (recorded.sequence, quoted(recorded.stream), recorded.event.form)
    return hashlib.sha256(b"".join((before, data, between, numbered, previous))).digest()


@lru_cache(maxsize=1_000)
def _told_before(actor: str, cause: str, command: str) -> bytes:
    return canonical({"actor": actor, "cause": cause, "command": command})[:-1] + b',"data":'


@lru_cache(maxsize=1_000)
def _told_between(effective_at: datetime, key: str, kind: str, recorded_at: datetime) -> bytes:
    told = {"effective_at": time_text(effective_at), "key": key, "kind": kind, "recorded_at": time_text(recorded_at)}
    return b"," + canonical(told)[1:-1] + b',"sequence":'


def content_hash(content: Mapping[str, Any], previous: bytes) -> bytes:
    """The hash of an event whose content stands as `chain_hash` says, as whoever reads it back finds it."""
    return hashlib.sha256(canonical(content) + previous).digest()


JOURNAL_COLUMNS = (
    "stream sequence kind version effective_at recorded_at actor command cause key data previous_hash hash".split()
)  # `position` is the database's to give


#: Up to so many events of one stream go in one statement with the head that they move: what most commands record.
FEW = 3


@cache
def _append_few(count: int) -> str:
    row = f"({', '.join(['%s'] * len(JOURNAL_COLUMNS))})"
    return f"""
        WITH moved AS (UPDATE stream SET last_sequence = %s, last_hash = %s WHERE id = %s)
        INSERT INTO journal ({", ".join(JOURNAL_COLUMNS)}) VALUES {", ".join([row] * count)}"""


def append(batch: Sequence[Recorded], heads: dict[str, Head]) -> None:
    """Write the events and move the heads. The heads must be locked by this transaction."""
    last = {recorded.stream: (0, heads[recorded.stream].hash) for recorded in batch}
    written: list[tuple[Recorded, bytes, bytes, bytes]] = []
    for recorded in batch:
        previous = last[recorded.stream][1]
        data = canonical_event(recorded.event)
        digest = chain_hash(recorded, data, previous)
        written.append((recorded, data, previous, digest))
        last[recorded.stream] = recorded.sequence, digest
    heads.update({stream: Head(*head) for stream, head in last.items()})
    if len(batch) <= FEW and len(last) == 1:
        ((stream, head),) = last.items()
        values = [value for row in written for value in _row(*row)]
        bulk.write(_append_few(len(batch)), [*head, stream, *values])
        return
    bulk.copy_packed("journal", JOURNAL_COLUMNS, (_packed(*row) for row in written))
    bulk.execute(
        "UPDATE stream SET last_sequence = given.sequence, last_hash = given.hash FROM {rows} WHERE stream.id = given.id",
        {
            "id": ("text", list(last)),
            "sequence": ("bigint", [sequence for sequence, _ in last.values()]),
            "hash": ("bytea", [digest for _, digest in last.values()]),
        },
    )


def _row(recorded: Recorded, data: bytes, previous: bytes, digest: bytes) -> tuple[Any, ...]:
    """In the order of JOURNAL_COLUMNS."""
    return (recorded.stream, recorded.sequence, *_shared(recorded), data.decode(), previous, digest)


def _shared(recorded: Recorded) -> tuple[Any, ...]:
    """What many events of a transaction have in common."""
    event = recorded.event
    said = event.kind, event.form, recorded.effective_at, recorded.recorded_at
    return (*said, recorded.actor, recorded.command, recorded.cause, recorded.key)


_COLUMNS = len(JOURNAL_COLUMNS).to_bytes(2, "big")
_TEXT, _BIGINT, _BYTEA = (KINDS[kind].pack for kind in ("text", "bigint", "bytea"))
_JSONB_FORM = b"\x01"


def _packed(recorded: Recorded, data: bytes, previous: bytes, digest: bytes) -> bytes:
    """The row as COPY takes it in binary."""
    stream, sequence, shared = _TEXT(recorded.stream), _BIGINT(recorded.sequence), _packed_shared(*_shared(recorded))
    return b"".join((_COLUMNS, stream, sequence, shared, _BYTEA(_JSONB_FORM + data), _BYTEA(previous), _BYTEA(digest)))


_SHARED = "text smallint timestamptz timestamptz text text text text".split()


@lru_cache(maxsize=1_000)
def _packed_shared(*values: Any) -> bytes:
    return b"".join([KINDS[kind].pack(value) for kind, value in zip(_SHARED, values, strict=True)])


_SELECT = "SELECT stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, data::text FROM journal"


_RECORDED_AT = 5


def _recorded(row: Sequence[Any]) -> Recorded:
    stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, data = row
    event = decode(kind, version, orjson.loads(data))
    return Recorded(stream, sequence, event, effective_at, recorded_at, actor, command, cause, key)


def read(streams: Collection[str], *, after: int = 0) -> list[Recorded]:
    """All events of the streams, in order per stream, from the one after sequence `after`."""
    rows = bulk.fetch(f"{_SELECT} WHERE stream = ANY(%s) AND sequence > %s ORDER BY stream, sequence", [list(streams), after])
    return [_recorded(row) for row in rows]


_FOLLOWING = f"{_SELECT.replace(' FROM', ', previous_hash FROM')} WHERE stream = %s AND sequence > %s ORDER BY sequence"


def foresee_following(stream: str, head: Head) -> None:
    bulk.foresee(_FOLLOWING, [stream, head.sequence])


def following(stream: str, head: Head) -> list[Recorded]:
    """The events of the stream after this head, in order; none where what stands there does not continue from it."""
    rows = bulk.foreseen(_FOLLOWING, [stream, head.sequence])
    if not rows or bytes(rows[0][-1]) != head.hash:
        return []
    return [_recorded(row[:-1]) for row in rows]


def read_by_parts(streams: Collection[str], *, events: int) -> Iterator[list[Recorded]]:
    """All events of the streams, in order per stream: together, and those of a stream that has more than so many by parts, each of whole
    transactions (`recorded_at` is one value for each)."""
    statement = "SELECT id FROM stream WHERE id = ANY(%s) AND last_sequence > %s ORDER BY id"
    long = [row[0] for row in bulk.fetch(statement, [list(streams), events])]
    yield read(set(streams).difference(long))
    for stream in long:
        after, most = 0, events
        while rows := bulk.fetch(f"{_SELECT} WHERE stream = %s AND sequence > %s ORDER BY sequence LIMIT %s", [stream, after, most + 1]):
            end = len(rows)
            while end and len(rows) > most and rows[end - 1][_RECORDED_AT] == rows[-1][_RECORDED_AT]:
                end -= 1  # its transaction may go on
            if not end:  # a transaction longer than that
                most *= 2
                continue
            yield [_recorded(row) for row in rows[:end]]
            after, most = rows[end - 1][1], events


def one(stream: str, sequence: int) -> Recorded | None:
    rows = bulk.fetch(f"{_SELECT} WHERE stream = %s AND sequence = %s", [stream, sequence])
    return _recorded(rows[0]) if rows else None


def several(addresses: Sequence[tuple[str, int]]) -> list[Recorded]:
    """The events at these addresses, as far as they exist."""
    given = "unnest(%s::text[], %s::bigint[]) AS given(stream, sequence)"
    rows = bulk.fetch(
        f"{_SELECT} JOIN {given} USING (stream, sequence) ORDER BY stream, sequence", [[a[0] for a in addresses], [a[1] for a in addresses]]
    )
    return [_recorded(row) for row in rows]


def split_address(address: str) -> tuple[str, int]:
    """`ana/17` → (`ana`, 17). Raises ValueError for anything else."""
    stream, _, sequence = address.rpartition("/")
    if not stream:
        raise ValueError(address)
    return stream, int(sequence)


def stream_ids(*, accounts_only: bool = False) -> Iterable[str]:
    """Every stream, in order."""
    condition = "WHERE position(':' in id) = 0" if accounts_only else ""
    return [row[0] for row in bulk.fetch(f"SELECT id FROM stream {condition} ORDER BY id")]


def blocks(streams: Collection[str] | None, *, events: int) -> Iterator[list[str]]:
    """These streams, or all that have a head, in order, by blocks of about so many events and of at least one stream."""
    statement = "SELECT id, last_sequence FROM stream WHERE %s::text[] IS NULL OR id = ANY(%s) ORDER BY id"
    named = None if streams is None else list(streams)
    sizes = bulk.fetch(statement, [named, named])
    if streams is not None:
        sizes += [(name, 0) for name in sorted(set(streams).difference(name for name, _ in sizes))]
    block: list[str] = []
    held = 0
    for name, size in sizes:
        block.append(name)
        held += size + 1
        if held >= events:
            yield block
            block, held = [], 0
    if block:
        yield block


def database_time() -> datetime:
    """The transaction's own time: one value for everything that it records."""
    now: datetime = bulk.fetch("SELECT transaction_timestamp()")[0][0]
    return now
