"""`manage.py transfers [--output FILE]`: refunds and payouts that are to leave by bank transfer, and the file for the bank."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from billing.management.base import BillingCommand
from payments.transfers.sending import Sent, again, request_due, send
from payments.transfers.waiting import payouts_of
from plans.errors import Invalid
from plans.money import plain
from plans.periods import parse_date


class Command(BillingCommand):
    help = (
        "Without --output: what waits for a transfer. With it: everything that waits goes into a SEPA file (pain.001), each once; "
        "the bank's statement settles it (import bank). Exit status: 0; 1 refused, or something was left out of the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seller", default="main", help="whose money (default: main)")
        parser.add_argument("--output", metavar="FILE", help="write the file for the bank")
        parser.add_argument("--again", metavar="NAME", help="with --output: an earlier file as it was, by its name")
        parser.add_argument("--due", action="store_true", help="first ask for payouts of all statements in EUR that are due")
        parser.add_argument("--day", metavar="DATE", help="when the bank executes it (default: today)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now, seller = timezone.now(), options["seller"]
        day = parse_date(options["day"], "day") if options["day"] else None
        refused = request_due(seller, now.date(), now) if options["due"] else {}
        if not options["output"]:
            self.show(seller, options)
        elif options["again"]:
            self.put(again(Sent(options["again"]), seller, day=day), options)
        else:
            sent = send(seller, at=now, day=day)
            sent.refused |= refused
            self.put(sent, options)

    def show(self, seller: str, options: dict[str, Any]) -> None:
        found = payouts_of(seller, waiting=True)
        if options["json"]:
            self.write_json([{"id": one.id, "account": one.account, "amount": one.amount, "currency": one.currency} for one in found])
            return
        for one in found:
            self.write(f"{one.id:<20} {one.kind:<7} {plain(one.amount, 2):>14} {one.currency}  {one.reason}".rstrip())
        self.write(f"{len(found)} wait for a transfer")

    def put(self, sent: Sent, options: dict[str, Any]) -> None:
        try:
            Path(options["output"]).write_bytes(sent.content)
        except OSError as error:
            message = f"{options['output']} can't be written: {error.strerror}; the transfers are kept: --again {sent.file}"
            raise Invalid("bad_file", message, at="output") from None
        if options["json"]:
            self.write_json({"file": sent.file, "transfers": sent.count, "refused": sent.refused})
        else:
            self.write(f"{options['output']}: {sent.count} transfers in the file {sent.file}")
            for name, why in sent.refused.items():
                self.write(f"  left out: {name}: {why}")
        if sent.refused:
            raise SystemExit(1)
