"""Arrays as PostgreSQL takes them in binary: text, whole numbers, times, flags, bytes.

psycopg packs an array element by element through classes in Python; a run sends thousands of elements with every chunk, so those of
everyday types are packed here, each in one expression. The form is that of `array_recv`: dimensions, whether there are NULLs, the type of
the elements, their number and first index; then each with its length, −1 for NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from struct import Struct, error
from typing import Any, ClassVar

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format
from psycopg.types.string import BytesBinaryDumper

_HEADER = Struct("!iiIii")
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)
_EIGHT = Struct("!iq")
_FOUR = Struct("!ii")
_TWO = Struct("!ih")
_ONE = Struct("!i?")
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=20_000)
def _text(value: str) -> bytes:
    """The names of a chunk are sent with each of a dozen statements: most of them are known."""
    data = value.encode()
    if b"\x00" in data:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return _LENGTH.pack(len(data)) + data


def _bytea(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _bigint(value: int) -> bytes:
    return _EIGHT.pack(8, value)


@lru_cache(maxsize=20_000)
def _moment(value: datetime) -> bytes:
    return _EIGHT.pack(8, (value - _FIRST_MOMENT) // _MICROSECOND)


def _day(value: date) -> bytes:
    return _FOUR.pack(4, value.toordinal() - _FIRST_DAY)


def _integer(value: int) -> bytes:
    return _FOUR.pack(4, value)


def _smallint(value: int) -> bytes:
    return _TWO.pack(2, value)


def _flag(value: bool) -> bytes:
    return _ONE.pack(1, value)


@dataclass(frozen=True)
class _Kind:
    element: int  # the type's number in PostgreSQL, for ever the same
    array: int
    pack: Callable[[Any], bytes]


KINDS = {
    "text": _Kind(25, 1009, _text),
    "bytea": _Kind(17, 1001, _bytea),
    "bigint": _Kind(20, 1016, _bigint),
    "smallint": _Kind(21, 1005, _smallint),
    "integer": _Kind(23, 1007, _integer),
    "boolean": _Kind(16, 1000, _flag),
    "timestamptz": _Kind(1184, 1185, _moment),
    "date": _Kind(1082, 1182, _day),
}


class Array:
    """A packed array. `kind` is one of KINDS."""

    __slots__ = ("data", "kind")

    def __init__(self, kind: str, data: bytes) -> None:
        self.kind, self.data = kind, data


def packed(kind: str, values: Sequence[Any]) -> Array:
    """The values as an array of that kind; None is NULL. Raises psycopg.DataError for text with U+0000 and numbers that are too large."""
    known = KINDS[kind]
    pack = known.pack
    try:
        parts = [_NULL if value is None else pack(value) for value in values]
    except error as beyond:
        raise psycopg.DataError(str(beyond)) from None
    header = _HEADER.pack(1, None in values, known.element, len(parts), 1)
    return Array(kind, header + b"".join(parts))


class _ArrayDumper(Dumper):
    """One dumper for each kind, so that psycopg tells the server which type it is."""

    format = Format.BINARY
    kinds: ClassVar[dict[str, type[Dumper]]] = {}

    def get_key(self, obj: Array, format: Any) -> Any:
        return (self.cls, obj.kind)

    def upgrade(self, obj: Array, format: Any) -> Dumper:
        found = _ArrayDumper(self.cls)
        found.oid = KINDS[obj.kind].array
        return found

    def dump(self, obj: Array) -> Buffer:
        return obj.data


psycopg.adapters.register_dumper(Array, _ArrayDumper)
# Once more, so that it is found by the type of a column too: that of `psycopg.Binary`, which came after it, is written in Python.
psycopg.adapters.register_dumper(bytes, BytesBinaryDumper)
