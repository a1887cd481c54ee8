"""`manage.py allowance 2026-03`: book what of the receivables is expected to be lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.management.base import CommandParser

from billing.accounting.allowance import concerned
from billing.engine import Request, execute
from billing.events import AllowanceBooked
from billing.management.base import BillingCommand, moment
from plans.money import plain


class Command(BillingCommand):
    help = (
        "Book the allowance for doubtful debts at the end of a month: the percents of the policy of what is open by ageing bucket. "
        "Booking it again books what changed since. Exit status: 0 booked; 1 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("month", metavar="YYYY-MM")
        parser.add_argument("--seller", default="main")
        parser.add_argument("--by", default="command line", metavar="ACTOR", help="who books it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be booked and change nothing")
        self.add_moment(parser, "--at", "book it then (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        at, accounts = moment(options["at"]), 0
        sums: dict[str, Decimal] = {}
        for names in concerned(options["seller"]):
            given = {"month": options["month"], "accounts": names, "seller": options["seller"]}
            outcome = execute(Request("book_allowance", given, at, options["by"]), dry_run=options["dry_run"])
            for recorded in outcome.events:
                if isinstance(recorded.event, AllowanceBooked):
                    accounts += 1
                    for loss in recorded.event.losses:
                        sums[loss.currency] = sums.get(loss.currency, Decimal(0)) + loss.amount
        if options["json"]:
            self.write_json({"month": options["month"], "accounts": accounts, "booked": sums})
            return
        would = "would be booked" if options["dry_run"] else "booked"
        told = ", ".join(f"{plain(amount)} {currency}" for currency, amount in sorted(sums.items())) or "nothing"
        self.write(f"{options['month']}: {told} {would} for {accounts} accounts")
