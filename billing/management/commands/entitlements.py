"""`manage.py entitlements ACCOUNT [FEATURE]`: what it may do, how much of it is left, until when, and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.management.base import CommandParser

from billing.entitlements import Entitlement, check, check_all
from billing.management.base import BillingCommand, moment
from billing.queries.accounts import find_account
from plans.money import parse_decimal, plain


class Command(BillingCommand):
    help = "What an account may do now, and why. Exit status: 0; 1 refused, or the one feature asked for is not allowed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument("feature", nargs="?", metavar="FEATURE")
        parser.add_argument("--quantity", default="1", metavar="N", help="how much (more) is wanted (default: 1)")
        self.add_moment(parser, "--at", "ask for T (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        account = find_account(options["account"])
        at = moment(options["at"], zone=account.zone, at="at")
        if options["feature"] is None:
            found = check_all(account.account, at=at)
            self.write_json(found) if options["json"] else self.write("\n".join(map(_line, found)) or "no catalogue names features")
            return
        one = check(account.account, options["feature"], parse_decimal(options["quantity"], at="quantity"), at=at)
        self.write_json(one) if options["json"] else self.write(_line(one))
        if not one.allowed:
            raise SystemExit(1)


def _line(one: Entitlement) -> str:
    left = f", {_number(one.remaining)} left" if one.remaining is not None else ""
    until = f" until {one.until:%Y-%m-%d %H:%M}Z" if one.until and one.allowed else ""
    value = f" = {one.value}" if one.value else ""
    return f"{'yes' if one.allowed else 'no ':<3} {one.feature}{value}{left}{until}: {one.why}"


def _number(value: Decimal) -> str:
    return plain(value)
