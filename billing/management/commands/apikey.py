"""Make, list and revoke API keys."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import SCOPES
from billing.engine import Outcome, Request, execute
from billing.management.base import BillingCommand
from plans.periods import parse_time


class Command(BillingCommand):
    help = "API keys: `apikey make NAME --scope usage`, `list`, `rotate PREFIX`, `revoke PREFIX`. A key is shown once, when it is made."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        make = actions.add_parser("make", help="make a key and show it")
        make.add_argument("name", help="whose it is, for people")
        make.add_argument("--scope", action="append", default=[], metavar="SCOPE", help=f"one of {', '.join(sorted(SCOPES))}; repeatable")
        make.add_argument("--account", default="", help="limit it to this account")
        make.add_argument("--seller", default="", help="limit it to the accounts of this seller")
        make.add_argument("--expires", default="", help="ISO date or time, UTC where it names no offset")
        actions.add_parser("list", help="the keys, without their secrets")
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("prefix")
        rotate = actions.add_parser("rotate", help="give a key a new secret and show it; for a day the old one holds too")
        rotate.add_argument("prefix")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _make(self, options: dict[str, Any]) -> None:
        expires = parse_time(options["expires"], "UTC", "expires") if options["expires"] else None
        limits = {name: options[name] for name in ("account", "seller")}
        given = {"name": options["name"], "scopes": options["scope"]} | {name: value for name, value in limits.items() if value}
        made = self._execute("create_api_key", given | ({"expires": expires.isoformat()} if expires else {}))
        self.write(made.shown_once["secret"])

    def _list(self, options: dict[str, Any]) -> None:
        del options
        for row in ApiKey.objects.order_by("made_at"):
            state = "revoked" if row.revoked_at else "expires " + row.expires_at.isoformat() if row.expires_at else "holds"
            limit = row.account or row.seller or "every account"
            self.write(f"{row.prefix}  {row.name}  {' '.join(row.scopes)}  {limit}  {state}")

    def _revoke(self, options: dict[str, Any]) -> None:
        self._execute("revoke_api_key", {"prefix": options["prefix"]})

    def _rotate(self, options: dict[str, Any]) -> None:
        self.write(self._execute("rotate_api_key", {"prefix": options["prefix"]}).shown_once["secret"])

    def _execute(self, command: str, arguments: dict[str, Any]) -> Outcome:
        return execute(Request(command, arguments, timezone.now(), actor="command line"))
