"""The shapes that the description of the API (OpenAPI) gives to resources and to arguments of commands: made from models and commands."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import models
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from billing.api import given
from billing.api.base import DATES
from billing.api.resources import Resource
from billing.command import Command

NUMBER = r"^-?\d{1,30}(\.\d{1,18})?$"


@cache
def row_shape(resource: Resource) -> type[serializers.Serializer[Any]]:
    """The serializer that describes a row of the resource. No field is required, because `fields` chooses."""
    shown = {field.name: _column(field) for field in resource.columns}
    name = "".join(part.capitalize() for part in resource.name.split("_")).removesuffix("s") + "Row"
    return type(name, (serializers.Serializer,), {"__doc__": resource.what, **shown})


@cache
def page_shape(resource: Resource) -> type[serializers.Serializer[Any]]:
    row = row_shape(resource)
    parts = {
        "results": row(many=True),
        "next": serializers.CharField(allow_null=True, help_text="the address of the next page"),
    }
    return type(row.__name__.removesuffix("Row") + "Page", (serializers.Serializer,), parts)


def _column(field: Any) -> serializers.Field[Any, Any, Any, Any]:
    options: dict[str, Any] = {"required": False, "allow_null": field.null}
    if isinstance(field, models.DateTimeField):
        return serializers.DateTimeField(**options)
    if isinstance(field, models.DateField):
        return serializers.DateField(**options)
    if isinstance(field, models.BooleanField):
        return serializers.BooleanField(**options)
    if isinstance(field, models.IntegerField):
        return serializers.IntegerField(**options)
    if isinstance(field, models.JSONField):
        return serializers.JSONField(**options)
    if isinstance(field, models.DecimalField):
        options["help_text"] = "a number as text, exact"
    return serializers.CharField(**options)


def limit_parameter() -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 1, "maximum": given.MOST, "default": given.DEFAULT}
    return OpenApiParameter("limit", schema, description="rows to a page")


def switch_parameter(name: str, meaning: str) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": ["boolean", "string"], "enum": [True, False, *given.SWITCH]}, description=meaning)


def list_parameters(resource: Resource, names: list[str]) -> list[OpenApiParameter]:
    """The parameters of a list, each with what it means."""
    known = {parameter.name: parameter for parameter in DATES} | {
        "after": OpenApiParameter("after", str, description="the cursor of a page; the address `next` has it"),
        "limit": limit_parameter(),
        "fields": OpenApiParameter("fields", str, description="only these fields, apart by commas"),
        "newest": switch_parameter("newest", "the newest rows first"),
        "search": OpenApiParameter("search", str, description=f"text in {', '.join(resource.search)}"),
    }
    found = []
    for name in names:
        if name in known:
            found.append(known[name])
        elif name.endswith(("_from", "_before")) and name not in resource.filters:
            column, _, side = name.rpartition("_")
            meaning = "at or after" if side == "from" else "before"
            found.append(OpenApiParameter(name, str, description=f"`{column}` {meaning} this; UTC unless it has an offset"))
        else:
            found.append(OpenApiParameter(name, str, description="exactly this, or one of several apart by commas"))
    return found


# --- arguments of commands ----------------------------------------------------------------------------------------------------------


@cache
def arguments_shape(command: Command) -> type[serializers.Serializer[Any]]:
    """The serializer that describes a command's arguments."""
    hints = typing.get_type_hints(command.arguments)
    shown = {}
    for field in fields(command.arguments):
        required = field.default is MISSING and field.default_factory is MISSING
        shown[field.name] = argument_field(hints[field.name], required=required, longest=field.metadata.get("longest", 2000))
    name = "".join(part.capitalize() for part in command.name.split("_")) + "Arguments"
    return type(name, (serializers.Serializer,), shown)


def argument_field(hint: Any, *, required: bool, longest: int) -> serializers.Field[Any, Any, Any, Any]:
    """The field of one argument by its type hint, in the words of JSON Schema (what `billing.command` reads)."""
    schema = _schema(hint, longest)
    kind = extend_schema_field(schema)(type("Argument", (serializers.JSONField,), {}))
    return kind(required=required)


def _schema(hint: Any, longest: int) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _schema(next(argument for argument in arguments if argument is not type(None)), longest)
    if hint is bool:
        return {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["yes", "no", "true", "false"]}]}
    if hint is Decimal:
        return {"type": ["string", "integer"], "pattern": NUMBER, "description": "a number as text, exact"}
    if hint is int:
        return {"type": ["integer", "string"], "pattern": r"^-?\d{1,18}$"}
    if hint is datetime:
        return {"type": "string", "description": "ISO time; in the account's zone unless it has an offset"}
    if hint is date:
        return {"type": "string", "format": "date"}
    if origin is tuple:
        return {"type": "array", "items": {"type": ["string", "integer", "object"]}}
    if hint is Mapping or (origin is not None and issubclass(origin, Mapping)):
        return {"type": "object", "additionalProperties": True}
    return {"type": ["string", "integer"], "maxLength": longest}
