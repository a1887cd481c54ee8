"""`manage.py close 2026-03`: nothing is posted into the month any more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing import bulk
from billing.engine import Request, execute
from billing.events import BooksClosed
from billing.management.base import BillingCommand, moment


class Command(BillingCommand):
    help = (
        "Close a month of the books and all before it: what is found later is posted into the first open month. Refused while the month is "
        "not over, or while something of it is not billed. Without a month: say what is closed. Exit status: 0 closed; 1 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("period", nargs="?", metavar="YYYY-MM")
        parser.add_argument("--seller", default="main")
        parser.add_argument("--despite", default="", metavar="REASON", help="close although something is left to be billed, and say why")
        parser.add_argument("--by", default="command line", metavar="ACTOR", help="who closes it")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")
        self.add_moment(parser, "--at", "close it then (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["period"]:
            self._closed(options)
            return
        given = {name: options[name] for name in ("period", "seller", "despite") if options[name]}
        request = Request("close_period", given, moment(options["at"]), options["by"])
        outcome = execute(request, dry_run=options["dry_run"])
        event = next(recorded.event for recorded in outcome.events if isinstance(recorded.event, BooksClosed))
        if options["json"]:
            self.write_json({"seller": event.seller, "closed_through": event.through, "left_out": event.left_out, "reason": event.reason})
            return
        would = "would be closed" if options["dry_run"] else "closed"
        self.write(f"{event.seller}: {event.period} {would}; nothing is posted on or before {event.through} any more")
        for left in event.left_out:
            self.write(f"left out: {left}")

    def _closed(self, options: dict[str, Any]) -> None:
        rows = bulk.fetch("SELECT seller, closed_through, event FROM read_books ORDER BY seller")
        if options["json"]:
            self.write_json([dict(zip(("seller", "closed_through", "event"), row, strict=True)) for row in rows])
        else:
            self.write("\n".join(f"{seller}: closed through {through} ({event})" for seller, through, event in rows) or "nothing is closed")
