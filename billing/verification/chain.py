"""The chain of each stream, its head, and the entries of its events.

What holds is told from the stored data itself, in one pass: its hash, its form (`billing.wellformed`) and its postings as one text. Only
where that does not match is an event made of it, to say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from billing import bulk, codec
from billing.codec import decode, encode, time_text
from billing.events import Event
from billing.journal import content_hash
from billing.verification.faults import Fault
from billing.verification.parts import Part
from billing.wellformed import is_wellformed, repeats

#: Between the values of a posting, and between postings: characters that no name holds.
UNIT, RECORD = "\x1f", "\x1e"
#: What an event says of a leg; at the end a time that is not the event's own, which no event says.
_LEG = """
    leg, ledger, currency, amount, invoice, seller, accounting_date, corrects,
    CASE WHEN read_posting.effective_at <> journal.effective_at THEN read_posting.effective_at END"""
_COLUMNS = {
    "stream": "text",
    "sequence": "int8",
    "kind": "text",
    "version": "int2",
    "effective_at": "timestamptz",
    "recorded_at": "timestamptz",
    "actor": "text",
    "command": "text",
    "cause": "text",
    "key": "text",
    "data::text": "text",
    "previous_hash": "bytea",
    "hash": "bytea",
}
_STATEMENT = f"""
    SELECT {", ".join(_COLUMNS)}, (
        SELECT string_agg(concat_ws('{UNIT}', {_LEG}
        ), '{RECORD}' ORDER BY leg) FROM read_posting
        WHERE read_posting.account = journal.stream AND read_posting.sequence = journal.sequence
    ) FROM journal WHERE {{condition}} ORDER BY stream, sequence"""  # noqa: S608 - literals


@dataclass
class Chained:
    """What was found in a part, and whether its posting rows are those of its events."""

    events: int = 0
    streams: int = 0
    same_postings: bool = True


@dataclass
class _Stream:
    """How far a stream has been followed."""

    name: str
    sequence: int = 0
    hash: bytes = b""


def chain(part: Part, found: Chained) -> Iterator[Fault]:
    """The events of the part's streams, stream by stream; after a broken link the rest is checked against what is stored."""
    condition, values = part.where("stream")
    heads = _heads(part)
    orphans = _orphans(part)
    stream = None
    rows = bulk.stream(_STATEMENT.format(condition=condition), values, [*_COLUMNS.values(), "text"])
    for row in rows:
        if stream is None or row[0] != stream.name:
            if stream is not None:
                yield from _ended(stream, heads, orphans, found)
            stream = _Stream(row[0])
        found.events += 1
        yield from _link(stream, row)
        for fault in _event(row):
            found.same_postings = False
            yield fault
        stream.sequence, stream.hash = row[1], row[-2]
    if stream is not None:
        yield from _ended(stream, heads, orphans, found)
    for name in sorted({*heads, *orphans}):  # without events
        yield from _ended(_Stream(name), heads, orphans, found)


def _heads(part: Part) -> dict[str, tuple[int, bytes] | None]:
    """The head of each stream; None where it was removed, or nothing but read models is left of the stream."""
    named, values = part.where("name")
    statement = f"""
        SELECT name, last_sequence, last_hash FROM (SELECT id AS name FROM stream UNION SELECT account FROM read_account) AS known
            LEFT JOIN stream ON stream.id = name WHERE {named} ORDER BY 1"""  # noqa: S608 - literals
    found: dict[str, tuple[int, bytes] | None] = dict.fromkeys(part.names or (), None)
    for name, sequence, digest in bulk.fetch(statement, values):
        found[name] = None if sequence is None else (sequence, bytes(digest))
    return found


def _orphans(part: Part) -> dict[str, list[int]]:
    """Stream -> events that are not there and have postings."""
    condition, values = part.where("account")
    statement = f"""
        SELECT DISTINCT account, sequence FROM read_posting WHERE {condition} AND NOT EXISTS (
            SELECT 1 FROM journal WHERE journal.stream = account AND journal.sequence = read_posting.sequence
        ) ORDER BY 1, 2"""  # noqa: S608 - literals
    found: dict[str, list[int]] = {}
    for account, sequence in bulk.fetch(statement, values):
        found.setdefault(account, []).append(sequence)
    return found


# --- one event --------------------------------------------------------------------------------------------------------------------


def _link(stream: _Stream, row: tuple[Any, ...]) -> Iterator[Fault]:
    sequence = row[1]
    if sequence != stream.sequence + 1:
        first, last = f"{stream.name}/{stream.sequence + 1}", f"{stream.name}/{sequence - 1}"
        missing = first if first == last else f"{first} to {last}"
        yield Fault("missing_event", f"{stream.name}/{sequence}", f"{missing} is missing before it")
    elif row[-3] != stream.hash:
        message = "it does not follow the event before it: the stored previous hash is another one"
        yield Fault("broken_chain", f"{stream.name}/{sequence}", message)


