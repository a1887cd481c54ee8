"""Many rows at once: COPY for new rows, one statement over `unnest` for known ones. The only way that the engine and processors write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import connection
from psycopg import sql

T = TypeVar("T")


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows with COPY. Values are Python values of the columns' types; JSON comes as text."""
    listed = list(rows)
    if not listed:
        return
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as stream:
        for row in listed:
            stream.write_row(row)


def execute(statement: str, columns: Mapping[str, tuple[str, Sequence[Any]]]) -> None:
    """Run one statement over parallel arrays. `columns` maps a name to (array type, values); the statement says `{rows}` where the
    unnested rows stand, named `given`. Does nothing without rows."""
    if not columns or not next(iter(columns.values()))[1]:
        return
    arrays = ", ".join(f"%s::{kind}[]" for kind, _ in columns.values())
    rows = f"unnest({arrays}) AS given({', '.join(columns)})"
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{rows}", rows), [list(values) for _, values in columns.values()])


def fetch(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def column(rows: Iterable[Sequence[T]], index: int) -> list[T]:
    return [row[index] for row in rows]
