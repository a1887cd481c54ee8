"""What the bank takes for itself, and what left the bank account for reasons that only a person knows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing import bulk, ledgers
from billing.command import Command
from billing.commands.common import money
from billing.engine import Context, Decision
from billing.journal import Draft
from billing.loading import trimmed
from payments.commands.receipts import Receive, entry_of_suspense, opening_of, suspense_account, suspense_stream
from payments.events import BankFeeTaken, BankLineExplained
from payments.paying import cash
from payments.refunding import legs
from plans.errors import Conflict, NotFound


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


@dataclass(frozen=True)
class ExplainLine:
    line: str  # of a bank statement that waits: its id, or the bank's own reference
    reason: str
    expense: bool = False  # yes: the seller's expense, paid by this line; no: it is in the books already, or is none of theirs
    seller: str = "main"


def explain_line(context: Context, args: ExplainLine) -> Decision:
    """Say what a line of a bank statement was that nobody could name: it waits no more. Raises NotFound `unknown_thing`, Conflict
    `line_done`."""
    statement = """
        SELECT line, word, amount, currency FROM bank_line WHERE seller = %s AND (line = %s OR reference = %s AND reference <> '')
        ORDER BY line <> %s"""
    rows = bulk.fetch(statement, [args.seller, args.line, args.line, args.line])
    if len(rows) != 1 and not (rows and rows[0][0] == args.line):
        raise NotFound("unknown_thing", f"the statements of {args.seller} have no line, or several, {args.line[:80]}", at="line")
    line, word, amount, currency = rows[0]
    if word != "waiting":
        raise Conflict("line_done", f"the line was taken for {word.replace('_', ' ')} already", at="line", word=word)
    account, amount = suspense_account(args.seller), trimmed(amount)
    like = Receive(amount=abs(amount), currency=currency, seller=args.seller)
    opening, entry = opening_of(context, like, account), None
    if args.expense:
        entry = entry_of_suspense(context.at, like, account, legs(ledgers.BANK_EXPENSES, cash("transfer"), -amount, currency))
    what = {"amount": amount, "currency": currency, "expense": args.expense, "reason": args.reason}
    event = BankLineExplained(account=account, line=line, entry=entry, **what)
    return Decision([*opening, Draft(account, event, context.at)], {"line": line})


COMMANDS = (
    Command("explain_line", "Say what a line of a bank statement was", ExplainLine, explain_line, suspense_stream),
    Command("bank_fee", "Record what the bank charged", BankFee, bank_fee, suspense_stream),
)
