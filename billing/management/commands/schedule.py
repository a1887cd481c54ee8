"""`manage.py schedule ACCOUNT`: what lies ahead, as a timeline."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, moment
from billing.queries.accounts import find_account
from billing.queries.forecast import timeline


class Command(BillingCommand):
    help = "The future of an account as a timeline: periods, phases, scheduled changes, ends, due dates. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        self.add_moment(parser, "--at", "where the future begins (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        account = options["account"]
        at = moment(options["at"], zone=find_account(account).zone, at="at")
        found = timeline(account, at=at)
        if options["json"]:
            self.write_json([{"at": one.at, "kind": one.kind, "what": one.what, "source": one.source} for one in found])
            return
        rows = [f"  {one.at:%Y-%m-%d %H:%M}Z  {one.kind:<8} {one.what}{f'  [{one.source}]' if one.source else ''}" for one in found]
        self.write("\n".join([f"{account}, from {at:%Y-%m-%d %H:%M}Z on:", *(rows or ["  nothing lies ahead"])]))
