"""Credit notes by hand, with the refund of what they leave; debit notes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.command import Command
from billing.commands.common import account_stream, money, open_state
from billing.commands.crediting import Crediting, parts_of_lines
from billing.commands.debiting import Debiting
from billing.engine import Context, Decision
from billing.invoicing import CreditPart, credit_parts
from billing.journal import Draft
from billing.past import find_issued
from payments.commands.refunds import of_invoice
from payments.paying import check_channel
from payments.refunding import Giving, check_settle
from payments.standing import payments_of
from plans.errors import Conflict, Invalid


@dataclass(frozen=True)
class CreditNote:
    account: str
    invoice: str
    reason: str
    amount: Decimal | None = None  # as charged: before tax that comes on top
    total: Decimal | None = None  # with tax; where rounding lets no note come to it, the least above
    lines: tuple[Any, ...] = ()  # positions from 1, or {line, amount | quantity}
    refund: bool = False  # give back what is left once nothing is open
    channel: str = ""  # of the refund; none: the payments'
    settle: str = ""


def credit_note(context: Context, args: CreditNote) -> Decision:
    """Take back an issued invoice: the whole of what is left, some of its lines, or an amount shared over its lines.

    What is open on it is taken off first; the rest is the customer's credit, or goes back with `refund: yes`. Never more than was billed.
    """
    state = open_state(args.account)
    check_settle(args.settle)
    crediting = Crediting(context, state, find_issued(args.account, args.invoice), args.reason)
    note = crediting.issue(_parts(crediting, args))
    drafts = [Draft(args.account, note, context.at)]
    made = {"credit_note": note.credit_note}
    if args.refund and note.credited:
        channel = check_channel(args.channel) if args.channel else ""
        giving = Giving(note.credited, note.currency, channel, reason=args.reason, settle=args.settle)
        payments = [one for one in payments_of(args.account) if one.currency == note.currency]
        refunds = of_invoice(context, state, note.invoice, note.credited, giving, payments, earlier=1)
        if refunds:
            made["refund"] = context.next_address(args.account, after=1)
        drafts += refunds
    return Decision(drafts, made)


def _parts(crediting: Crediting, args: CreditNote) -> list[CreditPart]:
    if sum((args.amount is not None, args.total is not None, bool(args.lines))) > 1:
        raise Invalid("conflict", "give an amount, a total, or lines: one of them", at="amount")
    currency = crediting.issued.invoice.currency
    if args.lines:
        return parts_of_lines(crediting, args.lines)
    if args.total is not None:
        return crediting.parts_worth(money(args.total, currency, at="total"))
    charged = None if args.amount is None else money(args.amount, currency)
    parts = credit_parts(crediting.standing(), crediting.invoice, charged)
    if not parts:
        raise Conflict("more_than_left", f"nothing is left to take back of {crediting.issued.invoice.number}", at="invoice")
    return parts


@dataclass(frozen=True)
class DebitNote:
    account: str
    invoice: str
    amount: Decimal  # as charged: before tax that comes on top
    reason: str
    name: str = ""  # of its line; none: the reason
    line: int | None = None  # the line of the invoice whose taxes hold; none: any, where all bear the same
    taxed: bool = True


def debit_note(context: Context, args: DebitNote) -> Decision:
    """Add to what an issued invoice said, by a document of its own at the taxes and terms of that invoice."""
    state = open_state(args.account)
    issued = find_issued(args.account, args.invoice)
    amount = money(args.amount, issued.invoice.currency)
    debiting = Debiting(context, state, issued, amount, args.name or args.reason, args.reason, args.line, args.taxed)
    drafts = [Draft(args.account, event, context.at) for event in debiting.events()]
    return Decision(drafts, {"invoice": context.next_address(args.account, after=1)})


COMMANDS = (
    Command("credit_note", "Take back an invoice, whole or in part", CreditNote, credit_note, account_stream),
    Command("debit_note", "Add to what an invoice said", DebitNote, debit_note, account_stream),
)
