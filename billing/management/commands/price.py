"""`manage.py price FILE...`: answer case files (YAML or JSON), as `docs/prices.md` describes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from plans.errors import Invalid
from plans.pricing import report


class Command(BaseCommand):
    help = (
        "Price the cases of each FILE (YAML or JSON; - reads standard input). "
        "Exit status: 0 all priced and as expected; 1 a bad case or an unmet expectation; 2 a file that can't be read."
    )
    requires_system_checks = []  # pure: no database, no settings beyond the start-up

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a list of cases; - is standard input")
        parser.add_argument("--json", action="store_true", help="one JSON list on standard output and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        answers: list[report.Answered] = []
        bad = False
        for name in options["files"]:
            try:
                answers += report.answer_text(_read(name), name="standard input" if name == "-" else name)
            except Invalid as error:
                bad = True
                self.stderr.write(str(error))
            except OSError as error:
                bad = True
                self.stderr.write(f"{name}: {error.strerror or error}")
        if options["json"] or answers:
            self.stdout.write(report.as_json(answers) if options["json"] else report.as_table(answers))
        code = report.BAD_FILE if bad else report.status(answers)
        if code:
            sys.exit(code)


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
