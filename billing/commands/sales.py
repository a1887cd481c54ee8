"""Single sales, what comes back of them, and what people add or take off by hand. Goods and money move together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from billing import bulk, journal, ledgers
from billing.charged import accrual_entry
from billing.command import Command, Timed
from billing.commands.common import account_itself, account_stream, entry, find_contract, find_item, money, open_state
from billing.commands.contracts import own_price
from billing.commands.offers import kept_in_stock, offered
from billing.credit import check_may_buy
from billing.engine import Context, Decision
from billing.events import AdjustmentMade, Posting, SaleMade
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState, Contract
from billing.stock.levels import MAIN
from billing.stock.loading import Reservation, stock_stream
from billing.stock.moving import Moving, find_reservation
from billing.terms import plan_of
from plans.catalogue import Catalogue, Item
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.money import plain, round_money
from plans.periods import local_date
from plans.pricing import PRICING_FIELDS, Consumption, parse_pricing, rate


@dataclass(frozen=True)
class Sell:
    account: str
    item: str
    quantity: Decimal = Decimal(1)
    contract: str = ""
    catalogue: str = ""
    price: Mapping[str, Any] | None = None
    invoice: str = ""  # now | next_invoice; "": with the contract where there is one, else now
    attributes: Mapping[str, Any] = field(default_factory=dict)
    location: str = MAIN  # where the goods are
    reservation: str = ""  # of these goods; they are taken from where they are kept


def _sale_streams(args: Any) -> list[str]:
    """The buyer, and the goods where there is only so much of them: other sales of one item do not wait for each other."""
    return [args.account, *([stock_stream(args.item)] if kept_in_stock(args.item) else [])]


def sell(context: Context, args: Sell) -> Decision:
    """Sell an item: the charge on the buyer's account, and the goods out of stock where the item has stock; those of a reservation where it
    is named."""
    state = open_state(args.account)
    check_may_buy(state, "a sale")
    return sale(context, state, args)


def sale(context: Context, state: AccountState, args: Sell) -> Decision:
    """The events of a sale. Not asked here: whether the account may buy, because a fee is owed all the same."""
    contract, catalogue, item = _find(state, args, local_date(context.at, state.zone))
    reserved = find_reservation(args.reservation, account=args.account, item=args.item) if args.reservation else None
    if args.quantity <= 0:
        raise Invalid("out_of_range", f"expected a quantity above 0, found {args.quantity}", at="quantity")
    pricing = item.pricing
    if args.price is not None:
        own = own_price(args.price, catalogue.currency, args.item) or {}
        pricing = parse_pricing({name: own[name] for name in own if name in PRICING_FIELDS}, currency=catalogue.currency, at="price")
    if pricing is None:
        raise Invalid("missing_field", f"the item {item.code!r} has no price; give one", at="price")
    rated = rate(pricing, Consumption(quantity=args.quantity))
    address = context.next_address(args.account)
    event = SaleMade(
        account=args.account,
        contract=contract.id if contract else "",
        item=item.code,
        name=item.name,
        quantity=args.quantity,
        unit_price=plain(rated.exact / rated.exact.__class__(args.quantity)),
        amount=-rated.amount if item.owes == "us" else rated.amount,
        currency=catalogue.currency,
        supply_date=local_date(context.at, state.zone),
        tax_category=item.tax or "",
        inclusive=catalogue.tax_policy.inclusive,
        catalogue=catalogue.name,
        version=catalogue.version,
        invoice_when=_when(args.invoice, contract),
        entry=accrual_entry(
            item, -rated.amount if item.owes == "us" else rated.amount, catalogue.currency, context.at, catalogue.zone, state.seller
        ),
        steps=rated.steps,
        attributes=dict(item.attributes) | dict(args.attributes),
        unit=item.unit,
    )
    drafts = [Draft(args.account, event, context.at)]
    if item.stock:
        drafts += _taken(Moving(context, item, catalogue.currency, args.account, address), args, reserved)
    return Decision(drafts, {"sale": address})


def _taken(moving: Moving, args: Sell, reserved: Reservation | None) -> list[Draft]:
    """The goods of a sale leave the stock; a reservation ends with it, and what it held beyond the sale is free again."""
    if reserved is None:
        moving.take(args.quantity, "sold", location=args.location)
        return moving.drafts
    if args.quantity > reserved.quantity:
        message = f"{plain(reserved.quantity)} are reserved, {plain(args.quantity)} wanted"
        raise Conflict("more_than_reserved", message, at="quantity", reserved=plain(reserved.quantity))
    moving.end(reserved, "sold")
    moving.take(args.quantity, "sold", location=reserved.location, reserved_too=True)
    return moving.drafts


def _find(state: AccountState, args: Sell, on: date) -> tuple[Contract | None, Catalogue, Item]:
    """The contract that the sale goes with, the catalogue that prices it, and the item."""
    running = [contract for contract in state.contracts.values() if contract.status != "ended"]
    contract = find_contract(state, args.contract) if args.contract else (running[0] if len(running) == 1 else None)
    if contract is not None:
        terms = contract.timeline[-1].terms
        catalogue = policy().catalogue(terms.catalogue, terms.version)
        if args.item in catalogue.items or args.item in catalogue.plans[terms.plan].items:
            return contract, catalogue, find_item(catalogue, catalogue.plans[terms.plan], args.item)
    on_offer = offered(on, args.catalogue)
    holding = [found for found in on_offer if args.item in found.items]
    if len(holding) > 1:
        names = ", ".join(found.name for found in holding)
        raise Conflict("which_catalogue", f"the item {args.item!r} stands in {names}; name the catalogue", at="catalogue")
    if not holding:
        known = [code for found in on_offer for code in found.items]
        raise NotFound("unknown_item", f"there is no item {args.item!r}{suggestion(args.item, known)}", at="item")
    return (contract if args.contract else None), holding[0], find_item(holding[0], None, args.item)


def _when(asked: str, contract: Contract | None) -> str:
    if asked not in ("", "now", "next_invoice"):
        raise Invalid("unknown_choice", f"expected now or next_invoice, found {asked!r}", at="invoice")
    if asked:
        return asked
    if contract is None:
        return "now"
    return plan_of(policy(), contract.timeline[-1].terms).invoice.when


# --- what comes back --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Return:
    account: str
    item: str
    sale: str = ""
    quantity: Decimal | None = None
    reason: str = ""
    restock: bool = True  # no: the money goes back, the goods do not come
    location: str = ""  # where the goods go; "": where they were taken from


def take_back(context: Context, args: Return) -> Decision:
    """Take back what was sold (all of it, or a part): the money as a negative charge of that sale, the goods into stock."""
    state = open_state(args.account)
    recorded, sold = _sale(args)
    already = bulk.fetch(
        "SELECT coalesce(sum(-quantity), 0) FROM read_charge WHERE account = %s AND kind = 'sale' AND terms = %s",
        [args.account, recorded.address],
    )[0][0]
    left = sold.quantity - already
    quantity = left if args.quantity is None else args.quantity
    if not 0 < quantity <= left:
        raise Conflict(
            "returned_already", f"of this sale {plain(left)} can come back, not {plain(quantity)}", at="quantity", left=plain(left)
        )
    catalogue = policy().catalogue(sold.catalogue, sold.version)
    item = sold_item(catalogue, sold)
    event = given_back(context, state, recorded, quantity, -_part(sold, already, quantity))
    drafts = [Draft(args.account, event, context.at, recorded.address)]
    if item.stock and args.restock:
        moving = Moving(context, item, sold.currency, args.account, context.next_address(args.account))
        location, cost = _came_from(recorded.address, quantity, sold.currency)
        moving.receive(quantity, "returned", location=args.location or location, cost=cost, note=args.reason)
        drafts += moving.drafts
    return Decision(drafts, {"return": context.next_address(args.account)})


def given_back(context: Context, state: AccountState, recorded: journal.Recorded, quantity: Decimal, amount: Decimal) -> SaleMade:
    """The negative charge of a sale: `quantity` of it comes back, for `amount` (negative) of its money."""
    sold = recorded.event
    assert isinstance(sold, SaleMade)
    catalogue = policy().catalogue(sold.catalogue, sold.version)
    item = sold_item(catalogue, sold)
    return replace(
        sold,
        quantity=-quantity,
        amount=amount,
        entry=accrual_entry(item, amount, sold.currency, context.at, catalogue.zone, state.seller),
        steps=(),
        returns=recorded.address,
    )


def sold_item(catalogue: Catalogue, sold: SaleMade) -> Item:
    """The item as it was sold; one that no catalogue knows any more is sold alone."""
    return find_item(catalogue, None, sold.item) if sold.item in catalogue.items else Item(code=sold.item, name=sold.name, charge="sale")


def _came_from(sale: str, quantity: Decimal, currency: str) -> tuple[str, Decimal | None]:
    """The place that the goods of a sale were taken from, and what so many of them had cost; the main one where none were taken."""
    rows = bulk.fetch("SELECT location, cost, -quantity FROM read_stock_move WHERE cause = %s AND reason = 'sold'", [sale])
    if not rows:
        return MAIN, None
    location, cost, sold = rows[0]
    return location, round_money(cost * quantity / sold, currency)


def _part(sold: SaleMade, already: Decimal, quantity: Decimal) -> Decimal:
    """The money for a part of a sale; parts always add up to the sale."""
    places = -int(sold.amount.as_tuple().exponent)
    total = sold.amount
    upto = (total * (already + quantity) / sold.quantity).quantize(Decimal(1).scaleb(-places))
    before = (total * already / sold.quantity).quantize(Decimal(1).scaleb(-places))
    return upto - before


def item_of_sale(account: str, name: str) -> str:
    """The item of a sale by its id. Raises NotFound `unknown_sale`."""
    try:
        found = journal.one(*journal.split_address(name))
    except ValueError:
        found = None
    if found is None or not isinstance(found.event, SaleMade) or found.stream != account:
        raise NotFound("unknown_sale", f"the account has no sale {name!r}", at="sale")
    return found.event.item


def _sale(args: Return) -> tuple[journal.Recorded, SaleMade]:
    if args.sale:
        named = journal.one(*journal.split_address(args.sale)) if item_of_sale(args.account, args.sale) == args.item else None
        if named is None or not isinstance(named.event, SaleMade):
            raise NotFound("unknown_sale", f"the account has no sale {args.sale!r} of {args.item!r}", at="sale")
        return named, named.event
    statement = """
        SELECT sequence FROM read_charge WHERE account = %s AND kind = 'sale' AND item = %s AND quantity > 0
            ORDER BY sequence DESC LIMIT 1"""
    rows = bulk.fetch(statement, [args.account, args.item])
    found = journal.one(args.account, rows[0][0]) if rows else None
    if found is None or not isinstance(found.event, SaleMade):
        raise NotFound("unknown_sale", f"the account never bought {args.item!r}", at="item")
    return found, found.event


# --- by hand ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adjust(Timed):
    account: str
    amount: Decimal
    reason: str = field(kw_only=True)
    name: str = ""
    item: str = ""
    contract: str = ""
    currency: str = ""
    tax: str = ""
    invoice: str = ""

    def needs(self) -> frozenset[str]:
        return frozenset({"end", "payer"} if self.contract else ())


def adjust(context: Context, args: Adjust) -> Decision:
    """Charge (positive) or credit (negative) by hand, with a reason. No tick undoes it."""
    state = open_state(args.account)
    running = [contract for contract in state.contracts.values() if contract.status != "ended"]
    contract = find_contract(state, args.contract) if args.contract or len(running) == 1 else None
    currency = args.currency or (contract.currency if contract else state.currency)
    amount = money(args.amount, currency, least=None)
    if not amount:
        raise Invalid("out_of_range", "an adjustment of 0 adjusts nothing", at="amount")
    catalogue = None
    item: Item | None = None
    if contract is not None:
        terms = contract.timeline[-1].terms
        catalogue = policy().catalogue(terms.catalogue, terms.version)
        item = find_item(catalogue, catalogue.plans[terms.plan], args.item) if args.item else None
    revenue = (item.ledger if item and item.ledger else "") or f"{ledgers.REVENUE}:adjustments"
    postings = (
        Posting(ledger=ledgers.UNBILLED, amount=amount, currency=currency),
        Posting(ledger=revenue, amount=-amount, currency=currency),
    )
    event = AdjustmentMade(
        account=args.account,
        contract=contract.id if contract else "",
        item=args.item,
        name=args.name or args.reason,
        amount=amount,
        currency=currency,
        supply_date=local_date(context.at, state.zone),
        tax_category=args.tax or (item.tax if item and item.tax else ""),
        inclusive=bool(catalogue and catalogue.tax_policy.inclusive),
        reason=args.reason,
        invoice_when=_when(args.invoice, contract),
        entry=entry(context, state, postings),
        catalogue=catalogue.name if catalogue else "",
        version=catalogue.version if catalogue else 0,
    )
    return Decision([Draft(args.account, event, context.at)], {"adjustment": context.next_address(args.account)})


COMMANDS = (
    Command("sell", "Sell an item once", Sell, sell, _sale_streams, buyer=account_itself),
    Command("return", "Take back what was sold, goods and money", Return, take_back, _sale_streams),
    Command("adjust", "Charge or credit by hand, with a reason", Adjust, adjust, account_stream),
)
