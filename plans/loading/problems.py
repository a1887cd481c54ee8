"""What is wrong with a file: gathered, so that one reading names every mistake and not just the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from plans.errors import Invalid
from plans.fields import Fields, describe

T = TypeVar("T")
MOST = 100  # problems that are kept; more help nobody
CODE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
LONGEST_CODE = 60


class Problems:
    """A list of refusals that grows while a file is read. `warnings` do not keep a catalogue from being published."""

    def __init__(self) -> None:
        self.found: list[Invalid] = []
        self.warnings: list[Invalid] = []

    def add(self, problem: Invalid, *, at: str = "") -> None:
        """Keep the problem, unless the same was said or there are `MOST`. `at` is its place where it names none."""
        if not problem.at:
            problem.at = at
        same = any((known.at, known.code, known.message) == (problem.at, problem.code, problem.message) for known in self.found)
        if not same and len(self.found) < MOST:
            self.found.append(problem)

    def warn(self, code: str, message: str, *, at: str) -> None:
        if len(self.warnings) < MOST:
            self.warnings.append(Invalid(code, message, at=at))

    @contextmanager
    def collecting(self, at: str = "") -> Iterator[None]:
        """Whatever is `Invalid` inside is kept, and reading goes on after it. `at` is the place of what names none."""
        try:
            yield
        except Invalid as problem:
            self.add(problem, at=at)

    def attempt(self, reader: Callable[[], T], default: Any = None) -> T | Any:
        """The answer of `reader`, or the default where it finds a problem."""
        try:
            return reader()
        except Invalid as problem:
            self.add(problem)
            return default

    def by_code(self, entries: Iterable[tuple[str, Any, str]], reader: Callable[[str, Any, str], T]) -> dict[str, T]:
        """Each of (code, value, path) read by `reader(code, value, path)`; those with problems are left out."""
        found: dict[str, T] = {}
        for code, value, path in entries:
            with self.collecting(path):
                check_code(code, path)
                found[code] = reader(code, value, path)
        return found


def check_code(code: object, at: str) -> str:
    """A name that the system uses: small letters, digits, `.`, `_`, `-`, starting with a letter or digit. Raises Invalid `bad_code`."""
    if not isinstance(code, str) or not CODE.fullmatch(code) or len(code) > LONGEST_CODE:
        raise Invalid("bad_code", f"{describe(code)} is no code; write small letters, digits, dots, dashes, at most {LONGEST_CODE}", at=at)
    return code


def entries_of(fields: Fields, name: str) -> list[tuple[str, Any, str]]:
    """A section: a mapping of code → value, as (code, value, path); nothing where it is absent."""
    found: list[tuple[str, Any, str]] = fields.mapping(name, [])
    return found


def codes_of(fields: Fields, name: str) -> tuple[str, ...]:
    """A list of codes, or one code alone."""
    if isinstance(fields.values.get(name), str):
        return (check_code(fields.raw(name), fields.path(name)),)
    return tuple(check_code(code, path) for code, path in fields.items(name, []))
