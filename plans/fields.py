"""Reading a mapping that a person wrote: every field typed, every mistake named with its path and what was expected.

The one reader behind prices, catalogues, scenarios, imports and command arguments, so that the same mistake reads the same everywhere.
Error codes: `unknown_field missing_field wrong_type not_a_number negative out_of_range unknown_choice`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from plans.errors import Invalid
from plans.money import parse_decimal

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
        if len(value) > longest or "\x00" in value:
            raise Invalid("out_of_range", f"expected at most {longest} characters and no NUL", at=self.path(name))
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

    def integer(self, name: str, default: Any = _REQUIRED, *, least: int = 0, most: int = 10**9) -> Any:
        value = self.raw(name, default)
        if value is default and default is not _REQUIRED:
            return value
        number = parse_decimal(value, at=self.path(name))
        if number != number.to_integral_value():
            raise Invalid("wrong_type", f"expected a whole number, found {number}", at=self.path(name))
        if not least <= number <= most:
            raise Invalid("out_of_range", f"expected {least} to {most}, found {number}", at=self.path(name))
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


def describe(value: object) -> str:
    """A value named for a message, short and safe."""
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", bool: str(value).lower(), type(None): "nothing"}
    return kinds.get(type(value), repr(value)[:60])
