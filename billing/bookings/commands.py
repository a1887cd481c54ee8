"""Booking a thing, holding it for a while, confirming, changing and cancelling, with fees by notice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.bookings.billing import check_refundable, fee_drafts, fee_of, later, sale_of, settled
from billing.bookings.loading import Booking, find_booking, find_resource, thing_stream
from billing.bookings.taking import Taking, Wish, ended
from billing.command import Command
from billing.commands.common import account_itself, open_state
from billing.engine import Context, Decision
from billing.events import BookingChanged, BookingConfirmed, BookingMade
from billing.journal import Draft
from billing.loading import policy
from plans.errors import Conflict, Invalid
from plans.periods import local_date, parse_period
from plans.resources import Resource


@dataclass(frozen=True)
class Book:
    account: str
    thing: str
    start: datetime
    until: datetime | None = None
    quantity: int = 1
    unit: str = ""
    hold: bool = False  # only kept for a while: `confirm_booking` makes it firm
    lasts: str = ""  # of a hold, a period; "": as the catalogue says
    name: str = ""
    reference: str = ""
    catalogue: str = ""


def book(context: Context, args: Book) -> Decision:
    """Take a thing for a time: a single one, or pieces of a pool. The sale that it bills follows at once unless it is only held."""
    state = open_state(args.account)
    catalogue, resource = find_resource(args.thing, local_date(context.at, state.zone), args.catalogue)
    taking = Taking(context, catalogue, resource)
    if resource.per != "show" and args.start < context.at and args.until is not None and args.until <= context.at:
        raise Invalid("out_of_range", "the whole time lies in the past", at="start")
    stay, over = taking.stay(Wish(args.start, args.until, args.quantity, args.unit))
    holds = args.hold or bool(args.lasts)
    sale = Decision() if holds else sale_of(context, args.account, catalogue, resource, stay)
    event = BookingMade(
        thing=resource.code,
        booking=context.next_address(thing_stream(resource.code), after=len(taking.drafts)),
        account=args.account,
        stay=stay,
        status="held" if holds else "confirmed",
        due=_until(context, args, resource, state.zone) if holds else no_show_at(resource, stay.start),
        limit=None if resource.units else resource.limit,
        overbooked=over,
        currency=catalogue.plans[resource.plan].currency if resource.plan else catalogue.currency,
        catalogue=catalogue.name,
        version=catalogue.version,
        sale=sale.made.get("sale", ""),
        name=args.name,
        reference=args.reference,
    )
    taking.add(event)
    return Decision([*taking.drafts, *sale.drafts], {"booking": event.booking} | sale.made)


def _until(context: Context, args: Book, resource: Resource, zone: str) -> datetime:
    period = parse_period(args.lasts, "lasts") if args.lasts else resource.hold
    if period is None:
        raise Invalid("missing_field", f"say how long it is held; {resource.name} has no time of its own", at="lasts")
    return period.after(context.at, zone)


def no_show_at(resource: Resource, start: datetime) -> datetime | None:
    return start + resource.no_show.after if resource.no_show else None


@dataclass(frozen=True)
class OfBooking:
    account: str
    booking: str


def booking_streams(args: Any) -> list[str]:
    """The account, and the thing that the booking's own address names."""
    stream = args.booking.rpartition("/")[0]
    return [args.account, *([stream] if stream.startswith("thing:") else [])]


def of_thing(context: Context, booking: Booking, event: Any) -> Draft:
    return Draft(thing_stream(booking.thing), event, context.at, booking.id)


def confirm_booking(context: Context, args: OfBooking) -> Decision:
    """Make a hold firm; the sale that it bills follows at once."""
    open_state(args.account)
    booking = find_booking(args.booking, account=args.account, statuses=("held",))
    catalogue = policy().catalogue(booking.catalogue, booking.version)
    sale = sale_of(context, args.account, catalogue, booking.resource, booking.stay)
    event = BookingConfirmed(
        thing=booking.thing,
        booking=booking.id,
        account=args.account,
        due=no_show_at(booking.resource, booking.stay.start),
        sale=sale.made.get("sale", ""),
    )
    return Decision([of_thing(context, booking, event), *sale.drafts], sale.made)


