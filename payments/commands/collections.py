"""Collections: what a gateway is to charge, and what it answered. The request is recorded first; `payments/calling.py` calls, and settles
by the commands here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import bulk, journal, ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import Allocation, Posting, TopUpDeclined
from billing.journal import Draft
from billing.loading import load_one
from billing.state import AccountState
from billing.wallets.commands import topped_up
from payments.allocation import find
from payments.collecting import Charged, Collectable, Money, collectable, default_methods, request, spread
from payments.commands.methods import active_method
from payments.gateway_events import CollectionAwaited, CollectionFailed, CollectionRequested, MethodGiven, PaymentCollected
from payments.gateways import choose, named
from payments.gateways.cards import card_of
from payments.paying import cash, receivable_legs, total
from payments.standing import find_row, receivable_invoices
from plans.errors import Conflict, Invalid, NotAllowed, NotFound
from plans.periods import parse_period

CLOSED = ("settled", "failed")
DECLINES = ("soft", "hard", "confirmation")


@dataclass(frozen=True)
class Collect:
    account: str
    invoices: tuple[Any, ...] = ()  # none: everything that is open
    method: str = ""  # none: the default one
    trigger: str = "asked"
    amount: Decimal | None = None  # none: all that is open on them; what is beyond it becomes the customer's credit


def collect(context: Context, args: Collect) -> Decision:
    """Have the gateway charge a payment method for open documents, in one sum, or for another amount: the oldest due first, the rest for
    the customer's credit. What the customer disputes is left out.

    Refused while a collection of one of them is under way: nothing is charged twice.
    """
    state = open_state(args.account)
    if args.trigger not in ("asked", "due", "retry"):
        raise Invalid("unknown_choice", f"expected asked, due or retry; found {args.trigger!r}", at="trigger")
    if args.amount is not None and args.amount <= 0:
        raise Invalid("out_of_range", f"expected more than 0, found {args.amount}", at="amount", above=0)
    charged = chosen_method(args.account, args.method)
    collection = context.next_address(args.account)
    event = _request(args, state, collection, charged, trigger=args.trigger)
    return Decision([Draft(args.account, event, context.at)], {"collection": collection})


def _request(args: Collect | OpenCheckout, state: AccountState, collection: str, charged: Charged, *, trigger: str) -> CollectionRequested:
    """For all that is open on the documents, or for another amount: over them in their order, the rest for the customer's credit."""
    if args.amount is None:
        return request(args.account, collection, _parts(args.account, args.invoices), charged, trigger=trigger)
    parts = _parts(args.account, args.invoices, empty=not args.invoices) if args.amount else []
    currency = parts[0].currency if parts else state.currency
    amounts = spread(parts, total := money(args.amount, currency, least=None))
    parts = [one for one in parts if one.invoice in amounts]
    return request(args.account, collection, parts, charged, trigger=trigger, amounts=amounts, total=Money(total, currency))


@dataclass(frozen=True)
class OpenCheckout:
    account: str
    invoices: tuple[Any, ...] = ()  # none: everything that is open
    amount: Decimal | None = None  # none: all that is open on them; 0: nothing is paid, the customer gives a method for later
    gateway: str = ""  # none: the one of the settings


def open_checkout(context: Context, args: OpenCheckout) -> Decision:
    """Ask the gateway for a page on which the customer pays open documents (or another amount), by a method that he gives there. Its
    address is the `url` of the collection once the gateway has answered. For the amount 0 he gives a method and pays nothing."""
    state = open_state(args.account)
    gateway = choose(args.gateway, actor=context.actor)
    if args.amount is not None and args.amount < 0:
        raise Invalid("negative", f"expected 0 or more, found {args.amount}", at="amount")
    collection = context.next_address(args.account)
    event = _request(args, state, collection, Charged(gateway), trigger="checkout")
    return Decision([Draft(args.account, event, context.at)], {"collection": collection})


@dataclass(frozen=True)
class SetUpMethod:
    account: str
    gateway_token: str  # what the gateway's page or script gave; never a card number
    gateway: str = ""  # none: the one of the settings


