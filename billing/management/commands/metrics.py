"""`manage.py metrics --from T --to T`: what was sold, what recurs, what was used, what was paid."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, moment, optional_moment
from billing.queries.metrics import Metrics, metrics
from plans.money import plain
from plans.periods import Period


class Command(BillingCommand):
    help = "Units sold, recurring revenue by month, usage by meter and money in, over all accounts. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_moment(parser, "--from", "from T on (default: a year before the end)")
        self.add_moment(parser, "--to", "until T (default: now)")
        parser.add_argument("--zone", default="UTC", help="the zone whose months are meant (default: UTC)")
        parser.add_argument("--seller", default="", help="only of this seller's accounts (default: of all)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        zone = options["zone"]
        end = moment(options["to"], zone=zone, at="to")
        start = optional_moment(options["from"], zone=zone, at="from") or Period(1, "year").after(end, zone, times=-1)
        found = metrics(start, end, zone=zone, seller=options["seller"])
        self.write_json(found) if options["json"] else self.write(_page(found))


def _page(found: Metrics) -> str:
    lines = [f"from {found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC", "sold:"]
    lines += [f"  {one.item}: {plain(one.quantity)} for {plain(one.amount)} {one.currency}" for one in found.sold] or ["  nothing"]
    lines.append("recurring revenue at the end of each month:")
    lines += [
        f"  {one.month:%Y-%m}: {one.recurring} {one.currency} of {one.contracts} contracts"
        f" (new {one.new}, expansion {one.expansion}, contraction {one.contraction}, churned {one.churned})"
        for one in found.recurring
    ] or ["  no whole month"]
    lines.append("used:")
    lines += [f"  {one.meter}: {plain(one.value)} in {one.records} records of {one.accounts} accounts" for one in found.usage] or [
        "  nothing"
    ]
    lines.append("money in:")
    lines += [
        f"  {one.channel}: {plain(one.received)} {one.currency} in {one.payments} payments, {plain(one.refunded)} given back"
        for one in found.money
    ] or ["  nothing"]
    return "\n".join(lines)
