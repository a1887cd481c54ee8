"""What the bank takes for itself."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing import ledgers
from billing.command import Command
from billing.commands.common import money
from billing.engine import Context, Decision
from billing.journal import Draft
from payments.commands.receipts import Receive, entry_of_suspense, opening_of, suspense_account, suspense_stream
from payments.events import BankFeeTaken
from payments.paying import cash
from payments.refunding import legs


@dataclass(frozen=True)
class BankFee:
    amount: Decimal
    currency: str = "EUR"
    reference: str = ""
    seller: str = "main"
    zone: str = "UTC"  # of the suspense account, when it is opened


def bank_fee(context: Context, args: BankFee) -> Decision:
    """Record what the bank charged. It is the seller's expense, in the books of the account `suspense-SELLER`."""
    account, amount = suspense_account(args.seller), money(args.amount, args.currency)
    like = Receive(amount=amount, currency=args.currency, seller=args.seller, zone=args.zone)
    opening = opening_of(context, like, account)
    event = BankFeeTaken(
        account=account,
        amount=amount,
        currency=args.currency,
        reference=args.reference,
        entry=entry_of_suspense(context.at, like, account, legs(ledgers.BANK_FEES, cash("transfer"), amount, args.currency)),
    )
    address = context.next_address(account, after=len(opening))
    return Decision([*opening, Draft(account, event, context.at)], {"fee": address})


COMMANDS = (Command("bank_fee", "Record what the bank charged", BankFee, bank_fee, suspense_stream),)
