"""Whether stored data reads as an event, and all of it would be written again, told without making the event.

What is sure is answered with True; of everything else `decode` and `encode` say what is wrong with it, if anything is. So a check may be
stricter than they are, never laxer: a test holds it against them. Fields that came later, with a default, may be missing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from billing import codec
from billing.codec import Remembered, name_in, read_time, time_text

Check = Callable[[Any], bool]


def is_wellformed(kind: str, version: int, data: Any) -> bool:
    """True: `repeats(encode(decode(kind, version, data)), data)`. False: not sure."""
    cls = codec.kinds().get(kind)
    if cls is None or version != cls.form:
        return False
    try:
        return _check(cls)(data)
    except (KeyError, TypeError):
        return False


def repeats(written: Any, stored: Any) -> bool:
    """Whether everything stored is written again as it was; fields that came later, with a default, may be there too."""
    if isinstance(stored, dict):
        return isinstance(written, dict) and all(name in written and repeats(written[name], value) for name, value in stored.items())
    if isinstance(stored, list):
        return isinstance(written, list) and len(written) == len(stored) and all(map(repeats, written, stored))
    return bool(written == stored and type(written) is type(stored))


def _remembered(is_stored_form: Callable[[str], bool]) -> Remembered:
    def told(text: str) -> bool:
        try:
            return is_stored_form(text)
        except (ValueError, InvalidOperation):
            return False

    return Remembered(told)


_TEXTS = {
    Decimal: _remembered(lambda text: format(Decimal(text), "f") == text),
    datetime: _remembered(lambda text: time_text(read_time(text)) == text),
    date: _remembered(lambda text: date.fromisoformat(text).isoformat() == text),
}
#: How a value is told in the source of a check: what Python itself says in one look.
_LOOKS = {str: "{0}.__class__ is str", int: "{0}.__class__ is int", bool: "{0}.__class__ is bool"}


def _is_plain(value: Any) -> bool:
    """What is kept as it came: text, whole numbers, booleans, null, and lists and mappings of them."""
    if value is None or isinstance(value, str | int):
        return True
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, dict) and all(map(_is_plain, value.values()))


@cache
def _check(cls: Any) -> Check:
    if is_dataclass(cls):
        return _dataclass_check(typing.cast(type, cls))
    known: dict[str, Any] = {}
    exec(f"def check(v):\n    return {_look(cls, 'v', known)}", known)
    return typing.cast(Check, known["check"])


def _dataclass_check(cls: type) -> Check:
    """A function that looks at each field in its source: at all of them, or else at those that are there, if the others have a default."""
    if hasattr(cls, "__post_init__"):
        return lambda data: False
    hints = typing.get_type_hints(cls)
    known: dict[str, Any] = {"names": frozenset(field.name for field in fields(cls))}
    whole, part = ["True"], ["names.issuperset(data)"]
    for field in fields(cls):
        look = _look(hints[field.name], f"data[{field.name!r}]", known)
        whole.append(look)
        optional = field.default is not MISSING or field.default_factory is not MISSING
        part.append(f"({field.name!r} not in data or {look})" if optional else look)
    source = f"""
def check(data):
    if data.__class__ is not dict:
        return False
    if len(data) == {len(fields(cls))}:
        return {" and ".join(whole)}
    return {" and ".join(part)}"""
    exec(source, known)
    return typing.cast(Check, known["check"])


def _look(cls: Any, value: str, known: dict[str, Any]) -> str:
    """The source that tells whether `value` is the stored form of a `cls`; functions that it calls are put into `known`."""
    origin, arguments = typing.get_origin(cls), typing.get_args(cls)
    if cls in _LOOKS:
        return f"({_LOOKS[cls].format(value)})"
    if cls in _TEXTS:
        name = name_in(known, _TEXTS[cls])
        return f"((v := {value}).__class__ is str and {name}[v])"
    if origin in (types.UnionType, typing.Union):
        if len(arguments) != 2 or type(None) not in arguments:
            return "False"
        inner = next(argument for argument in arguments if argument is not type(None))
        return f"({value} is None or {_look(inner, value, known)})"
    if origin is tuple:
        return f"((v := {value}).__class__ is list and all(map({name_in(known, _check(arguments[0]))}, v)))"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"((v := {value}).__class__ is dict and all(map({name_in(known, _check(arguments[1]))}, v.values())))"
    return f"{name_in(known, _check(cls) if is_dataclass(cls) else _is_plain)}({value})"