def set_up_method(context: Context, args: SetUpMethod) -> Decision:
    """Have the gateway make what the customer gave chargeable when he is not there. It is a collection of nothing: settled, the account has
    the method; its `url` is where the customer confirms, where the bank wants that."""
    state = open_state(args.account)
    gateway = choose(args.gateway, actor=context.actor)
    if "set_up" not in named(gateway).can:
        raise Invalid("unknown_choice", f"the gateway {gateway} sets up no methods", at="gateway")
    if gateway == "sandbox":
        card_of(args.gateway_token)
    collection = context.next_address(args.account)
    charged = Charged(gateway, customer=known_customer(args.account, gateway), token=args.gateway_token)
    total = Money(Decimal(0), state.currency)
    event = request(args.account, collection, [], charged, trigger="set_up", total=total)
    return Decision([Draft(args.account, event, context.at)], {"collection": collection})


def known_customer(account: str, gateway: str) -> str:
    """The gateway's name of the account, by the newest method that it has there; removed ones too."""
    statement = """
        SELECT customer FROM read_payment_method WHERE account = %s AND gateway = %s AND customer <> '' ORDER BY added_at DESC LIMIT 1"""
    rows = bulk.fetch(statement, [account, gateway])
    return str(rows[0][0]) if rows else ""


def chosen_method(account: str, name: str) -> Charged:
    """The method of this name, or the default one. Raises NotAllowed `no_method`, and what `active_method` raises."""
    if name:
        row = find_row("read_payment_method", "method, gateway, customer, token", account, active_method(account, name), what="method")
        return Charged(row[1], row[0], row[2], row[3])
    found = default_methods([account]).get(account)
    if found is None:
        raise NotAllowed("no_method", f"the account {account} has no payment method that could be charged; add one first", at="method")
    return found


def _parts(account: str, names: Sequence[Any], *, empty: bool = False) -> list[Collectable]:
    """Raises NotFound `unknown_invoice`, Conflict `nothing_open` (unless there may be none), `collection_running`, `currency`."""
    found = collectable([account]).get(account, [])
    if names:
        invoices = receivable_invoices(account)
        wanted = {find(str(name), invoices).id for name in names}
        found = [one for one in found if one.invoice in wanted]
    else:
        found = [one for one in found if not found or one.currency == found[0].currency]
    if not found and not empty:
        raise Conflict("nothing_open", "nothing is open that could be collected", at="invoices")
    for one in found:
        if one.running:
            message = f"{one.number or one.invoice} is being collected already: {one.running}"
            raise Conflict("collection_running", message, at="invoices", collection=one.running)
        if one.currency != found[0].currency:
            raise Conflict("currency", "documents of one currency are collected in one sum; name those of one", at="invoices")
    return found


# --- what the gateway answered ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SettleCollection:
    account: str
    collection: str = ""  # none: the newest
    reference: str = ""
    amount: Decimal | None = None  # none: what was asked for


def settle_collection(context: Context, args: SettleCollection) -> Decision:
    """The gateway has the money: it pays the documents of the collection as far as they are open; the rest is the customer's credit, or
    in the wallet where the collection tops it up.

    Said twice it counts once. Money of a collection that had failed, or of an account closed since, is recorded all the same.
    """
    state = load_one(args.account)
    asked, status = _find(args.account, args.collection)
    if status == "settled":
        return Decision([], {"collection": asked.collection})
    if not asked.amount:
        given = MethodGiven(account=args.account, collection=asked.collection, reference=args.reference)
        return Decision([Draft(args.account, given, context.at, asked.collection)], {"collection": asked.collection})
    amount = asked.amount if args.amount is None else money(args.amount, asked.currency)
    allocations = _still_open(args.account, asked.allocations, amount)
    left = amount - total(allocations)
    postings = [
        Posting(ledger=cash(asked.gateway), amount=amount, currency=asked.currency),
        *receivable_legs(allocations, asked.currency),
        Posting(ledger=ledgers.CREDIT, amount=-left, currency=asked.currency),
    ]
    payment = context.next_address(args.account)
    event = PaymentCollected(
        account=args.account,
        payment=payment,
        collection=asked.collection,
        method=asked.method,
        amount=amount,
        currency=asked.currency,
        channel=asked.gateway,
        reference=args.reference,
        allocations=allocations,
        unapplied=left,
        entry=entry(context, state, postings),
    )
    drafts = [Draft(args.account, event, context.at, asked.collection)]
    if asked.tops_up and state.status != "closed":
        lot = topped_up(context, state, amount=left, currency=asked.currency, reference=payment, after=1)
        drafts.append(Draft(args.account, lot, context.at, payment))
    return Decision(drafts, {"payment": payment})


