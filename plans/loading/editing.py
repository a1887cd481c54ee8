"""Changing single fields of a catalogue's text and leaving the rest, its comments and its order, as it was written. Pure.

A place is a path of keys and positions, such as ("plans", "team", "items", "seat"). After every change the text is read again: it must say
what it said, and the new value in its place; else the change is refused and the text has to be edited by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from plans.errors import Conflict, Invalid, NotFound
from plans.strict_yaml import BOOLEANS, NULLS, load_file

Place = tuple[str | int, ...]

#: section → the kind of what stands in it (see plans/loading/described.py).
SECTIONS: Mapping[str, str] = {
    "plans": "plan",
    "items": "item",
    "lists": "list",
    "taxes": "tax",
    "meters": "meter",
    "calendars": "calendar",
    "terms": "terms",
    "discounts": "discount",
    "coupons": "coupon",
    "features": "feature",
    "resources": "resource",
    "dunning": "dunning",
    "instalments": "instalments",
}
#: (kind, field) → the kind of each element of that field.
INSIDE: Mapping[tuple[str, str], str] = {
    ("plan", "items"): "item",
    ("plan", "phases"): "phase",
    ("plan", "minimums"): "minimum",
    ("dunning", "steps"): "step",
}
#: Texts that need no quotes, wherever they stand.
PLAIN = re.compile(r"(?:[\w.+€/(]|-(?=\d))(?:[^,\[\]{}#:\n\"'\\]*[^,\[\]{}#:\n\s\"'\\])?")
ALONE: Mapping[str, str] = {"seller": "seller", "tax": "tax policy", "invoice": "invoice"}


@dataclass(frozen=True)
class Part:
    """Something in a catalogue that has fields of its own: where it stands and what it is."""

    place: Place
    kind: str

    @property
    def title(self) -> str:
        return str(self.place[-1]) if self.place else "the catalogue itself"

    @property
    def address(self) -> str:
        return "/".join(map(str, self.place))


def parts(value: Any) -> Iterator[Part]:
    """Every part of a catalogue's plain values that is written as a mapping, in the order of the text; the catalogue itself first."""
    if not isinstance(value, Mapping):
        return
    yield Part((), "catalogue")
    for section, inner in value.items():
        if section in ALONE and isinstance(inner, Mapping):
            yield Part((section,), ALONE[section])
        elif section in SECTIONS:
            for place, kind, element in _elements((section,), SECTIONS[section], inner):
                yield from _part(place, kind, element)


def _part(place: Place, kind: str, value: Any) -> Iterator[Part]:
    if kind == "list":
        yield from (part for inner, _, entry in _elements(place, "entry", value) for part in _part(inner, "entry", entry))
    elif isinstance(value, Mapping):
        yield Part(place, kind)
        for (of, field), inside in INSIDE.items():
            if of == kind:
                yield from (
                    part for inner, _, one in _elements((*place, field), inside, value.get(field)) for part in _part(inner, inside, one)
                )


def _elements(place: Place, kind: str, value: Any) -> Iterator[tuple[Place, str, Any]]:
    if isinstance(value, Mapping):
        yield from (((*place, key), kind, one) for key, one in value.items())
    elif isinstance(value, list):
        yield from (((*place, i), kind, one) for i, one in enumerate(value))


def find_part(value: Any, address: str) -> Part:
    """The part at an address such as `plans/team/items/seat`. Raises NotFound `unknown_part`."""
    for part in parts(value):
        if part.address == address:
            return part
    raise NotFound("unknown_part", f"the catalogue has nothing at {address[:80]!r} that has fields", at="part")


def value_at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def written(value: Any, part: Part) -> dict[str, str]:
    """field → how it could be written on one line."""
    return {name: _written(one) for name, one in value_at(value, part.place).items()}