def _event(row: tuple[Any, ...]) -> Iterator[Fault]:
    """The hash computed again from what is stored, its form, and its postings."""
    stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, text, previous, stored, legs = row
    address = f"{stream}/{sequence}"
    if kind not in codec.kinds():
        yield Fault("unknown_kind", address, f"there is no kind of event {kind!r}")
        return
    data = orjson.loads(text)
    content = {
        "stream": stream,
        "sequence": sequence,
        "kind": kind,
        "version": version,
        "effective_at": time_text(effective_at),
        "recorded_at": time_text(recorded_at),
        "actor": actor,
        "command": command,
        "cause": cause,
        "key": key,
        "data": data,
    }
    if content_hash(content, previous) != stored:
        yield Fault("tampered_event", address, f"its content is not what was recorded: the hash of this {kind} is another one")
        return
    if is_wellformed(kind, version, data) and _same(data.get("entry"), legs):
        return
    yield from _slowly(address, kind, version, data, legs)


def _slowly(address: str, kind: str, version: int, data: Any, legs: str | None) -> Iterator[Fault]:
    """What is wrong with the event, made from its data; an older version is in order and still takes this way."""
    try:
        event = decode(kind, version, data)
        stable = version != event.form or repeats(encode(event), data)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a stored event is a fault to be named
        yield Fault("unreadable_event", address, f"this {kind} can't be read: {error!r}")
        return
    if not stable:
        yield Fault("unstable_event", address, f"this {kind} reads as something else than was stored")
    yield from _entry(address, event, legs)


# --- postings ---------------------------------------------------------------------------------------------------------------------


class _Amounts(dict[str, tuple[str, int]]):
    """An amount as an event writes it -> as the table shows it, and in millionths. Raises ValueError for one that is no such amount."""

    def __missing__(self, text: str) -> tuple[str, int]:
        if len(self) >= 100_000:
            self.clear()
        units, _, rest = text.partition(".")
        if len(rest) > 6:
            raise ValueError(text)
        found = self[text] = f"{units}.{rest:0<6}", int(f"{units}{rest:0<6}")
        return found


_AMOUNTS = _Amounts()


def _same(entry: dict[str, Any] | None, legs: str | None) -> bool:
    """Whether these are surely the rows of an entry that sums to zero in one currency."""
    postings = entry["postings"] if entry is not None else None
    if not postings or entry is None:
        return legs is None
    total, shown = 0, []
    try:
        currency, tail = postings[0]["currency"], f"{UNIT}{entry['seller']}{UNIT}{entry['accounting_date']}"
        if entry["corrects"] is not None:
            tail += UNIT + entry["corrects"]
        for number, posting in enumerate(postings, start=1):
            amount, units = _AMOUNTS[posting["amount"]]
            total += units
            if posting["currency"] != currency:
                return False
            shown.append(f"{number}{UNIT}{posting['ledger']}{UNIT}{currency}{UNIT}{amount}{UNIT}{posting['invoice']}{tail}")
    except (KeyError, ValueError):
        return False
    return total == 0 and RECORD.join(shown) == legs


def _entry(address: str, event: Event, legs: str | None) -> Iterator[Fault]:
    """The event's own entry sums to zero, and the rows repeat it leg for leg."""
    entry: Any = getattr(event, "entry", None)
    postings = () if entry is None else entry.postings
    sums: dict[str, Decimal] = {}
    for leg in postings:
        sums[leg.currency] = sums.get(leg.currency, Decimal(0)) + leg.amount
    for currency, off in sums.items():
        if off:
            yield Fault("unbalanced_entry", address, f"its postings sum to {off} {currency}, not to zero")
    days = [] if entry is None else [str(day) for day in (entry.accounting_date, entry.corrects) if day is not None]
    held = [(i, p.ledger, p.currency, p.amount, p.invoice, entry.seller, days) for i, p in enumerate(postings, start=1)]
    rows = [_row(leg) for leg in legs.split(RECORD)] if legs else []
    if held != rows:
        yield Fault("wrong_postings", address, f"the event holds {len(held)} postings, the table {len(rows)} that are not all the same")


def _row(leg: str) -> tuple[Any, ...]:
    number, ledger, currency, amount, invoice, seller, *times = leg.split(UNIT)
    return int(number), ledger, currency, Decimal(amount), invoice, seller, times


def _ended(stream: _Stream, heads: dict[str, tuple[int, bytes] | None], orphans: dict[str, list[int]], found: Chained) -> Iterator[Fault]:
    found.streams += 1
    for sequence in orphans.pop(stream.name, ()):
        found.same_postings = False
        yield Fault("unexplained_posting", f"{stream.name}/{sequence}", "postings stand there that no event holds")
    head = heads.pop(stream.name, None)
    if head is None:
        yield Fault("missing_head", stream.name, "the stream has no head")
    elif head[0] != stream.sequence:
        message = f"the head says {head[0]} events, the journal holds {stream.sequence}: the end is missing"
        yield Fault("wrong_head", f"{stream.name}/{head[0]}", message)
    elif head[1] != stream.hash:
        yield Fault("wrong_head", f"{stream.name}/{stream.sequence}", "the head's hash is not that of the last event")
