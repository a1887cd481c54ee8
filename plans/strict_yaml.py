"""Reading the files that people write: YAML 1.2 core or JSON in which every scalar stays the exact text that was written.

Numbers and times stay text until the type of their field is known (`12:00` is not 720, `NO` is not false, `0.10` keeps its digits);
only `null`, `~` and nothing become None, `true` and `false` bool. Whatever could be read in two ways is refused with its line.

Error codes: `bad_file` (encoding, syntax, tags, more than one document, too deep, too large) and `duplicate_key`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml

from plans.errors import Invalid, Refusal
from plans.fields import join

Value = Any  # dict[str, Value] | list[Value] | str | bool | None
Error = TypeVar("Error", bound=Refusal)

LARGEST = 20_000_000  # characters
DEEPEST = 64
MOST_NODES = 1_000_000  # counted with aliases written out, which bounds what a few anchors may stand for

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass
class Document:
    """What a file says (`value`), and on which line each of its fields stands."""

    name: str
    value: Value
    _find_lines: Callable[[], dict[str, int]] = field(repr=False)
    _lines: dict[str, int] | None = field(default=None, repr=False)

    def line(self, path: str) -> int | None:
        """The line (from 1) of the field at `path`, written as `plans.fields.join` does; of its closest parent where it is missing."""
        if self._lines is None:
            self._lines = self._find_lines()
        while path and path not in self._lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._lines.get(path)


def located(error: Error, document: Document) -> Error:
    """The same refusal, its `at` saying file, line and path, so that it reads `file:line: path: message`."""
    line = document.line(error.at)
    where = document.name if line is None else f"{document.name}:{line}"
    facts = {**error.facts, "file": document.name, "path": error.at} | ({} if line is None else {"line": line})
    return type(error)(error.code, error.message, at=f"{where}: {error.at}" if error.at else where, **facts)


def load_file(text: str | bytes, *, name: str) -> Document:
    """Read JSON where the name ends in `.json` or the text is JSON, else YAML."""
    decoded = _decode(text, name)
    if name.endswith(".json"):
        return load_json(decoded, name=name)
    if decoded.lstrip()[:1] in ("[", "{"):
        try:
            return load_json(decoded, name=name)
        except Invalid as error:
            if error.code == "duplicate_key":
                raise
    return load(decoded, name=name)


def load(text: str | bytes, *, name: str) -> Document:
    """Read one YAML document. Raises Invalid `bad_file` or `duplicate_key`, with `at` as `name:line`."""
    reader = _YamlReader(_decode(text, name), name)
    value = reader.read()
    return Document(name, value, lambda: reader.lines)


def load_json(text: str | bytes, *, name: str) -> Document:
    """Read JSON with the same promises: numbers as text, no duplicate keys. `NaN` is text too, so no field takes it for a number."""
    decoded = _decode(text, name)

    def pairs(found: list[tuple[str, Value]]) -> dict[str, Value]:
        mapping = dict(found)
        if len(mapping) != len(found):
            seen: set[str] = set()
            twice = next(key for key, _ in found if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise Invalid("duplicate_key", f"the key {twice!r} stands twice", at=_duplicate_line(decoded, name))
        return mapping

    try:
        value = json.loads(decoded, object_pairs_hook=pairs, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise Invalid("bad_file", f"this is not JSON: {error.msg}", at=f"{name}:{error.lineno}") from None
    except RecursionError:
        raise Invalid("bad_file", f"nested more than {DEEPEST} deep", at=name) from None
    _check_values(value, name)
    return Document(name, value, lambda: _json_lines(decoded, name))


def _decode(text: str | bytes, name: str) -> str:
    """The text, without a byte order mark. Refuses broken UTF-8, NUL and files beyond `LARGEST`."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise Invalid("bad_file", "this is not UTF-8 text", at=f"{name}:{line}") from None
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST:
        raise Invalid("bad_file", f"longer than {LARGEST} characters", at=name)
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise Invalid("bad_file", "there is a NUL character", at=f"{name}:{line}")
    return text


def _check_text(text: str, at: str) -> None:
    """Refuses what no column and no document can hold: NUL and half of a surrogate pair, both possible through escapes."""
    if "\x00" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)):
        raise Invalid("bad_file", "a text holds NUL or half of a character", at=at)