def _written(value: Any) -> str:
    """As YAML on one line; a text that would be read as something else is quoted."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(name)}: {_written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, str) and (not PLAIN.fullmatch(value) or value in NULLS or value in BOOLEANS):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else json.dumps(value)


# --- changing ---------------------------------------------------------------------------------------------------------------------


def with_fields(text: str, place: Place, fields: Mapping[str, str]) -> str:
    """The text with these fields of a part written as given, in YAML on one line; "" takes a field away.

    Raises Invalid `bad_file` for what is no YAML, at the field's name; Conflict `edit_as_text` for what can't be changed in its place.
    """
    for name, fragment in fields.items():
        text = _changed(text, place, name, " ".join(fragment.split()))
    return text


def _read(fragment: str) -> Any:
    """What a fragment says inside a mapping on one line."""
    value = load_file(f"{{x: {fragment}}}", name="value").value
    if not isinstance(value, Mapping) or list(value) != ["x"]:
        raise Invalid("bad_file", "a comma or a brace is in the way; put the text in quotes", at="value")
    return value["x"]


def _changed(text: str, place: Place, name: str, fragment: str) -> str:
    try:
        new = _read(fragment) if fragment else None
    except Invalid as error:
        raise Invalid("bad_file", error.message, at=name) from None
    wanted = json.loads(json.dumps(load_file(text, name="draft").value))  # what aliases share is told apart
    holder = value_at(wanted, place)
    if fragment:
        holder[name] = new
    else:
        holder.pop(name, None)
    edited = _spliced(text, place, name, fragment)
    try:
        same = load_file(edited, name="draft").value == wanted
    except Invalid:
        same = False
    if not same:
        raise Conflict("edit_as_text", f"{name!r} can't be changed in its place here; edit the text", at=name)
    return edited


def _spliced(text: str, place: Place, name: str, fragment: str) -> str:
    node = _node(yaml.compose(text, Loader=yaml.SafeLoader), place)
    found = next(((key, value) for key, value in node.value if key.value == name), None)
    if found is None:
        return _added(text, node, name, fragment) if fragment else text
    key, value = found
    if fragment:
        colon = text.index(":", key.end_mark.index)
        return f"{text[: colon + 1]} {fragment}{text[_end(value) :]}"
    return _without(text, node, key, value)


def _node(node: Any, place: Place) -> Any:
    for step in place:
        if isinstance(step, int):
            node = node.value[step]
        else:
            node = next(value for key, value in node.value if key.value == step)
    return node


def _end(node: Any) -> int:
    """Where the text of a node ends: that of the last scalar or bracket in it, not of the comments and spaces after it."""
    while not isinstance(node, yaml.ScalarNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    return end


def _added(text: str, node: Any, name: str, fragment: str) -> str:
    """At the end of the part."""
    if node.flow_style:
        end = node.end_mark.index - 1
        return f"{text[:end].rstrip()}{', ' if node.value else ''}{name}: {fragment}{text[end:]}"
    end = _end(node)
    line = end if text[end - 1] == "\n" else text.find("\n", end)
    line = len(text) if line < 0 else line
    indent = " " * node.value[0][0].start_mark.column
    if text[end - 1] == "\n":
        return f"{text[:end]}{indent}{name}: {fragment}\n{text[end:]}"
    return f"{text[:line]}\n{indent}{name}: {fragment}{text[line:]}"


def _without(text: str, node: Any, key: Any, value: Any) -> str:
    start, end = key.start_mark.index, _end(value)
    if not node.flow_style:
        begin = text.rfind("\n", 0, start) + 1
        stop = text.find("\n", end)
        return text[:begin] + (text[stop + 1 :] if stop >= 0 else "")
    after = text[end:].lstrip()
    if after.startswith(","):
        return text[:start] + after[1:].lstrip()
    before = text[:start].rstrip()
    return before.removesuffix(",").rstrip() + text[end:]


def changed_fields(value: Any, part: Part, given: Mapping[str, str]) -> dict[str, str]:
    """Of what was typed, the fields that say something else than the text does."""
    now = written(value, part)
    return {name: text for name, text in given.items() if " ".join(text.split()) != " ".join(now.get(name, "").split())}
