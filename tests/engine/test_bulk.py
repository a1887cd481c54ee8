"""Arrays and rows in binary arrive as they were sent."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, transaction

from billing import bulk
from billing.arrays import KINDS, packed

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SENT: dict[str, list[Any]] = {
    "text": ["", "ana", "Ñandú \t\n\\ 'x' \"y\" {z}, NULL", "NULL", None],
    "bytea": [b"", b"\x00\xff", None],
    "bigint": [0, -1, 2**63 - 1, None],
    "integer": [0, -(2**31), None],
    "smallint": [0, -(2**15), 2**15 - 1, None],
    "boolean": [True, False, None],
    "timestamptz": [NOON, datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC), NOON - timedelta(days=20_000), None],
    "date": [date(2026, 2, 28), date(1, 1, 1), date(9999, 12, 31), None],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_arrives_as_it_was_sent(kind: str) -> None:
    assert bulk.fetch(f"SELECT * FROM unnest(%s::{kind}[])", [packed(kind, SENT[kind])]) == [(value,) for value in SENT[kind]]
    assert bulk.fetch(f"SELECT cardinality(%s::{kind}[])", [packed(kind, [])]) == [(0,)]


@pytest.mark.parametrize(("kind", "value"), [("text", "a\x00b"), ("bigint", 2**63), ("integer", 2**31), ("smallint", 2**15)])
def test_what_no_column_holds_is_refused(kind: str, value: object) -> None:
    with pytest.raises(DataError), transaction.atomic():
        bulk.execute("DELETE FROM due USING {rows} WHERE due.account = given.value::text", {"value": (kind, [value])})


@pytest.mark.parametrize("many", [1, bulk.FEW])
@pytest.mark.parametrize("more", ["", ", range int8range"])
def test_rows_arrive_as_they_were_sent(more: str, many: int) -> None:
    """A few by INSERT; many by COPY in binary, and as text where a column is of a type that is not an everyday one."""
    table = f"sent_{len(more)}_{many}"
    columns = "name text, number bigint, small smallint, amount numeric(30, 12), at timestamptz, day date, flag boolean"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({columns}, said jsonb, raw bytea{more}) ON COMMIT DROP")
    rows = [
        ("a\tb\\", 7, 3, Decimal("-12.50"), NOON, date(2026, 3, 1), True, '{"a": ["ñ", null]}', b"\x00\x01"),
        (None, None, None, None, None, None, None, None, None),
        ("", 0, 0, 0, NOON, date(2026, 3, 1), False, b'{"b":"1"}', b""),
    ]
    names = "name number small amount at day flag said raw".split()
    if more:
        names, rows = [*names, "range"], [(*row, None) for row in rows]
    rows = rows * many
    bulk.copy(table, names, rows)
    asked = bulk.fetch(f"SELECT name, number, small, amount, at, day, flag, said::text, raw FROM {table}")
    said = [None if row[7] is None else row[7] if isinstance(row[7], str) else row[7].decode().replace(":", ": ") for row in rows]
    assert asked == [(*row[:7], text, row[8]) for row, text in zip(rows, said, strict=True)]
