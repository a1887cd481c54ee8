"""`manage.py why ACCOUNT [WHAT]`: from the balance to the raw measurement."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, moment
from billing.queries.why import text, why


class Command(BillingCommand):
    help = "Why an account owes what it owes: its balance, or one document, event, contract or amount. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument(
            "what", nargs="?", default="", metavar="WHAT", help="invoice number, ACCOUNT/17 or /17, contract, item, or an amount"
        )
        self.add_moment(parser, "--at", "the moment that decides what is overdue (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        tree = why(options["account"], options["what"], at=moment(options["at"]))
        self.write_json(tree.as_dict()) if options["json"] else self.write(text(tree))
