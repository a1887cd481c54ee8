"""`manage.py import accounts|contracts|balances FILE`: what an organisation brings along, as `docs/usage.md` describes it;
`import bank FILE`: a statement of the bank, as `docs/documents.md` does."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.imports import KINDS, Report, import_file
from billing.management.bank import FORMS, import_bank
from billing.management.commands.usage import SHOWN, file_error, moment, opened, shown_name
from billing.usage.records import source_name
from plans.errors import Refusal


class Command(BaseCommand):
    help = (
        "Bring accounts, running contracts or open balances over from a CSV or JSON Lines file, or payments from a bank statement in CSV, "
        "MT940 or CAMT.053; each row is a command, and repeating is harmless. "
        "Exit status: 0 all good; 1 rows were put aside, or an option is wrong; 2 a file that can't be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted([*KINDS, "bank"]), help="what the rows are; bank: a statement of a bank account")
        parser.add_argument("file", metavar="FILE", help="a file; - is standard input")
        parser.add_argument("--source", default="import", help="whose rows these are: (source, row) is brought over once (default: import)")
        parser.add_argument("--at", default="", metavar="TIME", help="when a row counts that has no column 'at' (default: now)")
        parser.add_argument("--format", default="", choices=["csv", "jsonl", *FORMS[1:]], help="where the name of the file does not say it")
        parser.add_argument("--seller", default="main", help="bank: whose account it is (default: main)")
        parser.add_argument("--bank-account", default="", help="bank: the account that a CSV file is of, where there are several")
        parser.add_argument("--dry-run", action="store_true", help="try every row and undo it")
        parser.add_argument("--json", action="store_true", help="one JSON value on standard output and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kind"] == "bank":
            sys.exit(import_bank(options, self.stdout.write, self.stderr.write))
        try:
            at = moment(options["at"])
            source_name(options["source"], "--source")
        except Refusal as error:
            self.stderr.write(str(error))
            sys.exit(1)
        try:
            with opened(options["file"]) as stream:
                report = import_file(
                    stream,
                    kind=KINDS[options["kind"]],
                    name=shown_name(options["file"]),
                    source=options["source"],
                    at=at,
                    form=options["format"],
                    dry_run=options["dry_run"],
                    progress=self.tell_progress,
                )
        except (Refusal, OSError) as error:
            self.refuse(options, error)
        self.tell(options, report)
        if report.rejected_count:
            sys.exit(1)

    def refuse(self, options: dict[str, Any], error: Refusal | OSError) -> None:
        found = file_error(options["file"], error)
        if options["json"]:
            self.stdout.write(json.dumps({"file": options["file"], "error": found}, indent=2))
        self.stderr.write(str(error) if isinstance(error, Refusal) else f"{found['at']}: {found['message']}")
        sys.exit(2)

    def tell_progress(self, report: Report) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        self.stderr.write(f"{report.lines:,} rows read, {report.rejected_count:,} put aside", ending=end)

    def tell(self, options: dict[str, Any], report: Report) -> None:
        if options["json"]:
            self.stdout.write(json.dumps({"file": options["file"]} | report.as_dict(), indent=2))
            return
        empty = f", {report.nothing:,} with nothing to bring over" if report.nothing else ""
        tried = " (tried and undone)" if report.dry_run else ""
        told = f"{report.done:,} brought over{tried}, {report.known:,} known already{empty}, {report.rejected_count:,} put aside"
        self.stdout.write(f"{shown_name(options['file'])}: {told}")
        for line in report.rejected[:SHOWN]:
            self.stdout.write(f"  row {line.number}: {line.reason} [{line.code}]")
        if report.rejected_count > SHOWN:
            self.stdout.write(f"  and {report.rejected_count - SHOWN:,} more")
        if report.rejected_count and not report.dry_run:
            self.stdout.write(f"  see them all: manage.py usage rejected '{report.batch}'")
