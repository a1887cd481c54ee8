"""Taking measurements in: each record once, whatever is sent twice; the wrong ones put aside, the good ones kept.

    read (pure) ─► account open? ─► what a correction names is known? ─► keys (the database says which are new) ─► records ─► marks

A batch is one transaction. `usage_key` decides what is new: a second writer of the same key waits for the first, then finds it
taken. Keys are written in one order by everybody, so that two writers of the same file never wait for each other in a circle.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg
from django.db import IntegrityError, OperationalError, connection, transaction

from billing import bulk
from billing.closed import account_closed, use_goes_to
from billing.codec import time_text
from billing.journal import database_time
from billing.usage.aside import Rejected, put_aside
from billing.usage.corrections import Known, counted_in_closed, find_known, resolve
from billing.usage.files import Row
from billing.usage.records import Key, Measurement, read_measurement, source_name
from plans.errors import Conflict, Invalid, Refusal
from plans.fields import describe

CHUNK = 5_000
SHOWN = 1_000  # rejected lines that a report holds itself; all of them are put aside in the database
MOST_WAITING = 100_000  # corrections kept until the records that they name have come
RETRIES = 5
AGAIN = ("40P01", "40001")  # a deadlock, a failure to serialize


@dataclass
class Report:
    """What became of the records: `accepted` are new, `duplicates` were known with the same content (harmless)."""

    batch: str
    accepted: int = 0
    duplicates: int = 0
    rejected_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.accepted + self.duplicates + self.rejected_count

    def as_dict(self) -> dict[str, Any]:
        """The report as data; `rejected` holds at most the first 1,000 lines, `rejected_count` counts all."""
        return {
            "batch": self.batch,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected_count": self.rejected_count,
            "rejected": [line.as_dict() for line in self.rejected],
        }

    def add(self, accepted: int, duplicates: int, rejected: Sequence[Rejected]) -> None:
        self.accepted += accepted
        self.duplicates += duplicates
        self.rejected_count += len(rejected)
        self.rejected += rejected[: max(0, SHOWN - len(self.rejected))]


def ingest(
    records: Iterable[Mapping[str, Any]], *, source: str, arrived_at: datetime, known_at: datetime | None = None, batch: str = ""
) -> Report:
    """Take the records in, numbered from 1. `arrived_at` is when the clockwork may count them; `known_at` only for a caller that plays a
    story. Safe to repeat, and beside other writers. Raises Invalid for a source that can't be one; a bad record is put aside, never raised.
    """
    rows = (_row(number, content) for number, content in enumerate(records, start=1))
    return ingest_rows(rows, source=source, arrived_at=arrived_at, known_at=known_at, batch=batch)


class BatchRefused(Invalid):
    """A batch that is taken whole or not at all holds wrong records. `rejected` says which, and why."""

    def __init__(self, rejected: Sequence[Rejected]) -> None:
        first = rejected[0]
        super().__init__("rejected_records", f"{len(rejected)} of the records can't be taken; number {first.number}: {first.reason}")
        self.rejected = tuple(rejected)


def ingest_whole(records: Sequence[Mapping[str, Any]], *, source: str, arrived_at: datetime) -> Report:
    """Take all of the records in, or none, in one transaction: at most 5,000. A record without a time counts at its arrival.

    Raises BatchRefused where one of them can't be taken (nothing is put aside then: the sender knows), Invalid for a source that can't be
    one. Safe to repeat: known records are counted as duplicates.
    """
    source_name(source)
    if len(records) > CHUNK:
        raise Invalid("out_of_range", f"expected at most {CHUNK} records at once, found {len(records)}")
    report = Report("")
    rows = [_row(number, content) for number, content in enumerate(records, start=1)]
    _take(rows, source, arrived_at, None, report, None, whole=True)
    return report


def _row(number: int, content: object) -> Row:
    if isinstance(content, Mapping):
        return Row(number, content)
    return Row(number, None, repr(content), Invalid("wrong_type", f"expected a mapping of fields, found {describe(content)}"))


def ingest_rows(
    rows: Iterable[Row],
    *,
    source: str,
    arrived_at: datetime,
    known_at: datetime | None = None,
    batch: str = "",
    progress: Callable[[Report], Any] | None = None,
) -> Report:
    """Take the rows of a file in, 5,000 to a transaction. A correction that stands before the record that it names waits for it."""
    source_name(source)
    report = Report(batch or f"{source} {time_text(arrived_at)}")
    waiting: list[Row] = []
    for chunk in _chunks(iter(rows)):
        _take(chunk, source, arrived_at, known_at, report, waiting)
        if progress:
            progress(report)
    for chunk in _chunks(iter(waiting)):
        _take(chunk, source, arrived_at, known_at, report, None)
    report.rejected.sort(key=lambda line: line.number)
    return report


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _take(
    chunk: list[Row],
    source: str,
    arrived_at: datetime,
    known_at: datetime | None,
    report: Report,
    waiting: list[Row] | None,
    *,
    whole: bool = False,
) -> None:
    """One transaction; tried again whole after a deadlock. Corrections of unknown records go to `waiting`, where there is one. `whole`: a
    wrong record undoes the others, and records need no time."""
    for attempt in range(RETRIES):
        taken = _Batch(source, later=waiting is not None and len(waiting) < MOST_WAITING, timeless=arrived_at if whole else None)
        try:
            with transaction.atomic():
                recorded_at = known_at or database_time()
                taken.take(chunk, recorded_at=recorded_at, arrived_at=arrived_at)
                if whole and taken.rejected:
                    raise BatchRefused(sorted(taken.rejected, key=lambda line: line.number))
                put_aside(report.batch, taken.rejected, recorded_at=recorded_at)
            break
        except (OperationalError, psycopg.OperationalError) as error:  # a COPY raises the driver's own
            if sqlstate(error) not in AGAIN or attempt == RETRIES - 1 or connection.in_atomic_block:
                raise
            time.sleep(0.01 * 2**attempt)
    report.add(taken.accepted, taken.duplicates, sorted(taken.rejected, key=lambda line: line.number))
    if waiting is not None:
        waiting += taken.waiting


def sqlstate(error: Exception) -> str:
    return str(error.sqlstate if isinstance(error, psycopg.Error) else getattr(error.__cause__, "sqlstate", ""))


@dataclass
class _Batch:
    """The records of one transaction on their way in."""

    source: str
    later: bool
    timeless: datetime | None = None  # the time of records that have none
    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    rows: dict[Key, Row] = field(default_factory=dict)

    def take(self, chunk: Sequence[Row], *, recorded_at: datetime, arrived_at: datetime) -> None:
        accounts = _accounts(chunk)
        records = self._read(chunk, {name: zone for name, (zone, _) in accounts.items()})
        self._drop_closed(records, {name for name, (_, status) in accounts.items() if status == "closed"})
        reach = self._resolve(records)
        new = _insert_keys(records)
        self._settle_known([record for key, record in records.items() if key not in new])
        fresh = [record for key, record in records.items() if key in new]
        self.accepted = len(fresh)
        bulk.copy("usage_record", COLUMNS, (_columns(record, recorded_at) for record in fresh))
        _leave_marks(fresh, reach, arrived_at)

    def refuse(self, row: Row, error: Refusal) -> None:
        reason = f"{error.at}: {error.message}" if error.at else error.message
        self.rejected.append(Rejected(row.number, error.code, reason, row.text or _shown(row.content)))

    def _read(self, chunk: Sequence[Row], zones: Mapping[str, str]) -> dict[Key, Measurement]:
        """The records that are well formed, each key once."""
        read: dict[Key, Measurement] = {}
        for row in chunk:
            try:
                if row.error is not None:
                    raise row.error
                record = read_measurement(row.content, source=self.source, zone_of_account=zones.get, timeless=self.timeless)
            except Refusal as error:
                self.refuse(row, error)
                continue
            known = read.setdefault(record.key, record)
            if known is record:
                self.rows[record.key] = row
            elif known.digest == record.digest:
                self.duplicates += 1
            else:
                self.refuse(row, _other_content(record))
        return read

    def _drop_closed(self, records: dict[Key, Measurement], closed: set[str]) -> None:
        """Nothing new for a closed account, unless the one that it was merged into takes its use; repeats of what was taken before stay
        harmless, whoever took it."""
        late = [record for record in records.values() if record.account in closed]
        known = _digests(late)
        self._settle_known([record for record in late if record.key in known])
        new = {record.account for record in late if record.key not in known}
        onward = use_goes_to(new)
        refusals = {account: account_closed(account) for account in new - onward.keys()}
        stays = counted_in_closed(record for record in late if record.key not in known and record.account not in onward)
        for record in late:
            if record.key not in known and record.account in onward:
                record.account = onward[record.account]
                continue
            if record.key not in known:
                self.refuse(self.rows[record.key], stays.get(record.key) or refusals[record.account])
            del records[record.key]

    def _resolve(self, records: dict[Key, Measurement]) -> dict[Key, datetime]:
        """Place the corrections; answers how far back each of them touches."""
        corrections = [record for record in records.values() if record.corrects]
        if not corrections:
            return {}
        known, elsewhere = find_known(corrections)
        for record in records.values():
            if record.at is not None and not record.corrects:
                known.setdefault(record.key, Known(record.account, record.meter, record.at, record.subject, record.at))
        found = resolve(corrections, known, elsewhere)
        records.update(found.records)
        stays = counted_in_closed(records[key] for key, error in found.refused.items() if error.code == "other_account")
        for key, error in (found.refused | stays).items():
            if error.code == "unknown_record" and self.later:
                self.waiting.append(self.rows[key])
            else:
                self.refuse(self.rows[key], error)
            del records[key]
        return found.reach

    def _settle_known(self, records: Sequence[Measurement]) -> None:
        """Records whose key is taken: the same content is a repeat, other content a conflict."""
        known = _digests(records)
        for record in records:
            if known[record.key] == record.digest:
                self.duplicates += 1
            else:
                self.refuse(self.rows[record.key], _other_content(record))


def _other_content(record: Measurement) -> Refusal:
    message = (
        f"the id {record.id!r} of {record.source!r} was used for another record; void or amend that one by a record with an id of its own"
    )
    return Conflict("usage_conflict", message, at="id")


def _shown(content: object) -> str:
    try:
        return json.dumps(content, default=str)
    except (TypeError, ValueError, RecursionError):
        return repr(content)


# --- statements -------------------------------------------------------------------------------------------------------------------

COLUMNS = (
    "account meter at source record until value amount dimensions subject kind estimated voids amends initial final recorded_at".split()
)
MARK_COLUMNS = "account meter at arrived_at".split()


def _accounts(chunk: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """The accounts that the chunk names and that exist: name → (zone, status)."""
    given = [row.content.get("account") for row in chunk if row.content]
    names = sorted({str(name) for name in given if isinstance(name, str | int) and len(repr(name)) < 200 and str(name).isprintable()})
    rows = bulk.fetch("SELECT account, zone, status FROM read_account WHERE account = ANY(%s)", [names])
    return {account: (zone, status) for account, zone, status in rows}


KEY_COLUMNS = ("source", "record", "at", "digest")


def _insert_keys(records: Mapping[Key, Measurement]) -> set[Key]:
    """Claim the keys; answers those that nobody had. All writers go through them in the same order.

    Nearly always all of them are new, and COPY is the fastest way to say so. Where one is not, they are offered one by one.
    """
    if not records:
        return set()
    rows = [(*key, records[key].at, records[key].digest) for key in sorted(records)]
    try:
        with transaction.atomic():
            bulk.copy("usage_key", KEY_COLUMNS, rows)
        return set(records)
    except (IntegrityError, psycopg.errors.UniqueViolation):  # a COPY may raise the driver's own
        return _insert_new_keys(rows)


def _insert_new_keys(rows: Sequence[tuple[Any, ...]]) -> set[Key]:
    statement = """
        INSERT INTO usage_key (source, record, at, digest)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bytea[])
        ON CONFLICT DO NOTHING RETURNING source, record"""
    return {(source, record) for source, record in bulk.fetch(statement, [bulk.column(rows, i) for i in range(len(KEY_COLUMNS))])}


def _digests(records: Sequence[Measurement]) -> dict[Key, bytes]:
    """The digests under which these keys are known."""
    if not records:
        return {}
    statement = """
        SELECT given.source, given.record, known.digest FROM unnest(%s::text[], %s::text[]) AS given(source, record)
        CROSS JOIN LATERAL (SELECT digest FROM usage_key WHERE source = given.source AND record = given.record LIMIT 1) AS known"""
    rows = bulk.fetch(statement, [[record.source for record in records], [record.id for record in records]])
    return {(source, record): bytes(digest) for source, record, digest in rows}


def _columns(record: Measurement, recorded_at: datetime) -> tuple[Any, ...]:
    return (
        record.account,
        record.meter,
        record.at,
        record.source,
        record.id,
        record.until,
        record.value,
        record.amount,
        record.dimensions,
        record.subject,
        record.kind,
        record.estimated,
        "/".join(record.voids or ()),
        "/".join(record.amends or ()),
        record.initial,
        record.final,
        recorded_at,
    )


def _leave_marks(records: Sequence[Measurement], reach: Mapping[Key, datetime], arrived_at: datetime) -> None:
    """One mark for each meter of each account: the clockwork looks again from the earliest time of use that was touched."""
    earliest: dict[tuple[str, str], datetime] = {}
    for record in records:
        assert record.at is not None
        place, at = (record.account, record.meter), reach.get(record.key, record.at)
        earliest[place] = min(at, earliest.get(place, at))
    bulk.copy("usage_mark", MARK_COLUMNS, ((*place, at, arrived_at) for place, at in sorted(earliest.items())))
