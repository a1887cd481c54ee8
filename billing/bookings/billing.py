"""What a booking bills: a sale at once, a fee, or less given back. All by the ordinary sale."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from billing import journal
from billing.bookings.loading import Booking
from billing.commands.sales import Sell, given_back, sale, sell
from billing.engine import Context, Decision
from billing.events import SaleMade, Stay
from billing.journal import Draft, Head
from billing.state import AccountState
from plans.catalogue import Catalogue
from plans.errors import NotAllowed
from plans.money import decimals, plain
from plans.notice import Fee, Step, fee_for
from plans.resources import Resource

ZERO = Decimal(0)


def later(context: Context, account: str, events: int) -> Context:
    """The context of what follows `events` events of the same command on the account."""
    head = context.heads[account]
    return replace(context, heads={**context.heads, account: Head(sequence=head.sequence + events, hash=head.hash)})


def sale_of(context: Context, account: str, catalogue: Catalogue, resource: Resource, stay: Stay) -> Decision:
    """The sale that bills the whole stay; nothing where the booking bills by a contract, or not at all."""
    if not resource.item:
        return Decision()
    quantity = Decimal(stay.quantity * len(stay.slots))
    return sell(context, Sell(account=account, item=resource.item, quantity=quantity, catalogue=catalogue.name))


def fee_of(booking: Booking, steps: tuple[Step, ...], at: datetime) -> Decimal:
    """The fee for a change of mind at that moment. Raises NotAllowed `too_late`."""
    return amount_of(booking, fee_for(steps, booking.stay.start - at))


def check_refundable(booking: Booking) -> None:
    """Raises NotAllowed `not_refundable` for what is too cheap to give back."""
    least, price = booking.resource.refund_from, sum(booking.stay.amounts, ZERO)
    if least is not None and price < least:
        places = decimals(booking.currency)
        message = f"nothing is given back of less than {plain(least, places)} {booking.currency}; it cost {plain(price, places)}"
        raise NotAllowed("not_refundable", message, at="booking")


def amount_of(booking: Booking, fee: Fee) -> Decimal:
    return fee.of(booking.stay.amounts, booking.currency)


def settled(context: Context, state: AccountState, booking: Booking, fee: Decimal) -> list[Draft]:
    """The money of a booking that ends: what was sold is given back but for the fee, or wholly with the fee as an item of its own."""
    resource = booking.resource
    given: list[Draft] = []
    if booking.sale:
        recorded = journal.one(*journal.split_address(booking.sale))
        assert recorded is not None
        assert isinstance(recorded.event, SaleMade)
        sold = recorded.event
        back = sold.amount if resource.fee_item else max(sold.amount - fee, ZERO)
        if back:
            given.append(Draft(state.account, given_back(context, state, recorded, sold.quantity, -back), context.at, recorded.address))
    if fee and (resource.fee_item or not booking.sale):
        given += fee_drafts(later(context, state.account, len(given)), state, booking, fee)
    return given


def fee_drafts(context: Context, state: AccountState, booking: Booking, fee: Decimal) -> list[Draft]:
    resource = booking.resource
    if not fee or not resource.fee_item:
        return []
    price = {"price": {"model": "flat", "amount": plain(fee)}}
    return sale(context, state, Sell(account=booking.account, item=resource.fee_item, price=price, catalogue=booking.catalogue)).drafts
