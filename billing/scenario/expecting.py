"""Reading what a story expects: each value by the type of its field in `story.Facts`, each mistake with its path."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from billing.scenario import story as form
from plans.errors import Invalid
from plans.fields import describe, join, suggestion
from plans.money import decimals, parse_decimal
from plans.periods import parse_date, parse_time


@cache
def columns(row: type) -> dict[str, Any]:
    """The fields of a row as the file names them, each with its type."""
    hints = typing.get_type_hints(row)
    return {field.name.rstrip("_"): bare(hints[field.name]) for field in fields(row)}


def bare(hint: Any) -> Any:
    """The type without `| None`."""
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    return options[0] if type(None) in typing.get_args(hint) else hint


def row_of(hint: Any) -> Any:
    """The element type of a list, None for anything else."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else None


def read_value(hint: Any, value: Any, at: str, zone: str) -> Any:
    """The typed value; None (written `null`) expects nothing. Raises Invalid."""
    element = row_of(hint)
    if element is not None:
        return _list(element, value, at, zone)
    if isinstance(hint, type):
        return _row(hint, value, at, zone)
    if hint is form.Ledgers:
        return _list(form.PostingRow, value, at, zone) if isinstance(value, list) else _amounts(value, at, _some_text)
    return None if value is None else READERS[hint](value, at, zone)


def read_facts(account: str, value: Any, at: str, zone: str) -> tuple[form.Expectation, ...]:
    """The facts of one account, in the order of the file."""
    known = columns(form.Facts)
    _named(value, at, known, "fact")
    found = []
    for name, given in value.items():
        path = join(at, name)
        if given is None:
            raise Invalid("missing_field", f"the fact {name!r} has no value; write what is expected", at=path)
        found.append(form.Expectation(account, name, read_value(known[name], given, path, zone), path))
    return tuple(found)


def _named(value: Any, at: str, known: Mapping[str, Any], what: str) -> None:
    if not isinstance(value, Mapping):
        raise Invalid("wrong_type", f"expected a mapping of {what}s, found {describe(value)}", at=at)
    for name in value:
        if name not in known:
            message = f"the {what} {name!r} is not known here{suggestion(str(name), sorted(known))}"
            raise Invalid("unknown_field", message, at=join(at, str(name)))


def _row(row: type, value: Any, at: str, zone: str) -> dict[str, Any]:
    known = columns(row)
    _named(value, at, known, "field")
    return {name: read_value(known[name], given, join(at, name), zone) for name, given in value.items()}


def _list(element: Any, value: Any, at: str, zone: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Invalid("wrong_type", f"expected a list, found {describe(value)}", at=at)
    return tuple(read_value(element, one, join(at, i), zone) for i, one in enumerate(value))


def _some_text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid("wrong_type", f"expected text, found {describe(value)}", at=at)
    return value


def _currency(value: Any, at: str) -> str:
    decimals(value, at=at)
    return str(value)


def _amounts(value: Any, at: str, check: Callable[[Any, str], str]) -> dict[str, Decimal]:
    if not isinstance(value, Mapping):
        raise Invalid("wrong_type", f"expected a mapping of amounts, found {describe(value)}", at=at)
    return {check(name, join(at, str(name))): parse_decimal(amount, at=join(at, str(name))) for name, amount in value.items()}


def _money(value: Any, at: str, zone: str) -> Any:
    del zone
    return _amounts(value, at, _currency) if isinstance(value, Mapping) else parse_decimal(value, at=at)


def _quantities(value: Any, at: str, zone: str) -> Any:
    del zone
    return _amounts(value, at, _some_text) if isinstance(value, Mapping) else parse_decimal(value, at=at)


def _number(value: Any, at: str, zone: str) -> Decimal:
    del zone
    return parse_decimal(value, at=at)


def _time(value: Any, at: str, zone: str) -> datetime:
    return parse_time(value, zone, at)


def _switch(value: Any, at: str, zone: str) -> bool:
    del zone
    words = {"yes": True, "no": False, True: True, False: False}
    if not isinstance(value, str | bool) or value not in words:
        raise Invalid("wrong_type", f"expected yes or no, found {describe(value)}", at=at)
    return words[value]


READERS: dict[Any, Callable[[Any, str, str], Any]] = {
    form.Money: _money,
    form.Amount: _number,
    form.Number: _number,
    form.Time: _time,
    form.Day: lambda value, at, zone: parse_date(value, at),
    form.Text: lambda value, at, zone: _some_text(value, at),
    form.Document: lambda value, at, zone: _some_text(value, at),
    form.Quantities: _quantities,
    form.Prepaid: _quantities,
    form.Switch: _switch,
}
