"""Guests come, leave, or do not show up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.bookings.billing import amount_of, fee_drafts, settled
from billing.bookings.commands import OfBooking, booking_streams, of_thing
from billing.bookings.loading import Booking, find_booking
from billing.bookings.taking import ended
from billing.command import Command
from billing.commands.common import open_state
from billing.commands.contracts import Cancel, Subscribe, cancel, subscribe
from billing.engine import Context, Decision
from billing.events import BookingStarted
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState
from plans.errors import Conflict, NotAllowed
from plans.notice import Fee
from plans.periods import day_start, local_date

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class CheckIn:
    account: str
    booking: str
    items: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


def check_in(context: Context, args: CheckIn) -> Decision:
    """The guest is there: the contract that bills the stay is signed from now until the booking's end, with its catalogue."""
    open_state(args.account)
    booking = find_booking(args.booking, account=args.account, statuses=("confirmed",))
    if not booking.stay.start.date() <= context.at.date() or context.at >= booking.stay.end:
        until = f"{booking.stay.start:%Y-%m-%d %H:%M} to {booking.stay.end:%Y-%m-%d %H:%M} UTC"
        raise Conflict("not_the_time", f"the booking {booking.id} is for {until}", at="booking")
    signed = Decision()
    if booking.resource.plan:
        wanted = Subscribe(
            account=args.account,
            plan=booking.resource.plan,
            catalogue=booking.catalogue,
            version=booking.version,
            until=booking.stay.end,
            quantity=None if booking.stay.quantity == 1 else Decimal(booking.stay.quantity),
            items=args.items,
            attributes=args.attributes,
            subject=booking.id,
            name=booking.name,
        )
        signed = subscribe(context, wanted)
    event = BookingStarted(thing=booking.thing, booking=booking.id, account=args.account, contract=signed.made.get("contract", ""))
    return Decision([of_thing(context, booking, event), *signed.drafts], signed.made)


def check_out(context: Context, args: OfBooking) -> Decision:
    """The guest leaves: nights that have not begun are free again, and the contract ends now where it would have run on."""
    open_state(args.account)
    booking = find_booking(args.booking, account=args.account, statuses=("started",))
    drafts = [of_thing(context, booking, ended(booking, "completed", since=_free_from(context, booking)))]
    if booking.contract and context.at < booking.stay.end:
        drafts += cancel(context, Cancel(account=args.account, contract=booking.contract, reason="left early")).drafts
    return Decision(drafts)


def _free_from(context: Context, booking: Booking) -> datetime:
    """From when others may have it: the night of the day of departure is free, the first night never."""
    if booking.resource.per != "night":
        return context.at
    zone = policy().catalogue(booking.catalogue, booking.version).zone
    today = day_start(local_date(context.at, zone), zone)
    return max(today, booking.stay.slots[0] + INSTANT)


def no_show(context: Context, args: OfBooking) -> Decision:
    """Nobody came: the fee of the catalogue is charged, or kept of what was paid, and the thing is free again."""
    state = open_state(args.account)
    booking = find_booking(args.booking, account=args.account, statuses=("confirmed",))
    if context.at < booking.stay.start:
        raise NotAllowed("not_the_time", f"the booking begins on {booking.stay.start:%Y-%m-%d %H:%M} UTC", at="booking")
    return Decision(absent(context, state, booking))


def absent(context: Context, state: AccountState, booking: Booking) -> list[Draft]:
    """The end of a booking whose guest did not come. Without terms for that, what was sold stays sold."""
    terms = booking.resource.no_show
    fee = amount_of(booking, terms.fee if terms else Fee())
    if terms is None:
        money: list[Draft] = []
    elif booking.sale:
        money = settled(context, state, booking, fee)
    else:
        money = fee_drafts(context, state, booking, fee)
    return [of_thing(context, booking, ended(booking, "no_show", fee=fee)), *money]


COMMANDS = (
    Command("check_in", "The guest of a booking is there", CheckIn, check_in, booking_streams),
    Command("check_out", "The guest of a booking leaves", OfBooking, check_out, booking_streams),
    Command("no_show", "The guest of a booking did not come", OfBooking, no_show, booking_streams),
)
