"""Whether a thing is free, and what a booking of it is: looked at while its stream is locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from billing.bookings.loading import Booking, overdue_holds, overlapping, taken, thing_stream
from billing.bookings.pricing import amounts_of
from billing.bookings.slots import slots_of
from billing.engine import Context
from billing.events import BookingEnded, Event, Stay
from billing.journal import Draft
from billing.loading import policy
from plans.catalogue import Catalogue
from plans.errors import Conflict, Invalid
from plans.fields import suggestion
from plans.periods import to_local
from plans.resources import Resource

SHOW = timedelta(hours=2)  # how long a show takes where nobody says
DAY = timedelta(hours=25)  # a day may have so many
INSTANT = timedelta(microseconds=1)
MOST_NAMED = 3


@dataclass(frozen=True)
class Wish:
    """What somebody wants: so many pieces, or a named unit (or any, where none is named), from `start` until `end`."""

    start: datetime
    end: datetime | None
    quantity: int = 1
    unit: str = ""


@dataclass
class Taking:
    """One thing about to be taken. `drafts` grows: holds that are over are ended first, whoever had them."""

    context: Context
    catalogue: Catalogue
    resource: Resource
    own: Booking | None = None  # the booking that is being changed: it does not stand in its own way
    drafts: list[Draft] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for hold in overdue_holds(self.resource.code, self.context.at):
            if self.own is None or hold.id != self.own.id:
                assert hold.due is not None
                self.add(ended(hold, "expired"), at=hold.due, cause=hold.id)
                self.gone.add(hold.id)
        if self.own is not None:
            self.gone.add(self.own.id)

    def add(self, event: Event, *, at: datetime | None = None, cause: str = "") -> None:
        self.drafts.append(Draft(thing_stream(self.resource.code), event, at or self.context.at, cause))

    def stay(self, wish: Wish) -> tuple[Stay, bool]:
        """The stay, if it is free, and whether it is above the capacity. Raises Invalid, or Conflict `booked` or `full`."""
        resource = self.resource
        end = self._end(wish)
        if wish.quantity < 1:
            raise Invalid("out_of_range", f"expected 1 or more, found {wish.quantity}", at="quantity")
        if resource.starts and wish.start not in resource.starts:
            raise Invalid("unknown_start", f"{resource.name} does not begin on {self._local(wish.start)}", at="start")
        slots = slots_of(resource, wish.start, end, self.catalogue.zone)
        unit, over = (self._unit(wish, end), False) if resource.units else ("", self._fits(wish, slots))
        amounts = amounts_of(policy(), self.catalogue, resource, slots, wish.quantity, self.catalogue.zone)
        return Stay(unit=unit, quantity=wish.quantity, start=wish.start, end=end, slots=slots, amounts=amounts), over

    def _end(self, wish: Wish) -> datetime:
        end = wish.end
        if self.resource.per == "show":
            length = self.resource.length
            end = length.after(wish.start, self.catalogue.zone) if length else end or wish.start + SHOW
        if end is None:
            raise Invalid("missing_field", "say until when", at="until")
        if end <= wish.start:
            raise Invalid("out_of_range", "the booking would end before it starts", at="until")
        return end

    # --- single things

    def _unit(self, wish: Wish, end: datetime) -> str:
        units = self.resource.units
        if wish.unit and wish.unit not in units:
            raise Invalid("unknown_choice", f"{self.resource.name} has no {wish.unit!r}{suggestion(wish.unit, units)}", at="unit")
        if wish.quantity != 1:
            raise Invalid("conflict", "single things are booked one by one", at="quantity")
        held = [one for one in overlapping(self.resource.code, wish.start, end, unit=wish.unit) if one.id not in self.gone]
        busy = {one.stay.unit for one in held}
        free = [unit for unit in ([wish.unit] if wish.unit else units) if unit not in busy]
        if not free:
            raise self._taken("booked", f"{self.resource.name} {wish.unit}".strip(), held)
        return free[0]

    # --- pools

    def _fits(self, wish: Wish, slots: Sequence[datetime]) -> bool:
        """Whether it is above the capacity. Raises Conflict `full` where it is above what may be booked."""
        if wish.unit:
            raise Invalid("conflict", f"{self.resource.name} has no names; leave the unit out", at="unit")
        already = self._counted(slots)
        over = False
        for slot in slots:
            wanted = already.get(slot, 0) + wish.quantity
            if wanted > self.resource.limit:
                held = self._holders(slot)
                count = f"{already.get(slot, 0)} of {self.resource.limit} are taken, {wish.quantity} wanted"
                text = f"{self.resource.name} on {self._local(slot)}: {count}"
                raise self._taken("full", text, held)
            over = over or wanted > self.resource.capacity
        return over

    def _holders(self, slot: datetime) -> list[Booking]:
        """Who takes the slot."""
        length = DAY if self.resource.per in ("night", "day") else INSTANT
        return [one for one in overlapping(self.resource.code, slot, slot + length) if one.id not in self.gone and slot in one.stay.slots]

    def _counted(self, slots: Sequence[datetime]) -> dict[datetime, int]:
        """What is taken of each slot, without the holds that end in this command and the booking that is changed."""
        found = taken(self.resource.code, slots)
        gone = [draft.event.stay for draft in self.drafts if isinstance(draft.event, BookingEnded)]
        for stay in [*gone, *([self.own.stay] if self.own else [])]:
            for slot in stay.slots:
                if slot in found:
                    found[slot] -= stay.quantity
        return found

    def _taken(self, code: str, what: str, held: Sequence[Booking]) -> Conflict:
        """The refusal names the dates and the address of who came first, not who it is."""
        named = [f"{self._local(one.stay.start)} to {self._local(one.stay.end)} ({one.id})" for one in held[:MOST_NAMED]]
        more = f" and {len(held) - MOST_NAMED} more" if len(held) > MOST_NAMED else ""
        first = held[0] if held else None
        facts = {"booking": first.id, "start": first.stay.start.isoformat(), "end": first.stay.end.isoformat()} if first else {}
        dates = f"{', '.join(named)}{more}"
        if code == "full":
            return Conflict("full", f"{what}: {dates}", at="start", **facts)
        return Conflict("booked", f"{what} is taken: {dates}", at="start", **facts)

    def _local(self, moment: datetime) -> str:
        local = to_local(moment, self.catalogue.zone)
        return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%d %H:%M}"


def ended(booking: Booking, outcome: str, *, fee: Decimal = Decimal(0), reason: str = "", since: datetime | None = None) -> BookingEnded:
    """The event. What is freed are all its slots, or those that begin at `since` or later."""
    stay = booking.stay
    freed = stay.slots if since is None else tuple(slot for slot in stay.slots if slot >= since)
    return BookingEnded(
        thing=booking.thing,
        booking=booking.id,
        account=booking.account,
        outcome=outcome,
        stay=stay,
        freed=freed,
        fee=fee,
        currency=booking.currency,
        reason=reason,
    )
