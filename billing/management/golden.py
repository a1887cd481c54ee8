"""Golden samples: one event of each kind and version, kept for ever. Whatever the code becomes, it must still read them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from billing.codec import encode, kinds
from billing.events import Event

MOMENT = datetime(2026, 3, 1, 15, 0, 0, 125000, tzinfo=UTC)
PLAIN: dict[Any, Any] = {
    str: "text",
    int: 3,
    bool: True,
    Decimal: Decimal("12.50"),
    datetime: MOMENT,
    date: date(2026, 3, 1),
    Any: "text",
}


def sample(cls: type) -> Any:
    """A value of the dataclass with every field filled, made from its types alone."""
    hints = typing.get_type_hints(cls)
    return cls(**{field.name: _value(hints[field.name]) for field in fields(cls)})


def _value(hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return (_value(arguments[0]),)
    if origin is not None and issubclass(origin, Mapping):
        return {"name": _value(arguments[1])}
    return sample(typing.cast(type, hint)) if is_dataclass(hint) else PLAIN[hint]


def path_of(folder: Path, cls: type[Event]) -> Path:
    return folder / f"{cls.kind}.v{cls.form}.json"


def missing_samples(folder: Path) -> dict[Path, str]:
    """path → text of each sample that is not there yet; a sample that is there is never made again."""
    wanted = {path_of(folder, cls): cls for cls in kinds().values()}
    return {path: text_of(sample(cls)) for path, cls in wanted.items() if not path.exists()}


def text_of(event: Event) -> str:
    return orjson.dumps(encode(event), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
