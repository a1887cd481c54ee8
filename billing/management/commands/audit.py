"""`manage.py audit unbilled`: what should have been billed and was not."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, moment
from billing.queries.unbilled import unbilled


class Command(BillingCommand):
    help = "List what should have been billed and was not, with the reason. Exit status: 0 nothing; 1 something was found, or refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["unbilled"])
        self.add_moment(parser, "--at", "due by then (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        at = moment(options["at"])
        found = unbilled(at=at)
        if options["json"]:
            self.write_json([asdict(one) for one in found])
        else:
            for one in found:
                since = f", since {one.since:%Y-%m-%d %H:%M}Z" if one.since else ""
                self.write(f"{one.account}: {one.reason}{since} [{one.code}]")
            self.write(f"{len(found)} things that should have been billed by {at:%Y-%m-%d %H:%M}Z" if found else "nothing was left out")
        if found:
            sys.exit(1)