def _still_open(account: str, wanted: Sequence[Allocation], amount: Decimal) -> tuple[Allocation, ...]:
    """What of the documents is still open, up to what the collection was for and to the amount."""
    invoices, found = receivable_invoices(account), []
    for one in wanted:
        part = min(one.amount, invoices[one.invoice].open, amount)
        if part > 0:
            found.append(Allocation(invoice=one.invoice, number=one.number, amount=part))
            amount -= part
    return tuple(found)


@dataclass(frozen=True)
class AwaitCollection:
    account: str
    collection: str = ""  # none: the newest
    waiting: str = "processing"
    reference: str = ""
    url: str = ""


def await_collection(context: Context, args: AwaitCollection) -> Decision:
    """The gateway has not decided: it is `processing`, or waits for the customer's `confirmation`. Said twice it counts once."""
    load_one(args.account)
    if args.waiting not in ("processing", "confirmation"):
        raise Invalid("unknown_choice", f"expected processing or confirmation; found {args.waiting!r}", at="waiting")
    asked, status = _find(args.account, args.collection)
    if status in (*CLOSED, args.waiting):
        return Decision([], {"collection": asked.collection})
    event = CollectionAwaited(
        account=args.account, collection=asked.collection, waiting=args.waiting, reference=args.reference, url=args.url
    )
    return Decision([Draft(args.account, event, context.at, asked.collection)])


@dataclass(frozen=True)
class FailCollection:
    account: str
    collection: str = ""  # none: the newest
    decline: str = "soft"
    code: str = ""
    message: str = ""
    reference: str = ""


def fail_collection(context: Context, args: FailCollection) -> Decision:
    """The gateway did not get the money: the documents stay open. Said of a collection that is closed it changes nothing."""
    state = load_one(args.account)
    if args.decline not in DECLINES:
        raise Invalid("unknown_choice", f"expected one of {', '.join(DECLINES)}; found {args.decline!r}", at="decline")
    asked, status = _find(args.account, args.collection)
    if status in CLOSED:
        return Decision([], {"collection": asked.collection})
    event = CollectionFailed(
        account=args.account,
        collection=asked.collection,
        amount=asked.amount,
        currency=asked.currency,
        allocations=asked.allocations,
        method=asked.method,
        gateway=asked.gateway,
        reference=args.reference,
        decline=args.decline,
        code=args.code,
        message=args.message,
        attempt=asked.attempt,
    )
    drafts = [Draft(args.account, event, context.at, asked.collection)]
    if asked.trigger == "low":
        drafts.append(Draft(args.account, _not_topped_up(state, asked, args, context.at), context.at, asked.collection))
    return Decision(drafts)


def _not_topped_up(state: AccountState, asked: CollectionRequested, args: FailCollection, at: datetime) -> TopUpDeclined:
    """The wallet stays low. What may be better tomorrow is asked for again then."""
    again = parse_period("1 day").after(at, state.zone) if args.decline == "soft" else None
    reason = args.message or args.code or "the gateway did not get the money"
    return TopUpDeclined(account=asked.account, unit=asked.tops_up, amount=asked.amount, code=args.decline, reason=reason, again=again)


def _find(account: str, name: str) -> tuple[CollectionRequested, str]:
    collection, status = find_row("read_collection", "collection, status", account, name, what="collection")
    recorded = journal.one(*journal.split_address(collection))
    if recorded is None or not isinstance(recorded.event, CollectionRequested):
        raise NotFound("unknown_thing", f"the account {account} has no collection {name}", at="collection")
    return recorded.event, status


COMMANDS = (
    Command("collect", "Have the gateway charge a payment method for open documents", Collect, collect, account_stream),
    Command("open_checkout", "Ask the gateway for a page where the customer pays", OpenCheckout, open_checkout, account_stream),
    Command("set_up_method", "Have the gateway make a payment method chargeable", SetUpMethod, set_up_method, account_stream),
    Command("settle_collection", "The gateway has the money of a collection", SettleCollection, settle_collection, account_stream),
    Command("await_collection", "The gateway has not decided about a collection", AwaitCollection, await_collection, account_stream),
    Command("fail_collection", "The gateway did not get the money of a collection", FailCollection, fail_collection, account_stream),
)
