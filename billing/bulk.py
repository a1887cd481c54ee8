"""Many rows at once: COPY for new rows, one statement over `unnest` for known ones. The only way that the engine and processors write.

Values travel in binary, bound on the server, past Django's cursor: neither rows nor arrays of thousands of values are quoted and parsed
as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from billing.arrays import KINDS, Array, packed
from billing.together import Answer, line_here

T = TypeVar("T")

#: Columns of these types take a Python value as it is; a table with another type is copied as text.
_BINARY = frozenset({"text", "int2", "int4", "int8", "bool", "numeric", "timestamptz", "date", "bytea", "jsonb"})
_JSONB_FORM = b"\x01"  # jsonb travels as this byte and its text


#: Up to so many rows an INSERT costs less than a COPY, which takes three messages and is planned anew each time.
FEW = 6


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows: with COPY, but for a few. Values are Python values of the columns' types; JSON comes as text, or as its bytes."""
    listed = list(rows)
    if not listed:
        return
    statement, types, documents = _copying(table, tuple(columns))
    if len(listed) <= FEW:
        _insert(table, tuple(columns), listed, documents)
        return
    with connection.wrap_database_errors, _new_cursor() as cursor, cursor.copy(statement) as stream:
        if types:
            stream.set_types(types)
        write = stream.write_row
        for row in _with_documents(listed, documents, _JSONB_FORM if types else None) if documents else listed:
            write(row)


