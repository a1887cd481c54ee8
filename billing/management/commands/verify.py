"""`manage.py verify [STREAM...]`: prove the journal and what was made of it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand
from billing.rebuilding import find_streams
from billing.verification import verify


class Command(BillingCommand):
    help = (
        "Prove the hash chain, the heads, the postings, what is open, and the numbers; name each fault with its address. "
        "Exit status: 0 everything holds; 1 a fault was found, or something was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("streams", nargs="*", metavar="STREAM", help="accounts and other streams; everything where none are named")
        self.add_processes(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        found = verify(find_streams(options["streams"]) if options["streams"] else None, workers=options["workers"])
        if options["json"]:
            self.write_json({"streams": found.streams, "events": found.events, "faults": [asdict(fault) for fault in found.faults]})
        else:
            for fault in found.faults:
                self.write(f"{fault.where}: {fault.message} [{fault.code}]")
            count = f"{len(found.faults)} fault{'' if len(found.faults) == 1 else 's'}"
            verdict = f"{count}; the first: {found.faults[0].where}" if found.faults else "everything holds"
            self.write(f"{found.streams} streams, {found.events} events: {verdict}")
        if found.faults:
            sys.exit(1)
