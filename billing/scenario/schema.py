"""The JSON Schema of the format, made from `story` and from the arguments of every command, so that it can't lag behind them."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from billing.command import Command, registry, type_name
from billing.scenario import story as form
from billing.scenario.expecting import bare, row_of
from billing.scenario.reading import OPEN, STEP_FIELDS
from billing.usage.records import FIELDS as USAGE_FIELDS

NUMBER: dict[str, Any] = {"type": ["string", "number"]}
TEXT: dict[str, Any] = {"type": ["string", "number"]}
MAPPING: dict[str, Any] = {"type": "object", "additionalProperties": NUMBER}
#: By the name that `--commands` shows.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "text": TEXT,
    "number": NUMBER,
    "whole number": NUMBER,
    "yes | no": {"type": ["string", "boolean"]},
    "time": {"type": "string"},
    "date": {"type": "string"},
    "list": {"type": "array"},
    "mapping": {"type": "object"},
}
VALUES: dict[Any, dict[str, Any]] = {
    form.Money: {"anyOf": [NUMBER, MAPPING], "description": "An amount of the account's currency, or currency → amount"},
    form.Quantities: {"anyOf": [NUMBER, MAPPING]},
    form.Prepaid: {"anyOf": [NUMBER, MAPPING], "description": "An amount of the account's currency, or currency or unit → amount"},
    form.Amount: NUMBER,
    form.Number: NUMBER,
    form.Text: TEXT,
    form.Document: {**TEXT, "description": "A position in the account's list, a number, an id, or a name given by `as`"},
    form.Time: {"type": "string", "description": "On the wall clock of the account"},
    form.Day: {"type": "string", "description": "A date"},
    form.Switch: {"type": ["string", "boolean"]},
    form.Ledgers: {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/PostingRow"}}, MAPPING]},
}


def schema() -> dict[str, Any]:
    """The schema of a whole file, draft 2020-12."""
    definitions: dict[str, Any] = {}
    _row(form.Facts, definitions, null=False)
    _row(form.PostingRow, definitions)
    definitions["Account"] = _account()
    definitions["Record"] = _record()
    definitions["Step"] = _step()
    properties = {
        "scenario": {"type": "string", "description": "The title"},
        "about": {"type": "string"},
        "catalogue": {"type": ["string", "object"], "description": "A file beside this one, or the catalogue itself"},
        "zone": {"type": "string", "description": "IANA time zone of the steps, and of accounts that name none", "default": "UTC"},
        "currency": {"type": "string", "description": "Of accounts that name none", "default": "EUR"},
        "accounts": {"type": ["object", "null"], "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Account"}, {"type": "null"}]}},
        "story": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Step"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario",
        "type": "object",
        "required": ["scenario", "story"],
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }


def _row(row: type, definitions: dict[str, Any], *, null: bool = True) -> dict[str, str]:
    """A reference to the row's definition, which is made where it is missing."""
    if row.__name__ not in definitions:
        definitions[row.__name__] = {}
        hints, explained = typing.get_type_hints(row), typing.get_type_hints(row, include_extras=True)
        properties = {}
        for field in fields(row):
            value = _value(bare(hints[field.name]), definitions)
            if null:
                value = {"anyOf": [value, {"type": "null"}]}
            for text in getattr(explained[field.name], "__metadata__", ()):
                value = {**value, "description": text}
            properties[field.name.rstrip("_")] = value
        definitions[row.__name__] = {"type": "object", "additionalProperties": False, "properties": properties}
        if row.__doc__ and not row.__doc__.startswith(f"{row.__name__}("):
            definitions[row.__name__]["description"] = " ".join(row.__doc__.split())
    return {"$ref": f"#/$defs/{row.__name__}"}


def _value(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    element = row_of(hint)
    if element is not None:
        return {"type": "array", "items": _value(element, definitions)}
    return _row(hint, definitions) if isinstance(hint, type) else dict(VALUES[hint])


def arguments_of(command: Command) -> list[tuple[str, str, bool]]:
    """(name, type, required) of each argument, in the order of the command's own declaration."""
    hints = typing.get_type_hints(command.arguments)
    return [
        (field.name, type_name(hints[field.name]), field.default is MISSING and field.default_factory is MISSING)
        for field in fields(command.arguments)
    ]


def _properties(command: Command) -> dict[str, Any]:
    return {name: {"anyOf": [ARGUMENTS[kind], {"type": "null"}]} for name, kind, _ in arguments_of(command)}


def _account() -> dict[str, Any]:
    command = registry()[OPEN]
    properties = {name: value for name, value in _properties(command).items() if name != "account"}
    return {"type": "object", "additionalProperties": False, "properties": properties, "description": f"Arguments of {OPEN}"}


def _record() -> dict[str, Any]:
    properties: Mapping[str, Any] = {name: {} for name in USAGE_FIELDS}
    return {"type": "object", "required": ["account", "meter"], "additionalProperties": False, "properties": dict(properties)}


def _step() -> dict[str, Any]:
    time = {"type": "string", "description": "On the wall clock of the story's zone; a date alone means 00:00"}
    properties = {
        "at": time,
        "do": {"enum": list(registry()), "description": "A command; its arguments stand beside it"},
        "usage": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Record"}},
        "bank": {"type": "string", "description": "A statement of the bank in CSV, MT940 or CAMT.053, or a file of one beside the story"},
        "expect": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Facts"}},
        "as": {"type": "string", "description": "A name for what was made"},
        "preview": {"enum": ["yes", "no"], "description": "Show what the command would do, and do nothing; `as` names the preview"},
        "token": {"type": "string", "description": "The name of a preview of the same command: do exactly what it showed, or be refused"},
        "refused": {"type": "string", "description": "The code with which this step must be refused"},
        "as_of": {**time, "description": "The expectations count what is effective up to and including it"},
        "known_at": {**time, "description": "The expectations count what was recorded up to and including it"},
    }
    alone = {"if": {"not": {"required": ["do"]}}, "then": {"propertyNames": {"enum": list(STEP_FIELDS)}}}
    return {
        "type": "object",
        "required": ["at"],
        "anyOf": [{"required": [one]} for one in ("do", "usage", "bank", "expect")],
        "not": {"anyOf": [{"required": list(two)} for two in (("do", "usage"), ("do", "bank"), ("usage", "bank"))]},
        "properties": properties,
        "allOf": [alone, *map(_command, registry().values())],
    }


def _command(command: Command) -> dict[str, Any]:
    """What a step that gives this command may and must say; one that is to be refused may say anything."""
    required = [name for name, _, needed in arguments_of(command) if needed]
    properties = _properties(command)
    if command.name == "publish_catalogue":
        properties["source"] = {"type": ["string", "object"], "description": "The catalogue, or a file beside the story"}
    played = {"required": ["do"], "properties": {"do": {"const": command.name}}, "not": {"required": ["refused"]}}
    return {"if": played, "then": {"properties": properties, "propertyNames": {"enum": [*STEP_FIELDS, *properties]}, "required": required}}
