"""`manage.py rebuild [STREAM...] [--check]`: read models again from the journal."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand
from billing.rebuilding import compare, find_streams, rebuild


class Command(BillingCommand):
    help = (
        "Make the read models of accounts (all where none are named) again from the journal; with --check only compare. "
        "Exit status: 0 done, or no difference; 1 a difference was found, or something was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("streams", nargs="*", metavar="ACCOUNT", help="accounts, or other streams such as stock:router")
        parser.add_argument("--check", action="store_true", help="change nothing; name the rows that a rebuild would change")
        self.add_processes(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        streams = find_streams(options["streams"])
        if options["check"]:
            self._check(streams, as_data=options["json"], workers=options["workers"])
            return
        events = rebuild(streams, workers=options["workers"])
        answer = {"streams": len(streams), "events": events}
        self.write_json(answer) if options["json"] else self.write(f"rebuilt {len(streams)} streams from {events} events")

    def _check(self, streams: list[str], *, as_data: bool, workers: int) -> None:
        found = compare(streams, workers=workers)
        if as_data:
            self.write_json({"streams": len(streams), "differences": [asdict(one) for one in found]})
        else:
            for one in found:
                self.write(f"{one.table}: only {one.side}: {one.row}")
            verdict = f"{len(found)} rows differ" if found else "live and rebuilt are the same"
            self.write(f"{len(streams)} streams: {verdict}")
        if found:
            sys.exit(1)
