"""Voids and amendments find the record that they name: in the database, or among those that come with them, in any order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from billing import bulk
from billing.closed import goes_on_as, use_stays
from billing.usage.records import Key, Measurement
from plans.errors import Conflict, NotFound, Refusal


@dataclass(frozen=True)
class Known:
    """A record that may be corrected. `reach` is the earliest time of use that a correction of it touches."""

    account: str
    meter: str
    at: datetime
    subject: str
    reach: datetime


@dataclass
class Resolved:
    """Corrections with the record that they name found (`reach`: how far back each touches), and those that are refused."""

    records: dict[Key, Measurement] = field(default_factory=dict)
    reach: dict[Key, datetime] = field(default_factory=dict)
    refused: dict[Key, Refusal] = field(default_factory=dict)


def resolve(corrections: Iterable[Measurement], known: Mapping[Key, Known], elsewhere: Collection[Key]) -> Resolved:
    """Pure. A correction has the subject of the record that it names, a void its time too. `elsewhere`: keys of other accounts or meters.

    A correction may name another one that comes with it; those that go round in a circle find no beginning and are refused as unknown.
    """
    found = Resolved()
    reachable = dict(known)
    pending, before = list(corrections), -1
    while pending and len(pending) != before:
        listed, before, pending = pending, len(pending), []
        for record in listed:
            target = reachable.get(record.corrects or record.key)
            if target is None:
                pending.append(record)
                continue
            if (target.account, target.meter) != (record.account, record.meter):
                found.refused[record.key] = _elsewhere(record)
                continue
            if record.subject not in ("", target.subject):
                found.refused[record.key] = _other_subject(record, target)
                continue
            placed = replace(record, at=target.at if record.voids else record.at, subject=target.subject)
            assert placed.at is not None
            reach = min(placed.at, target.reach)
            found.records[record.key], found.reach[record.key] = placed, reach
            reachable[record.key] = Known(placed.account, placed.meter, placed.at, placed.subject, reach)
    for record in pending:
        found.refused[record.key] = _elsewhere(record) if record.corrects in elsewhere else _unknown(record)
    return found


def _field(record: Measurement) -> str:
    return "voids" if record.voids else "amends"


def _elsewhere(record: Measurement) -> Refusal:
    named = "/".join(record.corrects or ())
    message = f"{named!r} belongs to another account or meter; void it there and send a new record here"
    return Conflict("other_account", message, at=_field(record))


def _other_subject(record: Measurement, target: Known) -> Refusal:
    """Contracts for a subject read that subject's records alone: a correction that leaves it would be counted beside the record."""
    named = "/".join(record.corrects or ())
    message = f"{named!r} is of the subject {target.subject!r}; void it and send a new record for {record.subject!r}"
    return Conflict("other_subject", message, at="subject")


def _unknown(record: Measurement) -> Refusal:
    return NotFound("unknown_record", f"there is no record {'/'.join(record.corrects or ())!r}", at=_field(record))


def find_known(corrections: Iterable[Measurement]) -> tuple[dict[Key, Known], set[Key]]:
    """The records that the corrections name, as the database has them; and the keys that belong to other accounts or meters."""
    wanted = {record.corrects: (record.account, record.meter) for record in corrections if record.corrects}
    found: dict[Key, Known] = {}
    above: dict[Key, Key] = {}
    elsewhere: set[Key] = set()
    asked = wanted
    while asked:
        named: dict[Key, tuple[str, str]] = {}
        for source, record, at, subject, corrects in _fetch(asked):
            key = source, record
            if at is None:
                elsewhere.add(key)
                continue
            account, meter = asked[key]
            found[key] = Known(account, meter, at, subject, at)
            if corrects:
                origin, _, inner = corrects.partition("/")
                above[key] = origin, inner
                named[origin, inner] = account, meter
        asked = {key: place for key, place in named.items() if key not in found}
    return {key: replace(known, reach=_reach(key, found, above)) for key, known in found.items()}, elsewhere


def _reach(key: Key, found: Mapping[Key, Known], above: Mapping[Key, Key]) -> datetime:
    """The earliest time along what the record corrects, and what that corrects, and so on."""
    earliest = found[key].at
    while (key := above.get(key, key)) in found:
        earliest = min(earliest, found[key].at)
        if key not in above:
            break
    return earliest


def _fetch(wanted: Mapping[Key, tuple[str, str]]) -> list[tuple[str, str, datetime | None, str, str]]:
    statement = """
        SELECT given.source, given.record, held.at, held.subject, held.voids || held.amends
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS given(source, record, account, meter)
        JOIN usage_key known ON known.source = given.source AND known.record = given.record
        LEFT JOIN usage_record held ON held.account = given.account AND held.meter = given.meter AND held.at = known.at
            AND held.source = given.source AND held.record = given.record"""
    keys, places = list(wanted), list(wanted.values())
    rows = bulk.fetch(statement, [bulk.column(keys, 0), bulk.column(keys, 1), bulk.column(places, 0), bulk.column(places, 1)])
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def counted_in_closed(corrections: Iterable[Measurement]) -> dict[Key, Refusal]:
    """Why corrections can't be taken that name use of a closed account: their own, or one that goes on as theirs."""
    given = [record for record in corrections if record.corrects]
    named = {record.corrects: "/".join(record.corrects) for record in given if record.corrects}
    statement = """
        SELECT given.source, given.record, held.account FROM unnest(%s::text[], %s::text[]) AS given(source, record)
        JOIN usage_key known ON known.source = given.source AND known.record = given.record
        JOIN usage_record held ON held.at = known.at AND held.source = known.source AND held.record = known.record
        JOIN read_account place ON place.account = held.account AND place.status = 'closed'"""
    rows = bulk.fetch(statement, [bulk.column(list(named), 0), bulk.column(list(named), 1)]) if named else []
    held = {(source, record): account for source, record, account in rows}
    onward = {account: goes_on_as(account) for account in set(held.values())}
    return {
        record.key: use_stays(named[record.corrects], holder, onward[holder], at=_field(record))
        for record in given
        if record.corrects and (holder := held.get(record.corrects, "")) and record.account in (holder, onward[holder])
    }


def place_of(source: str, record: str) -> tuple[str, str]:
    """Whose record it is: account and meter. Looks through the records of its moment. Raises NotFound `unknown_record`."""
    statement = """
        SELECT held.account, held.meter FROM usage_key known
        JOIN usage_record held ON held.at = known.at AND held.source = known.source AND held.record = known.record
        WHERE known.source = %s AND known.record = %s"""
    rows = bulk.fetch(statement, [source, record])
    if not rows:
        raise NotFound("unknown_record", f"there is no record {f'{source}/{record}'!r}", at="id")
    return rows[0][0], rows[0][1]
