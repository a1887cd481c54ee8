"""Goods that come in, are moved, counted, written off and reserved. Sales take them: billing/commands/sales.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.command import Command
from billing.commands.common import money, open_state
from billing.commands.offers import offered
from billing.engine import Context, Decision
from billing.stock.levels import MAIN
from billing.stock.loading import stock_stream
from billing.stock.moving import Moving, find_reservation
from plans.catalogue import Catalogue, Item
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.periods import local_date, parse_period

PLACES = 6  # decimals of a quantity


def find_goods(code: str, catalogue: str, on: date) -> tuple[Catalogue, Item]:
    """An item that some catalogue keeps in stock. Raises NotFound `unknown_item`, Invalid `no_stock`."""
    on_offer = offered(on, catalogue)
    holding = [found for found in on_offer if code in found.items]
    if not holding:
        known = [name for found in on_offer for name in found.items]
        raise NotFound("unknown_item", f"there is no item {code!r}{suggestion(code, known)}", at="item")
    found = next((one for one in holding if one.items[code].stock), holding[0])
    item = found.items[code]
    if not item.stock:
        raise Invalid("no_stock", f"{item.name} is not kept in stock; say `stock: true` in the catalogue", at="item")
    return found, item


def check_place(location: str, at: str = "location") -> str:
    if not location.strip() or len(location) > 60:
        raise Invalid("out_of_range", "expected the name of a place, at most 60 characters", at=at)
    return location


def check_quantity(quantity: Decimal, *, least: Decimal = Decimal(0), at: str = "quantity") -> Decimal:
    if quantity <= least or quantity != round(quantity, PLACES):
        raise Invalid("out_of_range", f"expected more than {least} with at most {PLACES} decimals, found {quantity}", at=at)
    return quantity


def _moving(context: Context, args: Any, *, account: str = "") -> Moving:
    catalogue, item = find_goods(args.item, args.catalogue, local_date(context.at, "UTC"))
    return Moving(context, item, catalogue.currency, account)


def _item_stream(args: Any) -> list[str]:
    return [stock_stream(args.item)]


@dataclass(frozen=True)
class Restock:
    item: str
    quantity: Decimal
    reason: str = "purchase"
    catalogue: str = ""
    location: str = MAIN
    cost: Decimal | None = None  # of all of it, in the catalogue's currency


def restock(context: Context, args: Restock) -> Decision:
    """Bring goods in, with what they cost; or take them out with a negative quantity (breakage, a gift)."""
    moving = _moving(context, args)
    check_place(args.location)
    check_quantity(abs(args.quantity))
    if args.quantity > 0:
        cost = None if args.cost is None else money(args.cost, moving.currency, at="cost", least=Decimal(-1))
        if cost is not None and cost < 0:
            raise Invalid("negative", "the cost is negative", at="cost")
        moving.receive(args.quantity, args.reason, location=args.location, cost=cost)
    else:
        moving.take(-args.quantity, args.reason, location=args.location)
    return Decision(moving.drafts)


@dataclass(frozen=True)
class WriteOffStock:
    item: str
    quantity: Decimal
    reason: str
    location: str = MAIN
    catalogue: str = ""


def write_off_stock(context: Context, args: WriteOffStock) -> Decision:
    """Take broken, lost or spoilt goods out, with a reason. What is reserved can't be written off: release it first, or count the stock."""
    moving = _moving(context, args)
    moving.take(check_quantity(args.quantity), "written_off", location=check_place(args.location), note=args.reason)
    return Decision(moving.drafts)


@dataclass(frozen=True)
class Stocktake:
    item: str
    counted: Decimal
    reason: str = ""
    location: str = MAIN
    catalogue: str = ""


def stocktake(context: Context, args: Stocktake) -> Decision:
    """Record what was counted at a place. The difference is a movement of its own, also when it is 0."""
    moving = _moving(context, args)
    check_quantity(args.counted, least=Decimal(-1), at="counted")
    if args.counted < 0:
        raise Invalid("negative", "less than nothing can't be there", at="counted")
    moving.counted(args.counted, location=check_place(args.location), note=args.reason)
    return Decision(moving.drafts)


@dataclass(frozen=True)
class TransferStock:
    item: str
    quantity: Decimal
    target: str
    source: str = MAIN
    reason: str = ""
    catalogue: str = ""


def transfer_stock(context: Context, args: TransferStock) -> Decision:
    """Bring goods from one place to another, at what they had cost."""
    moving = _moving(context, args)
    check_place(args.source, "source")
    check_place(args.target, "target")
    if args.source == args.target:
        raise Invalid("conflict", f"the goods are at {args.source} already", at="target")
    quantity = check_quantity(args.quantity)
    worth = moving.take(quantity, "transfer", location=args.source, note=args.reason or f"to {args.target}")
    moving.receive(quantity, "transfer", location=args.target, cost=worth, note=args.reason or f"from {args.source}")
    return Decision(moving.drafts)


@dataclass(frozen=True)
class ReserveStock:
    account: str
    item: str
    quantity: Decimal = Decimal(1)
    location: str = MAIN
    expires: datetime | None = None
    lasts: str = ""  # a period, in place of `expires`
    reference: str = ""
    catalogue: str = ""


def reserve_stock(context: Context, args: ReserveStock) -> Decision:
    """Keep goods for an account until they are sold to it (`sell` names the reservation), released, or the time is over."""
    state = open_state(args.account)
    expires = args.expires
    if args.lasts:
        if expires is not None:
            raise Invalid("conflict", "give either the end or how long it lasts", at="lasts")
        expires = parse_period(args.lasts, "lasts").after(context.at, state.zone)
    if expires is not None and expires <= context.at:
        raise Invalid("out_of_range", "the reservation would end before it starts", at="expires")
    moving = _moving(context, args, account=args.account)
    quantity, place = check_quantity(args.quantity), check_place(args.location)
    return Decision(moving.drafts, {"reservation": moving.reserve(quantity, location=place, expires=expires, reference=args.reference)})


@dataclass(frozen=True)
class ReleaseStock:
    account: str
    reservation: str
    catalogue: str = ""


def _reserved_streams(args: Any) -> list[str]:
    """The account, and the goods that the reservation's own address names."""
    stream = args.reservation.rpartition("/")[0]
    return [args.account, *([stream] if stream.startswith("stock:") else [])]


def release_stock(context: Context, args: ReleaseStock) -> Decision:
    """Give up a reservation: others may have the goods."""
    open_state(args.account)
    reservation = find_reservation(args.reservation, account=args.account)
    catalogue, item = find_goods(reservation.item, args.catalogue, local_date(context.at, "UTC"))
    moving = Moving(context, item, catalogue.currency, args.account, reservation.id)
    moving.end(reservation, "released")
    return Decision(moving.drafts)


COMMANDS = (
    Command("restock", "Bring goods into stock, or take them out", Restock, restock, _item_stream),
    Command("write_off_stock", "Take broken or lost goods out of stock", WriteOffStock, write_off_stock, _item_stream),
    Command("stocktake", "Record what was counted in stock", Stocktake, stocktake, _item_stream),
    Command("transfer_stock", "Bring goods from one place to another", TransferStock, transfer_stock, _item_stream),
    Command(
        "reserve_stock",
        "Keep goods for an account",
        ReserveStock,
        reserve_stock,
        lambda args: [args.account, stock_stream(args.item)],
    ),
    Command("release_stock", "Give up a reservation of goods", ReleaseStock, release_stock, _reserved_streams),
)