_SIGNATURE, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def copy_packed(table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Append rows with COPY that are packed already: the number of columns in two bytes, then each value as `billing.arrays` packs it."""
    statement, _, _ = _copying(table, tuple(columns))
    with connection.wrap_database_errors, _new_cursor() as cursor, cursor.copy(statement) as stream:
        stream.write(b"".join((_SIGNATURE, *rows, _TRAILER)))


def _insert(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], documents: Sequence[int]) -> None:
    values = [list(row) for row in rows]
    for place in documents:
        for row in values:
            if type(row[place]) is bytes:
                row[place] = row[place].decode()
    _write(_inserting(table, columns, len(rows)), [value for row in values for value in row])


@cache
def _inserting(table: str, columns: tuple[str, ...], rows: int) -> bytes:
    names = ", ".join(f'"{column}"' for column in columns)
    row = f"({', '.join(['%s'] * len(columns))})"
    return _query(f'INSERT INTO "{table}" ({names}) VALUES {", ".join([row] * rows)}')  # noqa: S608 - names of ours


def _with_documents(rows: Iterable[Sequence[Any]], places: Sequence[int], form: bytes | None) -> Iterable[Sequence[Any]]:
    """The rows with their JSON in binary, or as text where there is no such form."""
    for row in rows:
        values = list(row)
        for place in places:
            value = values[place]
            if value is not None:
                data = value if type(value) is bytes else value.encode()
                values[place] = data.decode() if form is None else form + data
        yield values


@cache
def _copying(table: str, columns: tuple[str, ...]) -> tuple[sql.Composed, list[str], list[int]]:
    """The statement; the types of the columns, none where they travel as text; and which of them hold JSON. Asked once per process."""
    asked = "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::text::regclass AND attnum > 0"
    known: dict[str, str] = dict(fetch(asked, [table]))
    types = [_SHORT.get(known[name]) or known[name] for name in columns]
    binary = _BINARY.issuperset(types)
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN{}").format(
        sql.Identifier(table), listed, sql.SQL(" (FORMAT BINARY)") if binary else sql.SQL("")
    )
    documents = [i for i, kind in enumerate(types) if kind == "jsonb"]
    return statement, ["bytea" if kind == "jsonb" else kind for kind in types] if binary else [], documents


_SHORT = {"smallint": "int2", "integer": "int4", "bigint": "int8", "boolean": "bool", "timestamp with time zone": "timestamptz"}


def copy_lines(table: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Append rows with COPY, their values already as PostgreSQL writes them: no nulls, no control characters. In a third of the time."""
    text = "".join(["\t".join(row) + "\n" for row in rows]).replace("\\", "\\\\")
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as stream:
        stream.write(text)


def execute(statement: str, columns: Mapping[str, tuple[str, Sequence[Any]]]) -> None:
    """Run one statement over parallel arrays. `columns` maps a name to (array type, values); the statement says `{rows}` where the
    unnested rows stand, named `given`. Does nothing without rows."""
    if columns and next(iter(columns.values()))[1]:
        _write(*_over_rows(statement, columns))


def _over_rows(statement: str, columns: Mapping[str, tuple[str, Sequence[Any]]]) -> tuple[bytes, list[Any]]:
    """The statement as the driver takes it, and its values: of a few rows as they are, for the server makes a table of each array."""
    names = tuple([(name, kind) for name, (kind, _) in columns.items()])
    count = len(next(iter(columns.values()))[1])
    if count <= FEW:
        return _with_values(statement, names, count), [listed[i] for i in range(count) for _, listed in columns.values()]
    with _errors():
        values = [packed(kind, listed) if kind in KINDS else list(listed) for kind, listed in columns.values()]
    return _unnesting(statement, names), values


@lru_cache(maxsize=2_000)
def _with_values(statement: str, columns: tuple[tuple[str, str], ...], count: int) -> bytes:
    row = f"({', '.join(f'%s::{kind}' for _, kind in columns)})"
    rows = f"(VALUES {', '.join([row] * count)}) AS given({', '.join(name for name, _ in columns)})"
    return _query(statement.replace("{rows}", rows))


@lru_cache(maxsize=2_000)
def _unnesting(statement: str, columns: tuple[tuple[str, str], ...]) -> bytes:
    arrays = ", ".join(f"%b::{kind}[]" for _, kind in columns)
    return _query(statement.replace("{rows}", f"unnest({arrays}) AS given({', '.join(name for name, _ in columns)})"))


def plan_once() -> None:
    """Until this transaction ends, a prepared statement is planned once, whatever it is asked: for commands, of which planning is a third,
    and chunks of the clockwork. Left to itself the server takes an array that it does not look at to be of ten elements, finds a plan for
    one cheaper, and makes it at each use. What asks by a stretch of time must name the account inside a LATERAL, or it is planned as if the
    stretch were short. And such a plan goes along indexes: made while a table is empty it would read all of it, and go on so when it is
    not, as the charges of a month's tick that are open for the first account and for the last. A server before 18 puts off such reading by
    its price, and would compile what then seems dear, or share it among processes: no statement of a command is worth that."""
    if settings.DATABASE_PREPARE:
        write(_PLANNED_ONCE, [])


_PLANNED_ONCE = """
    SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
        set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)"""


def write(statement: str, parameters: Sequence[Any]) -> None:
    """Run a statement of whose answer nobody asks."""
    _write(_query(statement), parameters)


def _write(statement: bytes, parameters: Sequence[Any]) -> None:
    """Where statements are gathered it goes with the next question, or with the end."""
    if _say(statement, parameters) is None:
        wrapper = connections[DEFAULT_DB_ALIAS]
        with wrapper.wrap_database_errors:
            _cursor(wrapper).execute(statement, parameters)


def _say(statement: bytes, parameters: Sequence[Any] | Mapping[str, Any]) -> Answer | None:
    """Let the statement wait for others; None where nothing is gathered, or it is none of those that may wait."""
    line = line_here()
    return None if line is None else line.say(statement, parameters)


def fetch(statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of the answer. Times come in UTC, JSON is to be asked for as text."""
    return ask(statement, parameters)()


def ask(statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Callable[[], list[tuple[Any, ...]]]:
    """As `fetch`, for what is wanted later: where statements are gathered it goes with the next one that is wanted at once. So it answers
    what stood between now and then, not what was written after it."""
    bound: Any
    with _errors():
        if type(parameters) is dict:
            bound = {name: _bound(value) for name, value in parameters.items()}
        else:
            bound = [_bound(value) for value in parameters]
    answer = _say(_query(statement), bound)
    if answer is not None:
        return answer.rows
    wrapper = connections[DEFAULT_DB_ALIAS]
    with wrapper.wrap_database_errors:
        rows = _cursor(wrapper).execute(_query(statement), bound).fetchall()
    return lambda: rows


def _errors() -> Any:
    """Inside, errors of the driver become those of Django."""
    line = line_here()
    return connections[DEFAULT_DB_ALIAS].wrap_database_errors if line is None else line.errors


def foresee(statement: str, parameters: Sequence[Any] = (), *, lasting: bool = False) -> None:
    """Where statements are gathered: ask already, with what goes next, what `foreseen` will be asked. The answer is of what stands now: it
    is forgotten when something is recorded, unless it is `lasting`: then who takes it looks at what was recorded."""
    line = line_here()
    if line is None:
        return
    with line.errors:
        bound = [_bound(value) for value in parameters]
    answer = line.say(_query(statement), bound)
    if answer is not None:
        line.foreseen[statement, repr(parameters)] = answer, lasting


def is_foreseen(statement: str, parameters: Sequence[Any] = ()) -> bool:
    line = line_here()
    return line is not None and (statement, repr(parameters)) in line.foreseen


def foreseen(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The answer to a question that may have been foreseen, once; otherwise it is asked now."""
    line = line_here()
    found = line.foreseen.pop((statement, repr(parameters)), None) if line is not None and line.foreseen else None
    return fetch(statement, parameters) if found is None else found[0].rows()


def forget_foreseen() -> None:
    """Rows are about to change."""
    line = line_here()
    if line is not None and line.foreseen:
        line.foreseen = {key: held for key, held in line.foreseen.items() if held[1]}


def stream(statement: str, parameters: Sequence[Any], types: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of the answer one after the other, by COPY: however many there are, few are in memory, and the server works on while they
    are looked at. `types` are those of the columns."""
    wrapper = connections[DEFAULT_DB_ALIAS]
    copying = _query(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)")
    with wrapper.wrap_database_errors, _new_cursor() as cursor, cursor.copy(copying, parameters) as rows:
        rows.set_types(types)
        yield from rows.rows()


def _bound(value: Any) -> Any:
    """Lists may be long: those of text, numbers and times are packed here."""
    if type(value) is list and value:
        kind = _LISTS.get(type(value[0]))
        return value if kind is None else packed(kind, value)
    return value


_LISTS: dict[type, str] = {str: "text", int: "bigint", datetime: "timestamptz"}


def texts(values: Iterable[str]) -> Array:
    """An array of text that several statements take, packed once."""
    return packed("text", list(values))


def _cursor(wrapper: BaseDatabaseWrapper) -> psycopg.Cursor[tuple[Any, ...]]:
    """One for each connection: what is asked of it is answered before the next question."""
    wrapper.ensure_connection()
    held: Any = getattr(wrapper, "bulk_cursor", None)
    if held is None or held.connection is not wrapper.connection:
        held = wrapper.bulk_cursor = _new_cursor()  # type: ignore[attr-defined]
    found: psycopg.Cursor[tuple[Any, ...]] = held
    return found


def _new_cursor() -> psycopg.Cursor[tuple[Any, ...]]:
    connection.ensure_connection()
    cursor: psycopg.Cursor[tuple[Any, ...]] = psycopg.Cursor(connection.connection)
    cursor.format = psycopg.pq.Format.BINARY
    return cursor


@lru_cache(maxsize=2_000)
def _query(statement: str) -> bytes:
    """Statements are literals of this program; their values are bound. The driver reads bytes once and remembers what it read."""
    return statement.encode()


def column(rows: Iterable[Sequence[T]], index: int) -> list[T]:
    return [row[index] for row in rows]
