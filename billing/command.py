"""What a command is: a name, typed arguments, the streams that it locks, and a function that answers with events or a refusal.

Arguments are declared as a frozen dataclass; every face (page, API, admin, command line, scenario) hands over plain text values
and gets the same errors. Types: `str`, `Decimal`, `int`, `bool`, `datetime` (local to the account's zone unless it says otherwise),
`date`, `Mapping`, tuples of these, and `… | None`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.utils.module_loading import import_string

from billing.engine import Context, Decision
from billing.journal import Draft
from billing.stored import Known
from plans import card_numbers
from plans.errors import Invalid, NotFound
from plans.fields import MOST_VALUES, Fields, check_plain, describe, suggestion
from plans.periods import parse_date, parse_time


@dataclass(frozen=True, kw_only=True)
class Timed:
    """The arguments of a command that may be given for a later moment: `when` it counts, and what is done `on_conflict` with a change that
    is scheduled already (see billing/conflicts.py).

    `when`: `now`, `period_end`, `trial_end`, `term_end`, or a date. A `firm` command takes effect now and says itself what lies ahead.
    """

    firm: ClassVar[bool] = False
    when: str = "now"
    on_conflict: str = "refuse"  # refuse replace after before rebase
    reason: str = ""

    def writes(self) -> frozenset[str]:
        """What it sets, as words that other changes of the same contract or account may set or need too."""
        return frozenset()

    def needs(self) -> frozenset[str]:
        """What must stay as it is for the change to make sense."""
        return frozenset()

    def later(self) -> None:
        """Raises a Refusal where these arguments can't wait."""


@dataclass(frozen=True)
class Command:
    """`zone(arguments)` answers the zone in which its local times are meant; by default that of the account named by `account`.

    `before` answers what must be recorded, and followed up by the clockwork, before the command looks: interest until the day of a payment.
    `foresee` lets go with the lock what the command is going to ask, by what is likely known already.
    `buyer` answers the account whose credit limit must bear what a command comes to that buys something (billing/limits.py).
    """

    name: str
    summary: str
    arguments: type
    run: Callable[[Context, Any], Decision]
    streams: Callable[[Any], list[str]]
    before: Callable[[Context, Any], list[Draft]] | None = None
    buyer: Callable[[Any], str] | None = None
    foresee: Callable[[Any, Known], None] | None = None

    def parse(self, given: Mapping[str, Any], *, at: datetime) -> Any:
        """The typed arguments. Raises Invalid with the name of the wrong argument."""
        check_storable(self.arguments, given)
        return parse_arguments(self.arguments, given, zone=account_zone(given) if self._says_a_time(given) else "UTC")

    def _says_a_time(self, given: Mapping[str, Any]) -> bool:
        """Whether a zone matters: where no time is given the account need not be asked for its."""
        return any(name in given and _without_none(hint) is datetime for name, hint in _hints(self.arguments).items())


def check_storable(cls: type, given: Mapping[str, Any]) -> None:
    """That every value can be stored at all, before anything is looked up by it. Raises Invalid with the name of the wrong argument."""
    if not isinstance(given, Mapping):
        raise Invalid("wrong_type", f"expected a mapping of arguments, found {describe(given)}", at="arguments")
    limits = _limits(cls)
    for name, value in given.items():
        mine: Mapping[str, Any] = limits.get(name, {})
        check_plain(value, str(name)[:60], longest=mine.get("longest", 10_000), most=mine.get("most", MOST_VALUES))


def account_zone(given: Mapping[str, Any]) -> str:
    """The zone of the account that the arguments name, else that they give, else UTC."""
    zone = given.get("zone")
    if isinstance(zone, str) and zone:
        return zone
    finder = import_string(settings.BILLING_ZONE_OF)
    account = given.get("account")
    return finder(account) if isinstance(account, str) else "UTC"


