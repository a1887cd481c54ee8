"""`manage.py bookings [THING]`: what can be booked; who has it, and what is free."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from billing.bookings.queries import Availability, availability, find, resources
from billing.management.base import BillingCommand, moment, optional_moment
from plans.periods import to_local

AHEAD = timedelta(days=14)


class Command(BillingCommand):
    help = "What can be booked, or who has one thing and what is free of it. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("thing", nargs="?", metavar="THING")
        self.add_moment(parser, "--from", "look from T on (default: now)")
        self.add_moment(parser, "--to", "look until T (default: 14 days later)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["thing"] is None:
            found = [one for _, one in resources()]
            listed = [{"thing": one.code, "name": one.name, "per": one.per, "capacity": one.capacity, "units": one.units} for one in found]
            self.write_json(listed) if options["json"] else self.write("\n".join(_resource(one) for one in listed))
            return
        catalogue, _ = find(options["thing"])
        start = moment(options["from"], zone=catalogue.zone, at="from")
        end = optional_moment(options["to"], zone=catalogue.zone, at="to") or start + AHEAD
        one = availability(options["thing"], start, end)
        self.write_json(_data(one)) if options["json"] else self.write(_page(one))


def _resource(one: dict[str, Any]) -> str:
    what = f"{one['capacity']} pieces" if one["capacity"] else ", ".join(one["units"])
    return f"{one['thing']}: {one['name']}, {what}, by the {one['per']}"


def _data(one: Availability) -> dict[str, Any]:
    bookings = [
        {"booking": b.id, "account": b.account, "unit": b.stay.unit, "quantity": b.stay.quantity, "status": b.status}
        | {"start": b.stay.start, "end": b.stay.end, "due": b.due, "overbooked": b.overbooked}
        for b in one.bookings
    ]
    return {"thing": one.resource.code, "bookings": bookings, "slots": [vars(s) for s in one.slots], "free": [vars(g) for g in one.gaps]}


def _page(one: Availability) -> str:
    def local(moment: Any) -> str:
        return f"{to_local(moment, one.zone):%Y-%m-%d %H:%M}"

    lines = [f"{one.resource.name} ({one.zone})"]
    for b in one.bookings:
        what = b.stay.unit or f"{b.stay.quantity} piece{'s' if b.stay.quantity > 1 else ''}"
        until = f" until {local(b.due)}" if b.status == "held" and b.due else ""
        over = ", overbooked" if b.overbooked else ""
        status = b.status.replace("_", " ")
        lines.append(f"  {local(b.stay.start)} to {local(b.stay.end)}  {what} for {b.account}: {status}{until}{over} ({b.id})")
    lines += [f"  {local(slot.start)}  {slot.taken} taken, {slot.free} free" for slot in one.slots]
    lines += [f"  {gap.unit} is free from {local(gap.start)} to {local(gap.end)}" for gap in one.gaps]
    return "\n".join(lines)
