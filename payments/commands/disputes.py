"""Billing disputes: the customer does not agree to a part of a document. Only that part is held, until it is credited or due again."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream, money, open_state
from billing.commands.crediting import Crediting, parts_of_lines
from billing.engine import Context, Decision
from billing.events import CreditNoteIssued, HoldReleased, InvoiceHeld
from billing.journal import Draft
from billing.loading import trimmed
from billing.past import find_issued
from billing.state import AccountState
from payments.allocation import find
from payments.standing import find_row, receivable_invoices
from plans.errors import Conflict, Invalid
from plans.money import plain

ZERO = Decimal(0)
OUTCOMES = ("upheld", "rejected")


@dataclass(frozen=True)
class DisputeInvoice:
    account: str
    invoice: str
    reason: str
    amount: Decimal | None = None  # with tax; none: all that is open
    lines: tuple[Any, ...] = ()  # positions from 1


def dispute(context: Context, args: DisputeInvoice) -> Decision:
    """Hold the part of a document that the customer disputes: an amount, some lines, or all that is open on it.

    The held part is still owed, but not overdue and not to be collected. Only what is open can be held.
    """
    state = open_state(args.account)
    invoice = find(args.invoice, receivable_invoices(args.account))
    if args.amount is not None and args.lines:
        raise Invalid("conflict", "give an amount or lines, not both", at="amount")
    held = trimmed(bulk.fetch("SELECT held FROM read_invoice WHERE invoice = %s", [invoice.id])[0][0])
    free = max(ZERO, invoice.open - held)
    if not free:
        what = "nothing is open" if not held else "all that is open is disputed"
        raise Conflict("nothing_open", f"{what} on {invoice.number or invoice.id}", at="invoice", number=invoice.number)
    amount = free if args.amount is None else money(args.amount, invoice.currency)
    positions: tuple[int, ...] = ()
    if args.lines:
        crediting = Crediting(context, state, find_issued(args.account, invoice.id), args.reason)
        parts = parts_of_lines(crediting, args.lines)
        positions = tuple(part.position for part in parts)
        amount = min(free, crediting.note(parts).total)
    if amount > free:
        message = f"{plain(free)} of {invoice.number or invoice.id} is open and not disputed yet, not {plain(amount)}"
        facts = {"open": plain(free), "currency": invoice.currency, "number": invoice.number}
        raise Conflict("more_than_open", message, at="amount", **facts)
    hold = context.next_address(args.account)
    event = InvoiceHeld(
        account=args.account,
        hold=hold,
        invoice=invoice.id,
        number=invoice.number,
        amount=amount,
        currency=invoice.currency,
        lines=positions,
        reason=args.reason,
    )
    return Decision([Draft(args.account, event, context.at)], {"dispute": hold})


@dataclass(frozen=True)
class ResolveDispute:
    account: str
    outcome: str
    dispute: str = ""  # none: the newest
    amount: Decimal | None = None  # upheld in part: what is credited of it, with tax
    reason: str = ""


def resolve_dispute(context: Context, args: ResolveDispute) -> Decision:
    """End a billing dispute: `upheld` credits the disputed lines or amount (or a part of it), `rejected` lets it be due as before."""
    state = open_state(args.account)
    if args.outcome not in OUTCOMES:
        raise Invalid("unknown_choice", f"expected upheld or rejected; found {args.outcome!r}", at="outcome")
    if args.amount is not None and args.outcome == "rejected":
        raise Invalid("conflict", "an amount is credited only where the dispute is upheld", at="amount")
    columns = "hold, status, invoice, number, amount, currency, lines::text, reason"
    hold, status, invoice, number, amount, currency, lines, reason = find_row(
        "read_hold", columns, args.account, args.dispute, what="dispute"
    )
    if status != "open":
        raise Conflict("dispute_closed", f"the dispute {hold} was {status}", at="dispute", status=status)
    released = HoldReleased(
        account=args.account,
        hold=hold,
        invoice=invoice,
        number=number,
        amount=amount,
        currency=currency,
        outcome=args.outcome,
        reason=args.reason,
    )
    drafts, made = [Draft(args.account, released, context.at, hold)], {}
    if args.outcome == "upheld":
        positions = [str(line) for line in lines.strip("[]").split(",") if line]
        held = Held(invoice, amount, () if args.amount is not None else tuple(positions))
        note = _credited(context, state, held, args.amount, args.reason or reason)
        drafts.append(Draft(args.account, note, context.at, hold))
        made["credit_note"] = note.credit_note
    return Decision(drafts, made)


@dataclass(frozen=True)
class Held:
    invoice: str
    amount: Decimal
    lines: tuple[str, ...]


def _credited(context: Context, state: AccountState, held: Held, asked: Decimal | None, reason: str) -> CreditNoteIssued:
    """The credit note of an upheld dispute: its lines, or its amount or the part asked."""
    crediting = Crediting(context, state, find_issued(state.account, held.invoice), reason, earlier=1)
    if held.lines:
        return crediting.issue(parts_of_lines(crediting, held.lines))
    worth = held.amount if asked is None else money(asked, crediting.issued.invoice.currency)
    if worth > held.amount:
        message = f"the dispute is about {plain(held.amount)}, not {plain(worth)}"
        raise Conflict("more_than_disputed", message, at="amount", amount=plain(held.amount))
    return crediting.issue(crediting.parts_worth(worth))


COMMANDS = (
    Command("dispute", "Hold the part of a document that the customer disputes", DisputeInvoice, dispute, account_stream),
    Command("resolve_dispute", "End a billing dispute", ResolveDispute, resolve_dispute, account_stream),
)
