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
from functools import cache
from typing import Any

import orjson

from billing.events import Event, all_kinds

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
# (kind, version) -> the data of the next version. An upcast never adds or changes an amount.
UPCASTS: dict[tuple[str, int], Upcast] = {
    ("stock.moved", 1): lambda data: data,  # had no place, cost or note: the fields' defaults say so
}


def canonical(value: Any) -> bytes:
    """The canonical bytes of plain data: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def time_text(moment: datetime) -> str:
    """UTC ISO text, always with microseconds: `2026-03-01T15:00:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(event: Event) -> dict[str, Any]:
    """The event as plain data. Raises TypeError for a value that has no stored form (a float among them)."""
    return typing.cast("dict[str, Any]", _plain(event))


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(element) for element in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(element) for name, element in value.items()}
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(typing.cast(Any, type(value)))}
    raise TypeError(f"{type(value).__name__} {value!r} has no stored form")


@cache
def kinds() -> dict[str, type[Event]]:
    return all_kinds()


def decode(kind: str, version: int, data: Mapping[str, Any]) -> Event:
    """The event of stored data; older versions are brought up to date on the way, the stored row stays as it is.

    Unknown fields are left out (a newer writer), a missing field without a default is an error, never a guess.
    """
    cls = kinds()[kind]
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
        return lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
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