def _check_values(value: Value, name: str) -> None:
    """Depth and texts of what `json` read."""
    pending: list[tuple[Value, int]] = [(value, 0)]
    while pending:
        one, depth = pending.pop()
        if depth > DEEPEST:
            raise Invalid("bad_file", f"nested more than {DEEPEST} deep", at=name)
        if isinstance(one, str):
            _check_text(one, name)
        elif isinstance(one, dict):
            for key, inner in one.items():
                _check_text(key, name)
                pending.append((inner, depth + 1))
        elif isinstance(one, list):
            pending.extend((inner, depth + 1) for inner in one)


def _json_lines(text: str, name: str) -> dict[str, int]:
    """The lines of JSON fields, by reading it as the YAML that it nearly is; nothing but the start where that fails."""
    try:
        reader = _YamlReader(text.replace("\t", " "), name)
        reader.read()
    except Invalid:
        return {"": 1}
    return reader.lines


def _duplicate_line(text: str, name: str) -> str:
    try:
        _YamlReader(text.replace("\t", " "), name).read()
    except Invalid as error:
        if error.code == "duplicate_key":
            return error.at
    return name


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: Any
    path: str
    line: int
    anchor: str | None
    before: int  # nodes read before it
    key: str | None = None


class _YamlReader:
    """Builds plain values from the parser's events with a stack of its own, so that depth and size are bounded, not the interpreter's."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.text = text
        self.lines: dict[str, int] = {"": 1}
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Value, int]] = {}
        self.nodes = 0
        self.documents = 0
        self.root: Value = None

    def read(self) -> Value:
        try:
            for event in self._events():
                self._take(event, event.start_mark.line + 1)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be read"
            raise self._bad(f"this is not YAML: {problem}", mark.line + 1 if mark else None) from None
        return self.root

    def _events(self) -> Iterator[Any]:
        loader: Any = yaml.SafeLoader(self.text)
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def _bad(self, message: str, line: int | None) -> Invalid:
        return Invalid("bad_file", message, at=self.name if line is None else f"{self.name}:{line}")

    def _take(self, event: Any, line: int) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self._bad("a second document starts here; a file holds one", line)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start(event, line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = self.stack.pop()
            self._anchor(done.anchor, done.value, self.nodes - done.before)

    def _count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise self._bad(f"more than {MOST_NODES} values, aliases written out", line)

    def _anchor(self, name: str | None, value: Value, size: int) -> None:
        if name is not None:
            self.anchors[name] = (value, size)

    def _alias(self, name: str | None, line: int) -> None:
        if name is None or name not in self.anchors:
            raise self._bad(f"the alias *{name} stands for nothing written before it", line)
        value, size = self.anchors[name]
        if self._wants_key():
            raise self._bad("an alias can't be a key", line)
        self._count(size, line)
        self._place(value, line)

    def _scalar(self, event: Any, line: int) -> None:
        if event.tag is not None:
            raise self._bad(f"the tag {event.tag} is not allowed: a field's type is known from its name", line)
        _check_text(event.value, f"{self.name}:{line}")
        self._count(1, line)
        if self._wants_key():
            self._key(event.value, line)
            return
        plain = event.implicit[0]
        value: Value = event.value
        if plain and value in NULLS:
            value = None
        elif plain and value in BOOLEANS:
            value = BOOLEANS[value]
        self._anchor(event.anchor, value, 1)
        self._place(value, line)

    def _start(self, event: Any, line: int) -> None:
        if event.tag is not None:
            raise self._bad(f"the tag {event.tag} is not allowed", line)
        if self._wants_key():
            raise self._bad("a key must be a simple text", line)
        if len(self.stack) >= DEEPEST:
            raise self._bad(f"nested more than {DEEPEST} deep", line)
        before = self.nodes
        self._count(1, line)
        value: Value = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._place(value, line)
        self.stack.append(_Open(value, path, line, event.anchor, before))

    def _wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def _key(self, key: str, line: int) -> None:
        parent = self.stack[-1]
        if key in parent.value:
            first = self.lines.get(join(parent.path, key))
            raise Invalid("duplicate_key", f"the key {key!r} stands twice, first on line {first}", at=f"{self.name}:{line}")
        parent.key = key
        self.lines.setdefault(join(parent.path, key), line)

    def _place(self, value: Value, line: int) -> str:
        """Put a finished or opened value where it belongs; its path."""
        if not self.stack:
            self.root = value
            self.lines[""] = line
            return ""
        parent = self.stack[-1]
        if isinstance(parent.value, list):
            path = join(parent.path, len(parent.value))
            parent.value.append(value)
            self.lines.setdefault(path, line)
            return path
        assert parent.key is not None
        path = join(parent.path, parent.key)
        parent.value[parent.key] = value
        parent.key = None
        return path
