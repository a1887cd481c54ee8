"""What every management command of the system shares: one clear error instead of a traceback, and a documented exit status.

Exit status: 0 done; 1 refused, or a check found something (the command says what); 2 the command line itself is wrong (from argparse).
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from billing.codec import encode_value
from plans.errors import Invalid, Refusal
from plans.periods import parse_time

USAGE = 2


class BillingCommand(BaseCommand):
    """A command whose refusals are one line `error: …` on standard error and exit status 1.

    Subclasses implement `handle`; they read the clock by `moment` alone and write results by `write` or `write_json`.
    """

    requires_system_checks = []

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            refuse_broken_text(options)
            return super().execute(*args, **options)
        except Refusal as refusal:
            self.fail(str(refusal))
        except OperationalError as error:
            self.fail(f"the database does not answer: {first_line(error)} [no_database]")
        except ProgrammingError as error:
            if getattr(error.__cause__, "sqlstate", "") != "42P01":  # undefined table
                raise
            self.fail(f"the database has no tables yet; run 'manage.py migrate' first: {first_line(error)} [not_migrated]")
        except BrokenPipeError:  # the reader (head, less) has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return None

    def fail(self, message: str, *, status: int = 1) -> None:
        """Say what is wrong and end with the exit status."""
        self.stderr.write(f"error: {message}", self.style.ERROR)
        sys.exit(status)

    def write(self, text: str) -> None:
        self.stdout.write(text)

    def write_json(self, value: Any) -> None:
        """One JSON document: amounts and times as text, keys in the order given."""
        self.stdout.write(as_json(value))

    def add_moment(self, parser: CommandParser, name: str, meaning: str) -> None:
        """An option that is a moment: ISO date or time, in UTC unless it says otherwise."""
        parser.add_argument(name, metavar="T", default=None, help=f"{meaning} (ISO date or time; in the account's zone, else UTC)")

    def add_processes(self, parser: CommandParser) -> None:
        parser.add_argument("--workers", type=process_count, default=1, metavar="N", help="processes that share the work (default: 1)")

    def add_json(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output and nothing else")


def process_count(given: str) -> int:
    """1 to 64, for argparse."""
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:3]) <= 64:
        raise ArgumentTypeError(f"expected 1 to 64 workers, not {given[:40]!r}")
    return int(given)


def moment(given: Any, *, zone: str = "UTC", at: str = "at") -> datetime:
    """The moment that an option gives, or now. Raises Invalid with the name of the option."""
    if given is None:
        return timezone.now()
    return optional_moment(given, zone=zone, at=at) or timezone.now()


def optional_moment(given: Any, *, zone: str = "UTC", at: str) -> datetime | None:
    """The moment that an option gives; None where it was not given."""
    if given is None:
        return None
    if isinstance(given, datetime):
        return given.astimezone(UTC)
    return parse_time(given, zone, at)


def refuse_broken_text(options: Mapping[str, Any]) -> None:
    """Raises Invalid `wrong_type` for text that no database column can hold: NUL, or bytes that are not UTF-8."""
    for name, value in options.items():
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and ("\x00" in text or _is_broken(text)):
                raise Invalid("wrong_type", f"{text[:60]!r} holds a NUL or bytes that are not UTF-8", at=name)


def _is_broken(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def as_json(value: Any) -> str:
    """Plain values, dataclasses, decimals and times as indented JSON."""
    return orjson.dumps(encode_value(value), option=orjson.OPT_INDENT_2).decode()


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
