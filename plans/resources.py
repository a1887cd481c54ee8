"""Things that are reserved by time, as a catalogue states them: rooms, seats of a show, vehicles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from plans.errors import Invalid
from plans.fields import Fields
from plans.notice import Fee, Step, parse_fee, parse_steps
from plans.periods import Period, parse_duration, parse_period, parse_time

Per = Literal["night", "day", "hour", "show"]
PER = ("night", "day", "hour", "show")


@dataclass(frozen=True)
class NoShow:
    """Whoever has not come `after` so long is charged the fee, and the thing is free again."""

    after: timedelta
    fee: Fee


@dataclass(frozen=True)
class Resource:
    """A pool of `capacity` equal pieces, or single things with names (`units`). A booking bills a sale of `item`, or a contract for `plan`.

    `overbooking`: pieces that may be booked above the capacity. `per`: what the price is for, and what a pool counts by.
    """

    code: str
    name: str
    per: Per = "night"
    capacity: int = 0
    units: tuple[str, ...] = ()
    overbooking: int = 0
    item: str = ""
    plan: str = ""
    hold: Period | None = None  # how long it is kept without being confirmed, where nobody says
    starts: tuple[datetime, ...] = ()  # show: the only times
    length: Period | None = None  # show: until it is over
    cancellation: tuple[Step, ...] = ()
    change: tuple[Step, ...] = ()
    no_show: NoShow | None = None
    fee_item: str = ""  # what a fee is charged as; "": of a sale that much less is given back
    refund_from: Decimal | None = None  # nothing is given back of a smaller price

    @property
    def limit(self) -> int:
        return self.capacity + self.overbooking


def read_resource(code: str, value: object, at: str, *, zone: str) -> Resource:
    """One resource. Raises Invalid with the path of the mistake."""
    fields = Fields(value, at)
    found = Resource(
        code=code,
        name=fields.text("name", code),
        per=cast(Per, fields.choice("per", PER, "night")),
        capacity=fields.integer("capacity", 0, most=1_000_000),
        units=tuple(_unit(name, path) for name, path in fields.items("units", [])),
        overbooking=fields.integer("overbooking", 0, most=1_000_000),
        item=fields.text("item", "", longest=60),
        plan=fields.text("plan", "", longest=60),
        hold=fields.read("hold", parse_period, None),
        starts=tuple(parse_time(one, zone, path) for one, path in fields.items("starts", [])),
        length=fields.read("length", parse_period, None),
        cancellation=fields.read("cancellation", parse_steps, ()),
        change=fields.read("change", parse_steps, ()),
        no_show=fields.read("no_show", _no_show, None),
        fee_item=fields.text("fee_item", "", longest=60),
        refund_from=fields.decimal("refund_from", None),
    )
    fields.text("about", None, longest=10_000)
    fields.done()
    _check(found, fields)
    return found


def _unit(name: Any, at: str) -> str:
    if isinstance(name, bool) or not isinstance(name, str | int | Decimal) or not 0 < len(str(name)) <= 60:
        raise Invalid("wrong_type", "expected the name of a single thing, at most 60 characters", at=at)
    return str(name)


def _no_show(value: object, at: str) -> NoShow:
    if not isinstance(value, Mapping):
        value = {"fee": value}
    fields = Fields(value, at)
    found = NoShow(fields.read("after", parse_duration, timedelta(days=1)), fields.read("fee", parse_fee))
    fields.done()
    if found.fee.refused:
        raise Invalid("bad_fee", "who does not come can't be refused that; say what it costs", at=at)
    return found


def _check(found: Resource, fields: Fields) -> None:
    if bool(found.units) == bool(found.capacity):
        raise Invalid(
            "missing_field", "say either the capacity of a pool, or the names of single things as `units`", at=fields.path("capacity")
        )
    if len(set(found.units)) < len(found.units):
        raise Invalid("conflict", "a name stands there twice", at=fields.path("units"))
    if found.units and found.overbooking:
        raise Invalid("conflict", "a single thing can't be overbooked", at=fields.path("overbooking"))
    if found.item and found.plan:
        raise Invalid("conflict", "a booking bills an item or a plan, not both", at=fields.path("plan"))
    if (found.starts or found.length) and found.per != "show":
        raise Invalid("conflict", "`starts` and `length` are of shows: say `per: show`", at=fields.path("per"))
    has_fees = bool(found.cancellation or found.change or found.no_show)
    if has_fees and not found.item and not found.fee_item:
        raise Invalid("missing_field", "say as which item a fee is charged", at=fields.path("fee_item"))
