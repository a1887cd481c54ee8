"""Unused money that goes from one account to another: a subsidiary's credit to who pays for it, a family's to one of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.command import Command
from billing.commands.common import entry, money, open_state
from billing.engine import Context, Decision
from billing.journal import Draft
from payments.events import CreditReceived, CreditSent
from payments.refunding import legs
from payments.standing import credit_of
from plans.errors import Conflict
from plans.money import plain


@dataclass(frozen=True)
class TransferCredit:
    account: str
    to: str
    amount: Decimal | None = None  # none: all of it
    currency: str = ""  # none: the account's
    reason: str = ""


def transfer_credit(context: Context, args: TransferCredit) -> Decision:
    """Give unused money of an account to another account of the same seller, in its own currency. There it is credit: it pays the next
    document, or what it is applied to."""
    state, receiver = open_state(args.account), open_state(args.to)
    if args.account == args.to:
        raise Conflict("same_account", "the credit is this account's already", at="to")
    if state.seller != receiver.seller:
        raise Conflict("other_seller", f"{args.account} buys of {state.seller}, {args.to} of {receiver.seller}", at="to")
    currency = args.currency or state.currency
    held = credit_of(state, currency)
    amount = held if args.amount is None else money(args.amount, currency)
    if amount > held or not amount:
        raise Conflict("not_enough_credit", f"the account has a credit of {plain(held)} {currency}", at="amount", credit=plain(held))
    given: dict[str, Any] = {"amount": amount, "currency": currency, "reason": args.reason}
    gone = entry(context, state, legs(ledgers.CREDIT, ledgers.TRANSFER, amount, currency))
    came = entry(context, receiver, legs(ledgers.TRANSFER, ledgers.CREDIT, amount, currency))
    sent = CreditSent(account=args.account, receiver=args.to, entry=gone, **given)
    received = CreditReceived(
        account=args.to, sender=args.account, entry=replace(came, accounting_date=gone.accounting_date), **given
    )  # both halves meet in `transfer`, on the same day
    return Decision([Draft(args.account, sent, context.at), Draft(args.to, received, context.at, context.next_address(args.account))])


def _both(args: Any) -> list[str]:
    return [args.account, args.to]


COMMANDS = (Command("transfer_credit", "Give unused money of an account to another account", TransferCredit, transfer_credit, _both),)
