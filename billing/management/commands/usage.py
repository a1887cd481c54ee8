"""`manage.py usage import|rejected|void|why`: measurements, as `docs/usage.md` describes them."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from billing.loading import zone_of_account
from billing.usage import Report, corrections, ingest
from billing.usage.aside import batches, lines_of
from billing.usage.explain import as_dict, as_lines
from billing.usage.load import load_file
from billing.usage.records import source_name
from billing.usage.why import why
from plans.errors import Invalid, Refusal
from plans.periods import parse_time

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Take measurements in, list the lines that were put aside, void a record, or say why a meter shows what it shows. "
        "Exit status: 0 all good; 1 lines were put aside, or the request is refused; 2 a file that can't be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        take = actions.add_parser("import", help="take the measurements of CSV or JSON Lines files in")
        take.add_argument("files", nargs="+", metavar="FILE", help="a file; - is standard input")
        take.add_argument("--source", default="import", help="whose ids these are: (source, id) is taken once (default: import)")
        take.add_argument("--at", default="", metavar="TIME", help="when they arrived (default: now)")
        take.add_argument("--format", default="", choices=["csv", "jsonl"], help="where the name of the file does not say it")
        rejected = actions.add_parser("rejected", help="the batches with lines put aside, or the lines of one batch")
        rejected.add_argument("batch", nargs="?", default="", metavar="BATCH")
        void = actions.add_parser("void", help="take one record away, by a record that voids it")
        void.add_argument("source", metavar="SOURCE")
        void.add_argument("id", metavar="ID")
        void.add_argument("--at", default="", metavar="TIME", help="when the void arrived (default: now)")
        why = actions.add_parser("why", help="what each record of a meter counted for, and why not")
        why.add_argument("account", metavar="ACCOUNT")
        why.add_argument("meter", metavar="METER")
        why.add_argument("--from", dest="start", default="", metavar="TIME", help="from this time on (default: the running period)")
        why.add_argument("--to", dest="end", default="", metavar="TIME", help="until before this time")
        why.add_argument("--at", default="", metavar="TIME", help="what the running period is taken from (default: now)")
        for action in (take, rejected, void, why):
            action.add_argument("--json", action="store_true", help="one JSON value on standard output and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {"import": self.take, "rejected": self.rejected, "void": self.void, "why": self.why}
        try:
            status = actions[options["action"]](options)
        except Refusal as error:
            self.stderr.write(str(error))
            status = 1
        if status:
            sys.exit(status)

    # --- import -------------------------------------------------------------------------------------------------------------------

    def take(self, options: dict[str, Any]) -> int:
        """Each file on its own: a file that can't be read does not keep the next from being taken."""
        answers, statuses = [], [0]
        arrived_at = moment(options["at"])
        source_name(options["source"], "--source")
        for name in options["files"]:
            try:
                with opened(name) as stream:
                    report = load_file(
                        stream,
                        name=shown_name(name),
                        source=options["source"],
                        arrived_at=arrived_at,
                        form=options["format"],
                        progress=lambda report, name=name: self.tell_progress(name, report),
                    )
            except (Refusal, OSError) as error:
                statuses.append(2)
                answers.append({"file": name, "error": file_error(name, error)})
                self.stderr.write(str(error) if isinstance(error, Refusal) else f"{name}: {error.strerror or error}")
                continue
            statuses.append(1 if report.rejected_count else 0)
            answers.append({"file": name} | report.as_dict())
            if not options["json"]:
                self.tell(name, report)
        if options["json"]:
            self.stdout.write(json.dumps({"files": answers}, indent=2))
        return max(statuses)

    def tell_progress(self, name: str, report: Report) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        self.stderr.write(f"{name}: {report.lines:,} records read, {report.rejected_count:,} put aside", ending=end)

    def tell(self, name: str, report: Report) -> None:
        self.stdout.write(f"{name}: {report.accepted:,} taken, {report.duplicates:,} known already, {report.rejected_count:,} put aside")
        for line in report.rejected[:SHOWN]:
            self.stdout.write(f"  line {line.number}: {line.reason} [{line.code}]")
        if report.rejected_count > SHOWN:
            self.stdout.write(f"  and {report.rejected_count - SHOWN:,} more")
        if report.rejected_count:
            self.stdout.write(f"  see them all: manage.py usage rejected '{report.batch}'")

    # --- rejected, void -----------------------------------------------------------------------------------------------------------

    def rejected(self, options: dict[str, Any]) -> int:
        if not options["batch"]:
            found = [{"batch": batch, "lines": count, "recorded_at": at.isoformat()} for batch, count, at in batches()]
            self.write(options, found, [f"{row['lines']:>8}  {row['batch']}" for row in found] or ["no line was put aside"])
            return 0
        lines = lines_of(options["batch"])
        told = [f"line {line.number}: {line.reason} [{line.code}]\n    {line.content}" for line in lines]
        self.write(options, [line.as_dict() | {"content": line.content} for line in lines], told or ["no such batch, or nothing in it"])
        return 0 if lines else 1

    def void(self, options: dict[str, Any]) -> int:
        """The void has the id `void/ID`, so that voiding twice is harmless."""
        source, record = options["source"], options["id"]
        account, meter = corrections.place_of(source, record)
        content = {"id": f"void/{record}", "account": account, "meter": meter, "voids": {"source": source, "id": record}}
        report = ingest([content], source=source, arrived_at=moment(options["at"]))
        if report.rejected:
            self.stderr.write(f"{report.rejected[0].reason} [{report.rejected[0].code}]")
            return 1
        told = "voided" if report.accepted else "was voided before"
        self.write(options, report.as_dict(), [f"{source}/{record} {told}"])
        return 0

    # --- why ----------------------------------------------------------------------------------------------------------------------

    def why(self, options: dict[str, Any]) -> int:
        zone = zone_of_account(options["account"])
        start, end = (
            parse_time(options[name], zone, f"--{flag}") if options[name] else None for name, flag in (("start", "from"), ("end", "to"))
        )
        if start and end and end <= start:
            raise Invalid("out_of_range", "the stretch would end before it starts", at="--to")
        found = why(options["account"], options["meter"], at=moment(options["at"]), start=start, end=end)
        self.write(options, as_dict(found), as_lines(found))
        return 0

    def write(self, options: dict[str, Any], value: Any, lines: list[str]) -> None:
        self.stdout.write(json.dumps(value, indent=2) if options["json"] else "\n".join(lines))


def moment(text: str) -> Any:
    """The time that was given (UTC unless it says otherwise), else now."""
    return parse_time(text, "UTC", "--at") if text else timezone.now()


def opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def shown_name(name: str) -> str:
    return "standard input" if name == "-" else name


def file_error(name: str, error: Refusal | OSError) -> dict[str, Any]:
    if isinstance(error, Refusal):
        return error.as_dict()
    return {"code": "bad_file", "message": str(error.strerror or error), "at": name}
