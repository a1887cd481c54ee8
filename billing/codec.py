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
from plans.frozen import changed

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


#: Where a copy of an event that differs in names alone brings its canonical bytes along (billing/naming.py).
WRITTEN = "_written"
#: The same of a document whose number is still to be drawn: the bytes before its number and after it.
UNNUMBERED = "_unnumbered"


def canonical_event(event: Event) -> bytes:
    """The canonical bytes of the event's data."""
    written: bytes | None = event.__dict__.get(WRITTEN)
    return canonical(encode(event)) if written is None else written


def with_number(event: Any, number: str) -> Any:
    """The document with its number."""
    made = changed(event, number=number)
    around: tuple[bytes, bytes] | None = event.__dict__.get(UNNUMBERED)
    if around is not None:
        made.__dict__[WRITTEN] = b"".join((around[0], quoted(number), around[1]))
    return made


@lru_cache(maxsize=10_000)
def quoted(text: str) -> bytes:
    """The text as canonical JSON: the names of a batch are told with each of their events."""
    return orjson.dumps(text)


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


_TEXT = frozenset({str})


def _plain_mapping(values: Mapping[Any, Any]) -> dict[str, Any]:
    if values.__class__ is dict and _TEXT.issuperset(map(type, values)) and _TEXT.issuperset(map(type, values.values())):
        return typing.cast("dict[str, Any]", values)  # nearly always: the steps of a charge
    return {str(name): value if value.__class__ is str else _plain(value) for name, value in values.items()}


def _dataclass_encoder(names: tuple[str, ...]) -> Encoder:
    """A function that names each field in its source: no loop over fields for each of thousands of events. Fields stand in the order of
    the canonical bytes."""
    plain = "v if (c := (v := held[{!r}]).__class__) is str else form(v, 'f') if c is Decimal else of(c, found)(v)"
    parts = [f"{name!r}: {plain.format(name)}" for name in sorted(names)]
    source = f"def encode_fields(value):\n    held = value.__dict__\n    return {{{', '.join(parts)}}}"
    known: dict[str, Any] = {"of": _ENCODERS.get, "found": _plain, "form": format, "Decimal": Decimal}
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


Reader = Callable[[Any], Any]
#: So many texts of numbers and times are remembered with their values: events repeat few of them.
MOST_REMEMBERED = 50_000


class Remembered(dict[str, Any]):
    """text → what it is read as, which never changes."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, text: str) -> Any:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        found = self[text] = self.read(text)
        return found


def read_time(text: str) -> datetime:
    """The one stored form of a time. Raises ValueError for any other."""
    if len(text) != len("2026-03-01T15:00:00.000000Z") or text[-1] != "Z":
        raise ValueError(f"{text!r} is not a stored time")
    return datetime.fromisoformat(text)


_VALUES = {Decimal: Remembered(Decimal), datetime: Remembered(read_time), date: Remembered(date.fromisoformat)}


@cache
def _reader(cls: Any) -> Reader:
    """How the stored form of a `cls` is read: a function made once for each class, that names in its source what it reads."""
    if is_dataclass(cls):
        return _dataclass_reader(typing.cast(type, cls))
    known: dict[str, Any] = {}
    exec(f"def read(value):\n    return {_reading(cls, 'value', known)}", known)
    return typing.cast(Reader, known["read"])


def _reading(cls: Any, value: str, known: dict[str, Any]) -> str:
    """The source that reads `value` as a `cls`; what it calls is put into `known`."""
    origin, arguments = typing.get_origin(cls), typing.get_args(cls)
    if cls in _VALUES:
        return f"{name_in(known, _VALUES[cls])}[{value}]"
    if is_dataclass(cls):
        return f"{name_in(known, _reader(typing.cast(Any, cls)))}({value})"
    if origin in (types.UnionType, typing.Union):
        inner = next(argument for argument in arguments if argument is not type(None))
        return f"(None if {value} is None else {_reading(inner, value, known)})"
    if origin is tuple:
        inner_source = _reading(arguments[0], "one", known)
        return f"tuple({value})" if inner_source == "one" else f"tuple([{inner_source} for one in {value}])"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"{{name: {_reading(arguments[1], 'one', known)} for name, one in {value}.items()}}"
    return value


def name_in(known: dict[str, Any], value: Any) -> str:
    """A name by which a source that is run with `known` calls the value."""
    name = f"known_{len(known)}"
    known[name] = value
    return name


def _dataclass_reader(cls: type) -> Reader:
    """Reads all fields at once, past the constructor of a frozen class, which sets them one by one; where a field is missing, with it."""
    hints = typing.get_type_hints(cls)
    readers = [
        (field.name, _reader(hints[field.name]), field.default is MISSING and field.default_factory is MISSING) for field in fields(cls)
    ]

    def construct(data: Mapping[str, Any]) -> Any:
        return cls(**{name: reader(data[name]) for name, reader, required in readers if required or name in data})

    if hasattr(cls, "__post_init__") or "__slots__" in vars(cls):
        return construct
    known: dict[str, Any] = {"cls": cls, "new": cls.__new__, "set_fields": object.__setattr__, "construct": construct}
    parts = [f"{field.name!r}: {_reading(hints[field.name], f'data[{field.name!r}]', known)}" for field in fields(cls)]
    source = f"""
def read(data):
    try:
        held = {{{", ".join(parts)}}}
    except KeyError:
        return construct(data)
    made = new(cls)
    set_fields(made, "__dict__", held)
    return made"""
    exec(source, known)
    return typing.cast(Reader, known["read"])


def encode_value(value: Any) -> Any:
    """A part of an event (a dataclass of it, a mapping) as plain data."""
    return _plain(value)


def decode_value(cls: type, data: Any) -> Any:
    """The part of an event of class `cls` from plain data."""
    return _reader(cls)(data)
