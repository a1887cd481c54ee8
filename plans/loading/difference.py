"""What changed between two texts of a policy, field by field, in the words of the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from plans.fields import join

#: Fields that tell the elements of a list apart, so that one more at the front does not look as if all had changed.
IDENTITIES = ("code", "from", "name")


@dataclass(frozen=True)
class Change:
    """One field: `before` None: it was added; `after` None: it was taken away."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.path}: {shown(self.after)}"
        if self.after is None:
            return f"- {self.path}: {shown(self.before)}"
        return f"~ {self.path}: {shown(self.before)} → {shown(self.after)}"

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "from": self.before, "to": self.after}


def changes(before: Any, after: Any, at: str = "") -> list[Change]:
    """Every field that differs, in the order of the files. Numbers are compared by value; null is as if the field were not there."""
    return list(_changes(before, after, at))


def shown(value: Any) -> str:
    """A value on one line, as it would be written in a file."""
    if isinstance(value, str):
        return value if value and value.isprintable() and value == value.strip() else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shown(element)}" for name, element in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(element) for element in value) + "]"
    return json.dumps(value)


def _changes(before: Any, after: Any, at: str) -> Iterator[Change]:
    if _same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _changes(before.get(name), after.get(name), join(at, name))
    elif isinstance(before, list) and isinstance(after, list):
        left, right = _named(before), _named(after)
        for name in dict.fromkeys([*left, *right]):
            yield from _changes(left.get(name), right.get(name), f"{at}[{name}]")
    else:
        yield Change(at, before, after)


def _named(elements: list[Any]) -> dict[str, Any]:
    """The elements of a list by what tells them apart, else by their place."""
    for field in IDENTITIES:
        names = [str(element.get(field)) if isinstance(element, Mapping) and element.get(field) else "" for element in elements]
        if all(names) and len(set(names)) == len(names):
            return {f"{field} {name}": element for name, element in zip(names, elements, strict=True)}
    return {str(position): element for position, element in enumerate(elements)}


def _same(before: Any, after: Any) -> bool:
    if before == after:
        return True
    left, right = _number(before), _number(after)
    return left is not None and left == right


def _number(value: Any) -> Decimal | None:
    if not isinstance(value, str) or len(value) > 60:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
