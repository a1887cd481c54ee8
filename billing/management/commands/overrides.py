"""`manage.py overrides [ACCOUNT]`: the prices that single customers have otherwise than their plan."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, moment
from billing.queries.accounts import find_account
from billing.queries.contracts import Override, overridden


class Command(BillingCommand):
    help = "Running contracts with prices of their own, and the event that set them. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", nargs="?", default="", metavar="ACCOUNT")
        self.add_moment(parser, "--at", "those in force at T (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        zone = find_account(options["account"]).zone if options["account"] else "UTC"
        found = overridden(account=options["account"], at=moment(options["at"], zone=zone, at="at"))
        self.write_json(found) if options["json"] else self.write("\n".join(map(_line, found)) or "no contract has a price of its own")


def _line(one: Override) -> str:
    return f"{one.account}: {one.item} of {one.plan} ({one.contract}) costs {dict(one.price)} since {one.since:%Y-%m-%d}, by {one.source}"