@dataclass(frozen=True)
class CancelBooking:
    account: str
    booking: str
    reason: str = ""
    waive: bool = False  # no fee this time; the reason says why


def cancel_booking(context: Context, args: CancelBooking) -> Decision:
    """Give a booking back. What the notice costs is kept of its price, or charged; a hold costs nothing."""
    state = open_state(args.account)
    booking = find_booking(args.booking, account=args.account, statuses=("held", "confirmed"))
    if args.waive and not args.reason:
        raise Invalid("missing_field", "say why the fee is waived", at="reason")
    free = booking.status == "held" or args.waive
    if not free:
        check_refundable(booking)
    fee = Decimal(0) if free else fee_of(booking, booking.resource.cancellation, context.at)
    money = settled(context, state, booking, fee)
    return Decision([of_thing(context, booking, ended(booking, "cancelled", fee=fee, reason=args.reason)), *money], {"fee": fee})


@dataclass(frozen=True)
class ChangeBooking:
    account: str
    booking: str
    start: datetime | None = None
    until: datetime | None = None
    quantity: int | None = None
    unit: str = ""


def change_booking(context: Context, args: ChangeBooking) -> Decision:
    """Move a booking to other times, another unit or number: what was sold is given back and sold anew, and the notice may cost a fee."""
    state = open_state(args.account)
    booking = find_booking(args.booking, account=args.account, statuses=("held", "confirmed"))
    resource, old = booking.resource, booking.stay
    catalogue = policy().catalogue(booking.catalogue, booking.version)
    wish = Wish(
        args.start or old.start,
        args.until or old.end + ((args.start or old.start) - old.start),
        old.quantity if args.quantity is None else args.quantity,
        args.unit or (old.unit if resource.units else ""),
    )
    taking = Taking(context, catalogue, resource, own=booking)
    stay, over = taking.stay(wish)
    if stay == old:
        raise Conflict("same_booking", "that is what is booked already", at="booking")
    firm = booking.status == "confirmed"
    fee = fee_of(booking, resource.change, context.at) if firm else Decimal(0)
    money, sale = _sold_anew(context, state, booking, stay, fee) if firm else ([], "")
    event = BookingChanged(
        thing=booking.thing,
        booking=booking.id,
        account=args.account,
        before=old,
        stay=stay,
        due=no_show_at(resource, stay.start) if firm else booking.due,
        limit=None if resource.units else resource.limit,
        overbooked=over,
        sale=sale,
        fee=fee,
    )
    taking.add(event, cause=booking.id)
    return Decision([*taking.drafts, *money], {"booking": booking.id})


def _sold_anew(context: Context, state: Any, booking: Booking, stay: Any, fee: Decimal) -> tuple[list[Draft], str]:
    """The drafts, and the address of the new sale."""
    catalogue = policy().catalogue(booking.catalogue, booking.version)
    money = settled(context, state, booking, Decimal(0)) if booking.sale else []
    sale = sale_of(later(context, booking.account, len(money)), booking.account, catalogue, booking.resource, stay)
    money += sale.drafts
    money += fee_drafts(later(context, booking.account, len(money)), state, booking, fee)
    return money, sale.made.get("sale", "")


COMMANDS = (
    Command("book", "Take a thing for a time", Book, book, lambda args: [args.account, thing_stream(args.thing)], buyer=account_itself),
    Command("confirm_booking", "Make a held booking firm", OfBooking, confirm_booking, booking_streams),
    Command("change_booking", "Move a booking to another time or thing", ChangeBooking, change_booking, booking_streams),
    Command("cancel_booking", "Give a booking back", CancelBooking, cancel_booking, booking_streams),
)
