"""`manage.py audit unbilled`: what should have been billed and was not. `audit rates`: what closed periods would cost today."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from billing.accounting.months import check_seller
from billing.engine import Request, execute
from billing.management.base import BillingCommand, moment
from billing.queries.recalculating import Recalculated, corrections, recalculation
from billing.queries.unbilled import unbilled
from plans.errors import Invalid
from plans.money import plain


class Command(BillingCommand):
    help = (
        "`unbilled`: list what should have been billed and was not, with the reason. `rates`: list what closed periods would cost by the "
        "prices and the maths of today, per account and key; with --corrections NAME make a correction set of it, which somebody else "
        "approves. Exit status: 0 nothing; 1 something was found, or refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["unbilled", "rates"])
        self.add_moment(parser, "--at", "due, or closed, by then (default: now)")
        parser.add_argument("--seller", default="main", help="rates: whose accounts")
        parser.add_argument("--account", action="append", default=[], help="rates: only these accounts")
        parser.add_argument("--corrections", metavar="NAME", default="", help="rates: make a correction set of what is found")
        parser.add_argument("--reason", default="", help="rates: of the correction set")
        parser.add_argument("--code", default="", help="rates: of the correction set, in a word of the policy")
        parser.add_argument("--by", default="", metavar="NAME", help="rates: who asks for it")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        at = moment(options["at"])
        if options["what"] == "rates":
            self._rates(options, at)
            return
        if options["corrections"]:
            raise Invalid("unknown_field", "only rates makes a correction set", at="corrections")
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

    def _rates(self, options: dict[str, Any], at: datetime) -> None:
        check_seller(options["seller"])
        found = list(recalculation(seller=options["seller"], at=at, accounts=options["account"]))
        items = corrections(found)
        if options["json"]:
            self.write_json([asdict(one) | {"difference": one.difference} for one in found])
        else:
            for one in found:
                self.write(_told(one))
            told = f"{len(found)} charges would be others, {len(items)} periods are to be corrected"
            self.write(told if found else "nothing would change")
        if items and options["corrections"]:
            given = {
                "name": options["corrections"],
                "wanted": "adjust",
                "items": items,
                "reason": options["reason"] or "Recalculated",
                "seller": options["seller"],
                **{name: options[name] for name in ("code", "by") if options[name]},
            }
            execute(Request("draft_corrections", given, at, "command line"))
        if found:
            sys.exit(1)


def _told(one: Recalculated) -> str:
    why = f" (by hand: {one.by_hand})" if one.by_hand else ""
    key = f"{one.account} {one.contract} {one.item} {one.start:%Y-%m-%d %H:%M}Z {one.terms} {one.component}"
    return f"{key}: {plain(one.stands)} -> {plain(one.target)} {one.currency}, {plain(one.difference)}{why}"
