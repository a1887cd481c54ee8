"""`manage.py rates import FILE` and `rates show --day DAY`: exchange rates of the house."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from billing import bulk
from billing.engine import Request, execute
from billing.loading import trimmed
from billing.management.base import BillingCommand, moment
from billing.rates.reading import LONGEST
from plans.errors import Invalid
from plans.money import plain
from plans.periods import local_date, parse_date


class Command(BillingCommand):
    help = (
        "Publish exchange rates from a CSV file with the heading date,from,to,rate,source (`import FILE`), or show the newest ones by "
        "a day (`show`). Exit status: 0 done; 1 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["import", "show"])
        parser.add_argument("file", nargs="?", metavar="FILE")
        parser.add_argument("--day", help="show: the newest rates by this day (default: today)")
        parser.add_argument("--seller", default="main")
        parser.add_argument("--by", default="command line", metavar="ACTOR", help="who publishes them")
        parser.add_argument("--dry-run", action="store_true", help="check the file and publish nothing")
        self.add_moment(parser, "--at", "publish them then (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        at = moment(options["at"])
        if options["what"] == "show":
            self._show(options, parse_date(options["day"], "day") if options["day"] else local_date(at, "UTC"))
            return
        if not options["file"]:
            raise Invalid("missing_field", "name the file: manage.py rates import FILE", at="file")
        given = {"source": _read(options["file"]), "seller": options["seller"]}
        made = execute(Request("publish_rates", given, at, options["by"]), dry_run=options["dry_run"]).made
        if options["json"]:
            self.write_json(made)
            return
        told = "would be published" if options["dry_run"] else "published"
        self.write(f"{made['rates']} rates {told} as version {made['version']} of {options['seller']}")

    def _show(self, options: dict[str, Any], day: Any) -> None:
        statement = """
            SELECT DISTINCT ON (base, quote) base, quote, rate, day, source, version FROM read_rate
            WHERE seller = %s AND day <= %s ORDER BY base, quote, day DESC, version DESC"""
        rows = bulk.fetch(statement, [options["seller"], day])
        if options["json"]:
            names = ("from", "to", "rate", "day", "source", "version")
            self.write_json([dict(zip(names, (*row[:2], trimmed(row[2]), *row[3:]), strict=True)) for row in rows])
            return
        for base, quote, rate, found, source, version in rows:
            self.write(f"{found}  1 {base} = {plain(trimmed(rate))} {quote}  {source}, version {version}")


def _read(path: str) -> str:
    try:
        content = Path(path).read_bytes()
        if len(content) > LONGEST:
            raise Invalid("too_long", f"{path} is longer than {LONGEST} bytes", at="file")
        return content.decode("utf-8")
    except OSError as error:
        raise Invalid("cannot_read", f"{path}: {error.strerror}", at="file") from None
    except UnicodeDecodeError:
        raise Invalid("not_text", f"{path} is not UTF-8 text", at="file") from None
