"""The text of the generated pages: events, errors and commands, from the code that defines them."""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from billing.codec import kinds
from billing.command import arguments_of, registry, type_name
from billing.events import Event

MADE = "This page is made by `manage.py docs`; change the code, not the page.\n"
PACKAGES = ("plans", "accounts", "billing", "payments", "config")
REFUSALS = {"Invalid": 422, "NotAllowed": 403, "NotFound": 404, "Conflict": 409, "Outdated": 412, "TooMany": 429}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


# --- events -----------------------------------------------------------------------------------------------------------------------


def events_page() -> str:
    """Every kind with its version, what it means, and its fields; then the values that fields are made of."""
    lines = ["# Events", "", MADE, "What the journal can hold. Money is text of exact decimals, times are UTC, spans are half-open.", ""]
    values: dict[str, type] = {}
    for kind, cls in kinds().items():
        lines += [f"## `{kind}` version {cls.form}", "", *_meaning(cls), *_fields(cls, values), ""]
    lines += ["# Values", ""]
    pending = dict(values)
    shown: set[str] = set()
    while pending:
        name = sorted(pending)[0]
        cls = pending.pop(name)
        shown.add(name)
        found: dict[str, type] = {}
        lines += [f"## {name}", "", *_meaning(cls), *_fields(cls, found), ""]
        pending |= {inner: value for inner, value in found.items() if inner not in shown}
    return "\n".join(lines).rstrip() + "\n"


def _meaning(cls: type) -> list[str]:
    """The docstring of the class or the nearest base that has one of its own; generated ones are none."""
    for base in cls.__mro__:
        text = base.__dict__.get("__doc__") or ""
        if text and base is not Event and base is not object and not text.startswith(f"{base.__name__}("):
            return [inspect.cleandoc(text), ""]
    return []


def _fields(cls: type, values: dict[str, type]) -> list[str]:
    hints = typing.get_type_hints(cls)
    rows = []
    for field in fields(cls):
        required = field.default is MISSING and field.default_factory is MISSING
        default = "" if required else _default(field.default)
        rows.append((f"`{field.name}`", _type(hints[field.name], values), default))
    return _table(("field", "type", "where it is missing"), rows)


def _default(value: Any) -> str:
    if value in (None, MISSING):
        return "none"
    return "empty" if value in ("", ()) else f"`{value}`"


def _type(hint: Any, values: dict[str, type]) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("null" if part is type(None) else _type(part, values) for part in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0], values)}"
    if origin is not None:
        return f"mapping to {_type(arguments[1], values)}"
    if is_dataclass(hint):
        cls = typing.cast(type, hint)
        values[cls.__name__] = cls
        return f"[{cls.__name__}](#{cls.__name__.lower()})"
    return (
        "anything"
        if hint is Any
        else {"str": "text", "Decimal": "amount", "datetime": "time", "int": "whole number"}.get(hint.__name__, hint.__name__)
    )


# --- errors -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Raised:
    code: str
    refusal: str
    place: str
    message: str


def errors_page(root: Path) -> str:
    """Every code that the source raises, with its class, HTTP status, where, and the pattern of its message."""
    found = sorted({raised for package in PACKAGES for path in sorted((root / package).rglob("*.py")) for raised in _raised(path, root)})
    intro = (
        "Each refusal has a stable code, a message that says what to do, and the place of the offending input. The class decides the HTTP"
        " status; on the command line a refusal is one line on standard error and exit status 1. Parts in braces are filled in."
    )
    rows = [(f"`{one.code}`", f"{one.refusal} {REFUSALS[one.refusal]}", f"`{one.place}`", _cell(one.message)) for one in found]
    return "\n".join(["# Errors", "", MADE, intro, "", *_table(("code", "class and status", "where", "message"), rows)]) + "\n"


def _raised(path: Path, root: Path) -> Iterator[Raised]:
    place = path.relative_to(root).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS and node.args:
            code = node.args[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                message = _pattern(node.args[1]) if len(node.args) > 1 else ""
                yield Raised(code.value, node.func.id, place, message)


def _pattern(node: ast.expr) -> str:
    """A message as people will see it, with the parts that are filled in as `{name}`; a message made elsewhere by its variable's name."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        names = re.findall(r"[a-z_]{3,}", ast.unparse(node.value))
        return f"{{{names[-1] if names else 'value'}}}"
    if isinstance(node, ast.BinOp):
        return _pattern(node.left) + _pattern(node.right)
    return "{…}"


# --- commands ---------------------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command by name: summary, promise, and typed arguments."""
    intro = "What can be done, by name; the same in pages, API, admin, command line and scenarios. Times are local to the account's zone."
    lines = ["# Commands", "", MADE, intro, ""]
    for name, command in sorted(registry().items()):
        meaning = inspect.getdoc(command.run) or ""
        hints = typing.get_type_hints(command.arguments)
        rows = []
        for field in arguments_of(command.arguments):
            required = field.default is MISSING and field.default_factory is MISSING
            default = "required" if required else "" if field.default in (None, "", MISSING, ()) else f"`{field.default}`"
            rows.append((f"`{field.name}`", type_name(hints[field.name]), default))
        lines += [f"## `{name}`", "", f"{command.summary}.", "", meaning, "", *_table(("argument", "type", "default"), rows), ""]
    return "\n".join(lines).rstrip() + "\n"
