"""`manage.py events STREAM`: what happened, in order."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.codec import encode
from billing.journal import Recorded, is_account
from billing.management.base import BillingCommand, optional_moment
from billing.queries.accounts import find_account
from billing.queries.history import Filter, events, summary
from billing.rebuilding import find_streams


class Command(BillingCommand):
    help = "The events of an account, or of another stream such as stock:router. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument("--kind", action="append", default=[], metavar="KIND", help="only this kind; may be given again")
        self.add_moment(parser, "--from", "effective from then on")
        self.add_moment(parser, "--to", "effective before then")
        parser.add_argument("--last", type=int, metavar="N", help="only the last N")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        stream = options["account"]
        zone = find_account(stream).zone if is_account(stream) else "UTC"
        find_streams([stream])
        start, end = (optional_moment(options[name], zone=zone, at=name) for name in ("from", "to"))
        limit = None if options["last"] is None else max(0, min(options["last"], 10**9))
        found = events(stream, Filter(tuple(options["kind"]), start, end, limit))
        self.write_json([_data(one) for one in found]) if options["json"] else self.write("\n".join(map(_line, found)) or "no events")


def _data(one: Recorded) -> dict[str, Any]:
    return {
        "address": one.address,
        "kind": one.event.kind,
        "version": one.event.form,
        "effective_at": one.effective_at,
        "recorded_at": one.recorded_at,
        "actor": one.actor,
        "command": one.command,
        "cause": one.cause,
        "key": one.key,
        "data": encode(one.event),
    }


def _line(one: Recorded) -> str:
    return f"{one.address:<16} {one.effective_at:%Y-%m-%d %H:%M}  {one.event.kind:<26} {summary(one.event)}  ({one.command} by {one.actor})"
