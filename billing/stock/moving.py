"""The events of one command that moves goods of one item: each sees what the ones before it left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from billing.engine import Context
from billing.events import Event, StockLow, StockMoved, StockReservationEnded, StockReserved
from billing.journal import Draft
from billing.stock.levels import MAIN, Level, falls_below
from billing.stock.loading import Reservation, last_move, level_at, load_levels, load_reservation, open_reservations, stock_stream
from plans.catalogue import Item
from plans.errors import Conflict, NotFound
from plans.money import plain

ZERO = Decimal(0)


@dataclass
class Moving:
    """One item about to be moved. Its stream is locked. `drafts` grows."""

    context: Context
    item: Item
    currency: str
    account: str = ""
    cause: str = ""
    drafts: list[Draft] = field(default_factory=list)
    levels: dict[str, Level] = field(default_factory=dict)

    def at(self, location: str) -> Level:
        if location not in self.levels:
            self.levels[location] = level_at(self.item, self.item.code, location)
            self._end_overdue(location)
        return self.levels[location]

    def _end_overdue(self, location: str) -> None:
        """Reservations whose time is over end first, whoever had them: the clockwork may not have come to their accounts yet."""
        for one in open_reservations(item=self.item.code):
            if one.location == location and one.expires is not None and self._is_over(one):
                before = self.levels[location]
                after = self.levels[location] = replace(before, reserved=before.reserved - one.quantity)
                self.drafts.append(Draft(stock_stream(self.item.code), ended(one, after, "expired"), one.expires, one.id))

    def _is_over(self, one: Reservation) -> bool:
        return one.expires is not None and one.expires <= self.context.at

    def receive(self, quantity: Decimal, reason: str, *, location: str = MAIN, cost: Decimal | None = None, note: str = "") -> None:
        """Goods come in; `cost` is what they cost in all, where it is known."""
        after, worth = self.at(location).received(quantity, cost, self.currency)
        self._moved(location, after, quantity, worth, reason, note)

    def take(self, quantity: Decimal, reason: str, *, location: str = MAIN, note: str = "", reserved_too: bool = False) -> Decimal:
        """Goods go out, and what they had cost is the answer. What is reserved stays, unless `reserved_too`.

        Raises Conflict `out_of_stock` or `stock_reserved`.
        """
        before = self.at(location)
        if quantity > before.level:
            raise self._out_of_stock(before, quantity)
        if quantity > before.free and not reserved_too:
            raise self._all_reserved(before, quantity)
        after, worth = before.taken(quantity, self.currency)
        self._moved(location, after, -quantity, worth, reason, note)
        return worth

    def counted(self, quantity: Decimal, *, location: str, note: str) -> None:
        """A stocktake: what is there is `quantity`, whatever was thought."""
        before = self.at(location)
        if quantity >= before.level:
            self.receive(quantity - before.level, "stocktake", location=location, note=note)
        else:
            self.take(before.level - quantity, "stocktake", location=location, note=note, reserved_too=True)

    def _moved(self, location: str, after: Level, quantity: Decimal, cost: Decimal, reason: str, note: str) -> None:
        event = StockMoved(
            item=self.item.code,
            quantity=quantity,
            level=after.level,
            reason=reason,
            account=self.account,
            location=location,
            cost=cost,
            value=after.value,
            unit_cost=after.unit_cost,
            currency=self.currency,
            note=note,
        )
        self._add(event, after)

    def _add(self, event: Event, after: Level) -> None:
        before, minimum = self.at(after.location), self.item.stock_minimum
        self.drafts.append(Draft(stock_stream(self.item.code), event, self.context.at, self.cause))
        self.levels[after.location] = after
        if minimum is not None and falls_below(before, after, minimum):
            low = StockLow(item=self.item.code, location=after.location, free=after.free, minimum=minimum)
            self.drafts.append(Draft(stock_stream(self.item.code), low, self.context.at, self.cause))

    # --- reservations

    def reserve(self, quantity: Decimal, *, location: str, expires: datetime | None, reference: str) -> str:
        """Keep goods for the account; answers the reservation's id. Raises Conflict `out_of_stock` or `stock_reserved`."""
        before = self.at(location)
        if quantity > before.level:
            raise self._out_of_stock(before, quantity)
        if quantity > before.free:
            raise self._all_reserved(before, quantity)
        after = replace(before, reserved=before.reserved + quantity)
        name = self.context.next_address(stock_stream(self.item.code), after=len(self.drafts))
        event = StockReserved(
            item=self.item.code,
            location=location,
            reservation=name,
            account=self.account,
            quantity=quantity,
            level=after.level,
            reserved=after.reserved,
            expires=expires,
            reference=reference,
        )
        self._add(event, after)
        return name

    def end(self, reservation: Reservation, outcome: str) -> None:
        before = self.at(reservation.location)
        after = replace(before, reserved=before.reserved - reservation.quantity)
        self._add(ended(reservation, after, outcome), after)

    # --- refusals

    def _out_of_stock(self, level: Level, wanted: Decimal) -> Conflict:
        elsewhere = [f"{plain(one.free)} at {one.location}" for one in load_levels(level.item).values() if one.free > 0]
        others = [text for text in elsewhere if not text.endswith(f" at {level.location}")]
        last = last_move(level.item, level.location)
        went = f"; the last went on {last[1]:%Y-%m-%d %H:%M} UTC ({last[0]})" if last else ""
        message = f"{self.item.name}: {plain(level.level)} left at {level.location}, {plain(wanted)} wanted{went}"
        if others:
            message += f"; there are {', '.join(others)}"
        facts = {"level": plain(level.level), "item": level.item, "location": level.location, "event": last[0] if last else ""}
        return Conflict("out_of_stock", message, at="quantity", **facts)

    def _all_reserved(self, level: Level, wanted: Decimal) -> Conflict:
        """Who waits is not said: a date and an address are enough to look it up."""
        held = open_reservations(item=level.item)
        first = next((one for one in held if one.location == level.location and not self._is_over(one)), None)
        until = f"until {first.expires:%Y-%m-%d %H:%M} UTC" if first and first.expires else "without an end"
        named = f", the first {until} ({first.id})" if first else ""
        told = f"{self.item.name}: {plain(level.level)} at {level.location}, {plain(level.reserved)} of them reserved{named}"
        facts = {"level": plain(level.level), "free": plain(level.free), "item": level.item, "reservation": first.id if first else ""}
        return Conflict("stock_reserved", f"{told}; {plain(max(level.free, ZERO))} free, {plain(wanted)} wanted", at="quantity", **facts)


def ended(reservation: Reservation, after: Level, outcome: str) -> StockReservationEnded:
    return StockReservationEnded(
        item=reservation.item,
        location=reservation.location,
        reservation=reservation.id,
        account=reservation.account,
        quantity=reservation.quantity,
        reserved=after.reserved,
        outcome=outcome,
    )


def find_reservation(name: str, *, account: str, item: str = "") -> Reservation:
    """An open reservation of the account. Raises NotFound `unknown_reservation`, Conflict `reservation_ended`."""
    found = load_reservation(name)
    if found is None or found.account != account or (item and found.item != item):
        raise NotFound("unknown_reservation", f"the account has no such reservation {name!r}", at="reservation")
    if found.status != "open":
        raise Conflict("reservation_ended", f"the reservation {name} was {found.status}", at="reservation", status=found.status)
    return found
