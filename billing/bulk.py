"""Many rows at once: COPY for new rows, one statement over `unnest` for known ones. The only way that the engine and processors write.

Values travel in binary, bound on the server, past Django's cursor: arrays of thousands of values are neither quoted nor parsed as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
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


def copy_lines(table: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Append rows with COPY, their values already as PostgreSQL writes them: no nulls, no control characters. In a third of the time."""
    text = "".join(["\t".join(row) + "\n" for row in rows]).replace("\\", "\\\\")
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as stream:
        stream.write(text)


def execute(statement: str, columns: Mapping[str, tuple[str, Sequence[Any]]]) -> None:
    """Run one statement over parallel arrays. `columns` maps a name to (array type, values); the statement says `{rows}` where the
    unnested rows stand, named `given`. Does nothing without rows."""
    if not columns or not next(iter(columns.values()))[1]:
        return
    arrays = ", ".join(f"%b::{kind}[]" for kind, _ in columns.values())
    rows = f"unnest({arrays}) AS given({', '.join(columns)})"
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(_query(statement.replace("{rows}", rows)), [list(values) for _, values in columns.values()])


def fetch(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of the answer. Times come in UTC, JSON is to be asked for as text."""
    with connection.wrap_database_errors, _cursor() as cursor:
        return cursor.execute(_query(statement), parameters).fetchall()


def _cursor() -> psycopg.Cursor[tuple[Any, ...]]:
    connection.ensure_connection()
    cursor: psycopg.Cursor[tuple[Any, ...]] = psycopg.Cursor(connection.connection)
    cursor.format = psycopg.pq.Format.BINARY
    return cursor


def _query(statement: str) -> sql.SQL:
    """Statements are literals of this program; their values are bound."""
    return sql.SQL(statement)


def column(rows: Iterable[Sequence[T]], index: int) -> list[T]:
    return [row[index] for row in rows]
