"""`manage.py bookings [THING]`: what can be booked; who has it, and what is free."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from billing.bookings.queries import Availability, Offer, availability, find, resources, search
from billing.management.base import BillingCommand, moment, optional_moment
from plans.periods import to_local

AHEAD = timedelta(days=14)


class Command(BillingCommand):
    help = "What can be booked, or who has one thing and what is free of it. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("thing", nargs="?", metavar="THING")
        self.add_moment(parser, "--from", "look from T on (default: now)")
        self.add_moment(parser, "--to", "look until T (default: 14 days later)")
        parser.add_argument("--free", type=int, metavar="N", help="everything that has N free for the whole time from --from until --to")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["free"] is not None:
            start = moment(options["from"], at="from")
            until = optional_moment(options["to"], at="to") or start + AHEAD
            offers = [_offer(one) for one in search(start, until, quantity=options["free"])]
            self.write_json(offers) if options["json"] else self.write("\n".join(map(_offered, offers)) or "nothing is free")
            return
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


def _offer(one: Offer) -> dict[str, Any]:
    found = {"thing": one.resource.code, "name": one.resource.name, "start": one.start, "end": one.end}
    return found | {"free": one.free, "units": one.units, "amount": one.amount, "currency": one.currency}


def _offered(one: dict[str, Any]) -> str:
    which = f" ({', '.join(one['units'])})" if one["units"] else ""
    start = f"{one['start']:%Y-%m-%d %H:%M} UTC"
    return f"{one['thing']}: {one['name']} from {start}, {one['free']} free{which}, {one['amount']} {one['currency']}"


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
