"""Months of use: made ahead, the default partition drained into them, and as closed to changes as before."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from psycopg import Connection

from billing import bulk
from billing.usage import ingest
from billing.usage.partitions import keep_months
from tests.books import moment, open_account

COUNTS = "SELECT tableoid::regclass::text, count(*) FROM usage_record GROUP BY 1 ORDER BY 1"


def take(*times: str) -> None:
    records = [{"id": at, "account": "ana", "meter": "calls", "value": 1, "at": at} for at in times]
    assert ingest(records, source="test", arrived_at=moment("2019-01-01")).accepted == len(times)


def rows() -> list[tuple[Any, ...]]:
    return bulk.fetch("SELECT record, at, sequence, value, recorded_at FROM usage_record ORDER BY sequence")


@pytest.mark.django_db
def test_months_are_made_ahead_once() -> None:
    at = datetime(2018, 11, 17, tzinfo=UTC)
    assert list(keep_months(at=at)) == [date(2018, 11, 1), date(2018, 12, 1), date(2019, 1, 1), date(2019, 2, 1)]
    assert keep_months(at=at) == {}
    open_account("ana")
    take("2018-11-01T00:00:00Z", "2018-11-30T23:59:59.999Z", "2018-12-01T00:00:00Z")
    assert bulk.fetch(COUNTS) == [("usage_record_2018_11", 2), ("usage_record_2018_12", 1)]


@pytest.mark.django_db
def test_a_crowded_month_of_the_default_partition_moves_whole() -> None:
    open_account("ana")
    take("2012-02-29T23:00:00Z", "2012-03-01T00:00:00Z", "2012-03-31T23:59:59Z", "2012-04-01T00:00:00Z")
    before = rows()
    made = keep_months(at=datetime(2018, 11, 1, tzinfo=UTC), ahead=0, many=2)
    assert made == {date(2012, 3, 1): 2, date(2018, 11, 1): 0}
    assert rows() == before, "the same records, in the order of their arrival"
    assert bulk.fetch(COUNTS) == [("usage_record_2012_03", 2), ("usage_record_other", 2)]
    take("2012-03-05T00:00:00Z")
    assert rows()[-1][2] > before[-1][2], "the order of arrival goes on"
    assert (
        ingest(
            [{"id": "2012-03-01T00:00:00Z", "account": "ana", "meter": "calls", "value": 1, "at": "2012-03-01T00:00:00Z"}],
            source="test",
            arrived_at=moment("2019-01-01"),
        ).duplicates
        == 1
    )


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["usage_record_2012_03", "usage_record_other"])
def test_no_record_is_changed_by_the_application(table: str) -> None:
    open_account("ana")
    take("2012-03-01T00:00:00Z", "2013-01-01T00:00:00Z")
    keep_months(at=datetime(2018, 11, 1, tzinfo=UTC), ahead=0, many=1)
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET value = 2", f"TRUNCATE {table}"):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["usage_record_2012_03", "usage_record_other"])
def test_no_record_is_changed_by_the_owner(owner: Connection[Any], table: str) -> None:
    open_account("ana")
    take("2012-03-01T00:00:00Z", "2013-01-01T00:00:00Z")
    keep_months(at=datetime(2018, 11, 1, tzinfo=UTC), ahead=0, many=10)
    bulk.fetch("SELECT usage_month('2012-03-01')")
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET value = 2", f"TRUNCATE {table}"):
        with pytest.raises(Exception, match="append-only"):
            owner.execute(statement)  # type: ignore[arg-type]
