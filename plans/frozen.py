"""Frozen values that are cheap to make.

A frozen dataclass sets each of its fields through the guard that keeps everybody else from setting them: twice the price of the object. A
tick makes a hundred small values for every account, so theirs are written past the guard, into the dictionary of the new object. Nothing
else differs: they are dataclasses, compared and hashed by their fields, and a field that is set later raises `FrozenInstanceError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
#: Stands for what a factory of the field makes, where nothing is given.
_MADE = object()


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(*, kw_only: bool = False, order: bool = False) -> Callable[[type[T]], type[T]]:
    """A class of frozen values: `dataclass(frozen=True)`, made faster."""

    def make(cls: type[T]) -> type[T]:
        made: Any = dataclass(frozen=True, kw_only=kw_only, order=order)(cls)
        made.__init__ = _quick_init(made)
        return cls

    return make


def changed(held: T, **others: Any) -> T:
    """`dataclasses.replace` for a value that was checked when it was made: the fields go over as they are. Raises TypeError for a name that
    is no field."""
    kind: Any = type(held)
    stands = held.__dict__
    names = _names(kind)
    if not others.keys() <= names.keys():
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(others.keys() - names.keys()))}")
    made: T = object.__new__(kind)
    made.__dict__.update({name: stands[name] for name in names} | others)
    return made


@cache
def _names(kind: Any) -> dict[str, None]:
    return dict.fromkeys(one.name for one in fields(kind))


def _quick_init(cls: Any) -> Callable[..., None]:
    """`__init__` as the dataclass has it, but for how it sets the fields."""
    known: dict[str, Any] = {"MADE": _MADE}
    given = [one for one in fields(cls) if one.init]
    first, named = [one for one in given if not one.kw_only], [one for one in given if one.kw_only]
    parameters = ["self", *(_parameter(one, known) for one in first), *(["*"] if named else []), *(_parameter(one, known) for one in named)]
    body = ["held = self.__dict__", *(f"held[{one.name!r}] = {_given(one)}" for one in given)]
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    source = f"def __init__({', '.join(parameters)}):\n    " + "\n    ".join(body)
    exec(source, known)
    made: Callable[..., None] = known["__init__"]
    made.__qualname__, made.__annotations__ = f"{cls.__qualname__}.__init__", cls.__init__.__annotations__
    return made


def _parameter(one: Field[Any], known: dict[str, Any]) -> str:
    if one.default_factory is not MISSING:
        known[f"make_{one.name}"] = one.default_factory
        return f"{one.name}=MADE"
    if one.default is not MISSING:
        known[f"default_{one.name}"] = one.default
        return f"{one.name}=default_{one.name}"
    return one.name


def _given(one: Field[Any]) -> str:
    return one.name if one.default_factory is MISSING else f"make_{one.name}() if {one.name} is MADE else {one.name}"
