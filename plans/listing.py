"""Reading lists that a person wrote: words, and things that have a code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from plans.errors import Invalid
from plans.fields import Fields, describe


class Coded(Protocol):
    @property
    def code(self) -> str: ...


C = TypeVar("C", bound=Coded)


def words(fields: Fields, name: str) -> tuple[str, ...]:
    """The field as a list of words; one word alone is a list of one. Raises Invalid `wrong_type`."""
    if isinstance(fields.values.get(name), str):
        return (fields.text(name),)
    found = fields.items(name, ())
    for word, path in found:
        if not isinstance(word, str) or not word:
            raise Invalid("wrong_type", f"expected text, found {describe(word)}", at=path)
    return tuple(word for word, _ in found)


def coded(value: object, at: str) -> list[tuple[Any, str]]:
    """(fields with their `code`, path) of each element of a mapping by code, or of a list whose elements name their codes."""
    if not isinstance(value, Mapping):
        return list(Fields({at: value}).items(at))
    return [({"code": code, **Fields(given, path).values}, path) for code, given, path in Fields({at: value}).mapping(at)]


def by_code(value: object, at: str, *, reader: Callable[[Any, str], C], what: str) -> dict[str, C]:
    """Each element read, by its code. Raises Invalid `conflict` for a code stated twice."""
    found: dict[str, C] = {}
    for given, path in coded(value, at):
        one = reader(given, path)
        if one.code in found:
            raise Invalid("conflict", f"the {what} {one.code!r} is stated twice", at=path)
        found[one.code] = one
    return found
