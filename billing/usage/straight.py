"""Everyday measurements straight into their tables: what `everyday` has read, in as few statements and bytes as there can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import psycopg
from django.db import IntegrityError, OperationalError, transaction

from billing import bulk
from billing.codec import time_text
from billing.journal import database_time
from billing.usage.intake import AGAIN, KEY_COLUMNS, MARK_COLUMNS, sqlstate
from billing.usage.records import Measurement, read_measurement
from plans.errors import Refusal

RECORD_COLUMNS = "account meter at source record value dimensions recorded_at".split()


def ingest_everyday(records: Sequence[Measurement], *, arrived_at: datetime) -> bool:
    """Take records of open accounts that are plain use in, all of them or none: at most 5,000. False, and nothing was taken, where one of
    their keys is known or stands twice: `ingest_whole` is for those.
    """
    if len(records) == 1:
        return _insert_one(records[0], arrived_at)
    ordered = sorted(records, key=attrgetter("source", "id"))
    try:
        with transaction.atomic():
            _copy_everyday(ordered, arrived_at)
        return True
    except (IntegrityError, OperationalError, psycopg.errors.UniqueViolation, psycopg.OperationalError) as error:
        if sqlstate(error) in ("23505", *AGAIN):
            return False
        raise


def _copy_everyday(records: Sequence[Measurement], arrived_at: datetime) -> None:
    recorded_at = time_text(database_time())
    keys, rows = [], []
    earliest: dict[tuple[str, str], datetime] = {}
    for record in records:
        assert record.at is not None
        at = time_text(record.at)
        keys.append((record.source, record.id, at, "\\x" + record.digest.hex()))
        value = str(record.value)
        rows.append((record.account, record.meter, at, record.source, record.id, value, record.dimensions, recorded_at))
        place = record.account, record.meter
        known = earliest.get(place)
        if known is None or record.at < known:
            earliest[place] = record.at
    bulk.copy_lines("usage_key", KEY_COLUMNS, keys)
    bulk.copy_lines("usage_record", RECORD_COLUMNS, rows)
    marks = [(*place, time_text(at), time_text(arrived_at)) for place, at in sorted(earliest.items())]
    bulk.copy_lines("usage_mark", MARK_COLUMNS, marks)


def read_plain(content: Mapping[str, Any], source: str, zone: str) -> Measurement | None:
    """The record; None where it is no plain use of an account: `ingest` says what is wrong with it."""
    try:
        record = read_measurement(content, source=source, zone_of_account=lambda _: zone)
    except Refusal:
        return None
    plain = not record.corrects and record.kind == "usage" and record.until is None and record.amount is None
    return record if plain else None


def take_counted(record: Measurement, recorded_at: datetime) -> Callable[[], bool]:
    """Take a plain record in that its command counts itself: no tick is to look for it. The answer, for which nobody need wait at once, is
    whether it was taken: not where its key is known."""
    statement = """
        WITH claimed AS (
            INSERT INTO usage_key (source, record, at, digest) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING source, record, at
        )
        INSERT INTO usage_record (account, meter, at, source, record, value, dimensions, subject, recorded_at)
        SELECT %s, %s, at, source, record, %s, %s::jsonb, %s, %s FROM claimed RETURNING 1"""
    values = [record.account, record.meter, record.value, record.dimensions, record.subject, recorded_at]
    answer = bulk.ask(statement, [record.source, record.id, record.at, record.digest, *values])
    return lambda: bool(answer())


def leave_to_tick(record: Measurement, arrived_at: datetime) -> None:
    """A tick is to look for a record that was taken in as counted."""
    bulk.copy("usage_mark", MARK_COLUMNS, [(record.account, record.meter, record.at, arrived_at)])


def _insert_one(record: Measurement, arrived_at: datetime) -> bool:
    """One record in one statement, which is its own transaction unless the caller has one: nothing is written where its key is known."""
    statement = """
        WITH claimed AS (
            INSERT INTO usage_key (source, record, at, digest) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING source, record, at
        ), kept AS (
            INSERT INTO usage_record (account, meter, at, source, record, value, dimensions, recorded_at)
            SELECT %s, %s, at, source, record, %s, %s::jsonb, transaction_timestamp() FROM claimed
        ), marked AS (
            INSERT INTO usage_mark (account, meter, at, arrived_at) SELECT %s, %s, at, %s FROM claimed
        )
        SELECT 1 FROM claimed"""
    key = [record.source, record.id, record.at, record.digest]
    place = [record.account, record.meter]
    return bool(bulk.fetch(statement, [*key, *place, record.value, record.dimensions, *place, arrived_at]))
