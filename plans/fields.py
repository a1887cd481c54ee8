"""Reading a mapping that a person wrote: every field typed, every mistake named with its path and what was expected.

The one reader behind prices, catalogues, scenarios, imports and command arguments, so that the same mistake reads the same everywhere.
Error codes: `unknown_field missing_field wrong_type not_a_number negative out_of_range unknown_choice`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from plans.errors import Invalid
from plans.money import parse_decimal, parse_measure

T = TypeVar("T")
_REQUIRED: Any = object()


def join(at: str, name: str | int) -> str:
    """The path of a field below `at`: `price`, `price.tiers`, `price.tiers[0]`."""
    if isinstance(name, int):
        return f"{at}[{name}]"
    return f"{at}.{name}" if at else name


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` where a known word is close, else the known words."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


class Fields:
    """One mapping being read. Take each field once, then call `done()`: whatever was not taken is `unknown_field`."""

    def __init__(self, value: object, at: str = "") -> None:
        if not isinstance(value, Mapping):
            raise Invalid("wrong_type", f"expected a mapping of fields, found {describe(value)}", at=at)
        for name in value:
            if not isinstance(name, str):
                raise Invalid("wrong_type", f"a field name must be text, found {name!r}", at=at)
        self.values: Mapping[str, Any] = value
        self.at = at
        self._taken: set[str] = set()

    def path(self, name: str) -> str:
        return join(self.at, name)

    def has(self, name: str) -> bool:
        """Whether the field stands there with a value (null counts as absent)."""
        return self.values.get(name) is not None

    def raw(self, name: str, default: Any = _REQUIRED) -> Any:
        self._taken.add(name)
        value = self.values.get(name)
        if value is None:
            if default is _REQUIRED:
                raise Invalid("missing_field", f"the field {name!r} is missing", at=self.path(name))
            return default
        return value

    def text(self, name: str, default: Any = _REQUIRED, *, longest: int = 200) -> Any:
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        if not isinstance(value, str) or not value.strip():
            raise Invalid("wrong_type", f"expected text, found {describe(value)}", at=self.path(name))
        check_text(value, self.path(name), longest=longest)
        return value

    def choice(self, name: str, choices: Sequence[str], default: Any = _REQUIRED) -> Any:
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        if not isinstance(value, str) or value not in choices:
            raise Invalid("unknown_choice", f"expected one of {', '.join(choices)}; found {describe(value)}", at=self.path(name))
        return value

    def flag(self, name: str, default: Any = _REQUIRED) -> Any:
        value = self.raw(name, default)
        if value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool) and value is not default:
            raise Invalid("wrong_type", f"expected true or false, found {describe(value)}", at=self.path(name))
        return value

    def decimal(self, name: str, default: Any = _REQUIRED, *, negative: bool = False) -> Any:
        """An exact decimal; `negative` unless allowed is the error `negative`."""
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        number: Decimal = parse_decimal(value, at=self.path(name))
        if number < 0 and not negative:
            raise Invalid("negative", f"{number} is negative; expected 0 or more", at=self.path(name))
        return number

    def measure(self, name: str, default: Any = _REQUIRED, *, negative: bool = False) -> Any:
        """A quantity or an amount: a decimal below 10^15; `negative` unless allowed is the error `negative`."""
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        parse_measure(value, at=self.path(name))
        return self.decimal(name, negative=negative)

    def integer(self, name: str, default: Any = _REQUIRED, *, least: int = 0, most: int = 10**9) -> Any:
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        number = parse_decimal(value, at=self.path(name))
        if number != number.to_integral_value():
            raise Invalid("wrong_type", f"expected a whole number, found {number}", at=self.path(name), least=least, most=most)
        if not least <= number <= most:
            raise Invalid("out_of_range", f"expected {least} to {most}, found {number}", at=self.path(name), least=least, most=most)
        return int(number)

    def items(self, name: str, default: Any = _REQUIRED) -> Any:
        """A list; each element with its own path, as [(element, path), …]."""
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        if not isinstance(value, list | tuple):
            raise Invalid("wrong_type", f"expected a list, found {describe(value)}", at=self.path(name))
        return [(element, join(self.path(name), i)) for i, element in enumerate(value)]

    def mapping(self, name: str, default: Any = _REQUIRED) -> Any:
        """A mapping; each element with its own path, as [(key, element, path), …]."""
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        inner = Fields(value, self.path(name))
        return [(key, element, inner.path(key)) for key, element in inner.values.items()]

    def read(self, name: str, reader: Callable[[Any, str], T], default: Any = _REQUIRED) -> T | Any:
        """The field read by `reader(value, path)`."""
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        return reader(value, self.path(name))

    def done(self) -> None:
        """Raises `unknown_field` for the first field that nobody asked for."""
        for name in self.values:
            if name not in self._taken:
                hint = suggestion(name, sorted(self._taken))
                raise Invalid("unknown_field", f"the field {describe(name)} is not known here{hint}", at=self.path(name))


MOST_VALUES, DEEPEST = 1000, 10


def check_plain(value: object, at: str, *, longest: int = 10_000, most: int = MOST_VALUES) -> None:
    """That a value of any shape can be stored: text that is Unicode without NUL, no binary float, nothing endless.

    Raises Invalid `bad_text`, `not_a_number`, `wrong_type`, `out_of_range` with the path of the first thing that is wrong.
    """
    if type(value) is str:
        check_text(value, at, longest=longest)
        return
    waiting: list[tuple[object, str, int]] = [(value, at, 0)]
    seen = 0
    while waiting:
        one, path, depth = waiting.pop()
        seen += 1
        if seen > most or depth > DEEPEST:
            raise Invalid("out_of_range", f"expected at most {most} values, {DEEPEST} deep", at=at)
        if isinstance(one, Mapping):
            for name, element in one.items():
                if not isinstance(name, str):
                    raise Invalid("wrong_type", f"a field name must be text, found {describe(name)}", at=path)
                check_text(name, path, longest=200)
                waiting.append((element, join(path, name), depth + 1))
        elif isinstance(one, list | tuple):
            waiting += [(element, join(path, number), depth + 1) for number, element in enumerate(one)]
        elif isinstance(one, str):
            check_text(one, path, longest=longest)
        elif isinstance(one, float):
            raise Invalid("not_a_number", f'{one!r} is a binary float; write it as text such as "12.50"', at=path)
        elif isinstance(one, int | Decimal) and not isinstance(one, bool):
            parse_decimal(one, at=path)
        elif one is not None and not isinstance(one, bool | date):
            raise Invalid("wrong_type", f"expected text, a number, a list or a mapping, found {type(one).__name__}", at=path)


def check_text(text: str, at: str, *, longest: int) -> None:
    """Raises Invalid `out_of_range`, `bad_text` for text that is too long or that no column can hold."""
    if len(text) > longest:
        raise Invalid("out_of_range", f"expected at most {longest} characters, found {len(text)}", at=at, characters=longest)
    if "\x00" in text or (not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)):
        raise Invalid("bad_text", f"{text[:60]!r} holds a NUL or half a character (a lone surrogate)", at=at)


def describe(value: object) -> str:
    """A value named for a message, short and safe."""
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", bool: str(value).lower(), type(None): "nothing"}
    return kinds.get(type(value), repr(value)[:60])