def parse_arguments(cls: type, given: Mapping[str, Any], *, zone: str) -> Any:
    """`given` read into the dataclass `cls`; unknown, missing and wrong arguments are refused by name."""
    refuse_card_numbers(cls, given)
    reader = Fields({name: value for name, value in given.items() if name != "zone" or "zone" in _hints(cls)})
    found = {}
    for field in fields(cls):
        required = field.default is MISSING and field.default_factory is MISSING
        if required or reader.has(field.name):
            found[field.name] = _read(reader, field.name, _hints(cls)[field.name], zone, field.metadata.get("longest", 2000))
        else:
            reader.raw(field.name, None)
    reader.done()
    return cls(**found)


def refuse_card_numbers(cls: type, given: Mapping[str, Any]) -> None:
    """Raises Invalid `card_number`: no text of any command may hold one. Here, because every face and every import passes here."""
    for name in _texts(cls):
        if name in given:
            card_numbers.refuse(given[name], name)


def arguments_of(cls: type) -> list[Field[Any]]:
    """The arguments of a command as people read them: its own before those that all timed commands share."""
    return sorted(fields(cls), key=lambda field: bool(field.kw_only))


@cache
def _limits(cls: type) -> dict[str, Mapping[str, Any]]:
    return {field.name: field.metadata for field in fields(cls)}


@cache
def _texts(cls: type) -> tuple[str, ...]:
    """The arguments that may hold text."""
    return tuple(field.name for field in fields(cls) if _hints(cls)[field.name] not in (Decimal, int, Decimal | None, int | None))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@cache
def _without_none(hint: Any) -> Any:
    """The type itself of one that may be missing."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next(argument for argument in typing.get_args(hint) if argument is not type(None))
    return hint


def _read(reader: Fields, name: str, hint: Any, zone: str, longest: int) -> Any:
    hint = _without_none(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is bool:
        return reader.read(name, _yes_or_no)
    if hint is Decimal:
        return reader.measure(name, negative=True)
    if hint is int:
        return reader.integer(name)
    if hint is datetime:
        return reader.read(name, lambda value, at: parse_time(value, zone, at))
    if hint is date:
        return reader.read(name, _day)
    if origin is tuple:
        return tuple(_element(element, at, texts=arguments[0] is str) for element, at in reader.items(name))
    if hint is Mapping or (origin is not None and issubclass(origin, Mapping)):
        return {key: value for key, value, _ in reader.mapping(name)}
    value = reader.raw(name)
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else reader.text(name, longest=longest)


def _element(value: Any, at: str, *, texts: bool) -> Any:
    """An element of a list: a name or a position, or a mapping where the list may hold them."""
    if isinstance(value, Mapping) and not texts:
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Invalid("wrong_type", f"expected text, found {describe(value)}", at=at)
    return str(value)


def _day(value: Any, at: str) -> date:
    """A calendar date, in the years in which a time may lie."""
    parse_time(found := parse_date(value, at), "UTC", at)
    return found


def _yes_or_no(value: Any, at: str) -> bool:
    words = {"yes": True, "no": False, "true": True, "false": False, True: True, False: False}
    if not isinstance(value, str | bool) or value not in words:
        return bool(Fields({"value": value}, at).choice("value", ("yes", "no")))
    return words[value]


def type_name(hint: Any) -> str:
    """The type of an argument as people write it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return type_name(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return "list"
    if origin is not None:
        return "mapping"
    names = {str: "text", Decimal: "number", int: "whole number", bool: "yes | no", datetime: "time", date: "date", Mapping: "mapping"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


class Registry(dict[str, Command]):
    """Every command by its name; an unknown name is refused with the closest known one."""

    def __missing__(self, name: str) -> Command:
        raise NotFound("unknown_command", f"there is no command {name!r}{suggestion(str(name), sorted(self))}", at="command")


@cache
def registry() -> Registry:
    """All commands of the modules that the settings list, in their order."""
    found = Registry()
    for path in settings.BILLING_COMMANDS:
        for command in import_string(f"{path}.COMMANDS"):
            found[command.name] = command
    return found
