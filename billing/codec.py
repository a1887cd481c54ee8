"""Events as JSON and back: the one stored form.

JSON holds text, whole numbers, booleans, null, lists and mappings only: amounts and times are text, so that no reader can make a
binary float of them. Times are UTC ISO text with microseconds. Canonical bytes have sorted keys; the hash chain is over them.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import orjson

from billing.events import Event, all_kinds
from plans.errors import Conflict

#: The code of what can't be read yet.
NEWER = "newer_event"

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
# (kind, version) -> the data of the next version. An upcast never adds or changes an amount.
UPCASTS: dict[tuple[str, int], Upcast] = {
    ("stock.moved", 1): lambda data: data,  # had no place, cost or note: the fields' defaults say so
}


def canonical(value: Any) -> bytes:
    """The canonical bytes of plain data: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=5_000)
def time_text(moment: datetime) -> str:
    """UTC ISO text, always with microseconds: `2026-03-01T15:00:00.000000Z`."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z"


def encode(event: Event) -> dict[str, Any]:
    """The event as plain data. Raises TypeError for a value that has no stored form (a float among them)."""
    return typing.cast("dict[str, Any]", _plain(event))


Encoder = Callable[[Any], Any]


def _plain(value: Any) -> Any:
    encode_one = _ENCODERS.get(type(value)) or _encoder(value)
    return encode_one(value)


def _encoder(value: Any) -> Encoder:
    """How values of this class are stored: found once for each class, because an event holds dozens of values."""
    found: Encoder
    if is_dataclass(value):
        found = _dataclass_encoder(tuple(field.name for field in fields(value)))
    elif isinstance(value, datetime):
        found = time_text
    elif isinstance(value, date):
        found = date.isoformat
    elif isinstance(value, tuple | list):
        found = _plain_list
    elif isinstance(value, Mapping):
        found = _plain_mapping
    elif isinstance(value, str | int):
        found = _itself
    elif isinstance(value, Decimal):
        found = _decimal_text
    else:
        raise TypeError(f"{type(value).__name__} {value!r} has no stored form")
    _ENCODERS[type(value)] = found
    return found


def _itself(value: Any) -> Any:
    return value


def _decimal_text(value: Decimal) -> str:
    return format(value, "f")


def _plain_list(values: Any) -> list[Any]:
    return [value if value.__class__ is str else _plain(value) for value in values]


def _plain_mapping(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value if value.__class__ is str else _plain(value) for name, value in values.items()}


def _dataclass_encoder(names: tuple[str, ...]) -> Encoder:
    """A function that names each field in its source: no loop over fields for each of thousands of events. Fields stand in the order of
    the canonical bytes."""
    parts = [f"{name!r}: v if (v := held[{name!r}]).__class__ is str else of(v.__class__, found)(v)" for name in sorted(names)]
    source = f"def encode_fields(value):\n    held = value.__dict__\n    return {{{', '.join(parts)}}}"
    known: dict[str, Any] = {"of": _ENCODERS.get, "found": _plain}
    exec(source, known)
    return typing.cast(Encoder, known["encode_fields"])


_ENCODERS: dict[type, Encoder] = {
    type(None): _itself,
    str: _itself,
    bool: _itself,
    int: _itself,
    Decimal: _decimal_text,
    tuple: _plain_list,
    list: _plain_list,
    dict: _plain_mapping,
}


@cache
def kinds() -> dict[str, type[Event]]:
    return all_kinds()


def decode(kind: str, version: int, data: Mapping[str, Any]) -> Event:
    """The event of stored data; older versions are brought up to date on the way, the stored row stays as it is.

    Unknown fields are left out (a newer writer), a missing field without a default is an error, never a guess. Raises Conflict
    `newer_event` for a kind or version that only a newer program knows: who reads it waits, and nothing is dropped.
    """
    cls = kinds().get(kind)
    if cls is None or version > cls.form:
        message = (
            f"an event of kind {kind!r}, version {version}, was written by a newer program than this one; update this one, then try again"
        )
        raise Conflict(NEWER, message)
    plain = dict(data)
    while version < cls.form:
        plain, version = UPCASTS[kind, version](plain), version + 1
    return typing.cast(Event, _reader(typing.cast(Any, cls))(plain))


@cache
def _reader(cls: Any) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(cls), typing.get_args(cls)
    if cls is Decimal:
        return Decimal
    if cls is datetime:
        return read_time
    if cls is date:
        return date.fromisoformat
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(argument for argument in arguments if argument is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        inner = _reader(arguments[0])
        return lambda values: tuple(inner(value) for value in values)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner = _reader(arguments[1])
        return lambda values: {name: inner(value) for name, value in values.items()}
    if is_dataclass(cls):
        return _dataclass_reader(typing.cast(type, cls))
    return lambda value: value


def read_time(text: str) -> datetime:
    """The one stored form of a time. Raises ValueError for any other."""
    if len(text) != len("2026-03-01T15:00:00.000000Z") or text[-1] != "Z":
        raise ValueError(f"{text!r} is not a stored time")
    return datetime.fromisoformat(text)


def _dataclass_reader(cls: type) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls)
    readers = [
        (field.name, _reader(hints[field.name]), field.default is MISSING and field.default_factory is MISSING) for field in fields(cls)
    ]

    def read(data: Mapping[str, Any]) -> Any:
        found = {name: reader(data[name]) for name, reader, required in readers if required or name in data}
        return cls(**found)

    return read


def encode_value(value: Any) -> Any:
    """A part of an event (a dataclass of it, a mapping) as plain data."""
    return _plain(value)


def decode_value(cls: type, data: Any) -> Any:
    """The part of an event of class `cls` from plain data."""
    return _reader(cls)(data)
