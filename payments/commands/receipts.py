"""Money whose payer is not known: put aside in the seller's suspense account, and given to an account when it is identified."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.command import Command
from billing.commands.common import entry, money, open_state
from billing.engine import Context, Decision
from billing.events import AccountOpened, Entry, Place, Posting
from billing.journal import Draft
from billing.loading import load
from billing.state import AccountState
from payments.events import PaymentIdentified, ReceiptIdentified, ReceiptPutAside
from payments.paying import cash, check_channel, receivable_legs, share_out
from payments.refunding import legs
from payments.settlement.early import paid_early
from payments.standing import find_row
from plans.errors import Conflict
from plans.money import decimals, plain
from plans.periods import local_date, zone_of

ZERO = Decimal(0)


def suspense_account(seller: str) -> str:
    """The account that holds the seller's money without a payer. It is opened with its first receipt."""
    return f"suspense-{seller}"


@dataclass(frozen=True)
class Receive:
    amount: Decimal
    currency: str = "EUR"
    channel: str = "transfer"
    reference: str = ""
    seller: str = "main"
    zone: str = "UTC"  # of the suspense account, when it is opened


def suspense_stream(args: Any) -> list[str]:
    return [suspense_account(args.seller)]


def receive(context: Context, args: Receive) -> Decision:
    """Take money whose payer is not known. It waits in the account `suspense-SELLER` until `identify` says whose it is."""
    account = suspense_account(args.seller)
    decimals(args.currency, at="currency")
    amount, channel = money(args.amount, args.currency), check_channel(args.channel)
    opening = opening_of(context, args, account)
    receipt = context.next_address(account, after=len(opening))
    event = ReceiptPutAside(
        account=account,
        receipt=receipt,
        amount=amount,
        currency=args.currency,
        channel=channel,
        reference=args.reference,
        entry=entry_of_suspense(context.at, args, account, legs(cash(channel), ledgers.UNIDENTIFIED, amount, args.currency)),
    )
    return Decision([*opening, Draft(account, event, context.at)], {"receipt": receipt})


def opening_of(context: Context, args: Receive, account: str) -> list[Draft]:
    if context.heads[account].sequence:
        return []
    zone_of(args.zone, at="zone")
    event = AccountOpened(
        account=account, seller=args.seller, currency=args.currency, zone=args.zone, locale="en", place=Place(), external_id=""
    )
    return [Draft(account, event, context.at)]


def entry_of_suspense(at: datetime, args: Receive, account: str, postings: list[Posting]) -> Entry:
    """The entry on the day of the suspense account, which may only be about to be opened."""
    states = load([account])
    zone = states[account].zone if account in states else args.zone
    return Entry(accounting_date=local_date(at, zone), postings=tuple(postings), seller=args.seller)


# --- identified -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identify:
    account: str
    receipt: str  # its id, its reference, or its position among the seller's receipts
    amount: Decimal | None = None  # none: all of it
    invoices: tuple[Any, ...] = ()
    seller: str = "main"


def _identify_streams(args: Any) -> list[str]:
    return [args.account, suspense_account(args.seller)]


def identify(context: Context, args: Identify) -> Decision:
    """Say whose a receipt is: it becomes that account's payment, for the invoices named, else oldest due first; the rest is credit."""
    state = open_state(args.account)
    if args.seller != state.seller:
        raise Conflict("other_seller", f"the account {args.account} is billed by {state.seller}, not by {args.seller}", at="seller")
    suspense = suspense_account(args.seller)
    receipt, left, currency, channel, reference, received = _find(suspense, args.receipt)
    amount = left if args.amount is None else money(args.amount, currency)
    if amount > left or not amount:
        raise Conflict("more_than_left", f"{plain(left)} {currency} of the receipt {receipt} is left", at="amount", left=plain(left))
    early = paid_early(context, state, amount, currency, args.invoices, day=local_date(received, state.zone))
    allocations, unused = share_out(args.account, amount, currency, args.invoices, less=early.less)
    payment = context.next_address(args.account, after=len(early.notes))
    event = PaymentIdentified(
        account=args.account,
        payment=payment,
        receipt=receipt,
        amount=amount,
        currency=currency,
        channel=channel,
        reference=reference,
        allocations=allocations,
        unapplied=unused,
        entry=entry(
            context,
            state,
            [
                Posting(ledger=ledgers.TRANSFER, amount=amount, currency=currency),
                *receivable_legs(allocations, currency),
                Posting(ledger=ledgers.CREDIT, amount=-unused, currency=currency),
            ],
        ),
    )
    gone = _gone(context, load([suspense])[suspense], event)
    paying = [*(Draft(args.account, note, context.at, receipt) for note in early.notes), Draft(args.account, event, context.at, receipt)]
    return Decision([Draft(suspense, gone, context.at), *paying], {"payment": payment})


def _gone(context: Context, suspense: AccountState, event: PaymentIdentified) -> ReceiptIdentified:
    """The other half, in the suspense account: both halves meet in `transfer`, on the same day."""
    half = entry(context, suspense, legs(ledgers.UNIDENTIFIED, ledgers.TRANSFER, event.amount, event.currency))
    return ReceiptIdentified(
        account=suspense.account,
        receipt=event.receipt,
        amount=event.amount,
        currency=event.currency,
        payer=event.account,
        payment=event.payment,
        entry=replace(half, accounting_date=event.entry.accounting_date),
    )


def _find(suspense: str, name: str) -> tuple[Any, ...]:
    return find_row("read_receipt", 'receipt, "left", currency, channel, reference, received_at', suspense, name, what="receipt", also=4)


COMMANDS = (
    Command("receive", "Take money whose payer is not known", Receive, receive, suspense_stream),
    Command("identify", "Say whose a receipt is", Identify, identify, _identify_streams),
)
