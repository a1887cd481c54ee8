"""`manage.py forecast ACCOUNT --until T`: what will happen if nobody does anything else, played by the engine and undone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.api.shown import both_balances, forecast_data
from billing.management.base import BillingCommand, moment
from billing.queries.accounts import find_account
from billing.queries.forecast import Forecast, forecast
from billing.queries.history import summary
from billing.queries.status import money_text


class Command(BillingCommand):
    help = "Play an account's future through the engine without writing: events, documents, balance. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument("--until", metavar="T", required=True, help="how far (ISO date or time, in the account's zone)")
        self.add_moment(parser, "--at", "where the future begins (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        zone = find_account(options["account"]).zone
        at = moment(options["at"], zone=zone, at="at")
        found = forecast(options["account"], at=at, until=moment(options["until"], zone=zone, at="until"))
        self.write_json(forecast_data(found)) if options["json"] else self.write(_page(found))


def _page(found: Forecast) -> str:
    lines = [f"{found.account} until {found.until:%Y-%m-%d %H:%M}Z, if nothing else happens: {len(found.events)} events"]
    lines += [f"  {one.effective_at:%Y-%m-%d %H:%M}Z  {one.event.kind:<26} {summary(one.event)}" for one in found.events]
    for currency, before, after in both_balances(found.before, found.after):
        lines.append(f"  balance {money_text(before, currency)} → {money_text(after, currency)} {currency}")
    return "\n".join(lines)
