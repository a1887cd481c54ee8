"""Money that comes in: by cash or transfer, for the invoices that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import Allocation, CreditApplied, PaymentReceived, Posting
from billing.journal import Draft
from billing.loading import trimmed
from billing.state import OpenInvoice
from payments.allocation import Wanted, as_named, oldest_due_first
from plans.errors import Conflict, Invalid
from plans.fields import Fields
from plans.money import plain

CHANNELS = ("cash", "transfer", "cheque", "card", "other")


@dataclass(frozen=True)
class Pay:
    account: str
    amount: Decimal
    currency: str = ""
    invoices: tuple[Any, ...] = ()  # names, or {invoice, amount}
    channel: str = "transfer"
    reference: str = ""


def pay(context: Context, args: Pay) -> Decision:
    """Take a payment for the invoices that it names (ids, numbers or positions, with an amount for each if wanted), else oldest due first.

    What no invoice takes becomes the customer's credit.
    """
    state = open_state(args.account)
    currency = args.currency or state.currency
    amount = money(args.amount, currency)
    if args.channel not in CHANNELS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(CHANNELS)}; found {args.channel!r}", at="channel")
    invoices = receivable_invoices(args.account)
    wanted = [_wanted(value, i) for i, value in enumerate(args.invoices)]
    if wanted:
        allocations, left = as_named(amount, wanted, invoices)
    else:
        allocations, left = oldest_due_first(amount, [one for one in invoices.values() if one.currency == currency])
    _one_currency(allocations, invoices, currency)
    postings = [Posting(ledger=f"{ledgers.CASH}:{args.channel}", amount=amount, currency=currency)]
    postings += [Posting(ledger=ledgers.RECEIVABLE, amount=-one.amount, currency=currency, invoice=one.invoice) for one in allocations]
    postings.append(Posting(ledger=ledgers.CREDIT, amount=-left, currency=currency))
    payment = context.next_address(args.account)
    event = PaymentReceived(
        account=args.account,
        payment=payment,
        amount=amount,
        currency=currency,
        channel=args.channel,
        reference=args.reference,
        allocations=tuple(allocations),
        unapplied=left,
        entry=entry(context, state, postings),
    )
    return Decision([Draft(args.account, event, context.at)], {"payment": payment})


def receivable_invoices(account: str) -> dict[str, OpenInvoice]:
    """Every invoice of the account that a customer may pay, paid ones too (so that positions hold), by id."""
    statement = """
        SELECT invoice, number, document, currency, total, open, due, issued, sequence FROM read_invoice
        WHERE account = %s AND document IN ('invoice', 'opening') ORDER BY sequence"""
    rows = bulk.fetch(statement, [account])
    return {row[0]: OpenInvoice(*row[:4], trimmed(row[4]), trimmed(row[5]), *row[6:]) for row in rows}


def _wanted(value: Any, position: int) -> Wanted:
    if isinstance(value, Mapping):
        fields = Fields(value, f"invoices[{position}]")
        wanted = Wanted(str(fields.raw("invoice")), fields.decimal("amount", None))
        fields.done()
        return wanted
    return Wanted(str(value))


def _one_currency(allocations: list[Allocation], invoices: Mapping[str, OpenInvoice], currency: str) -> None:
    for one in allocations:
        if invoices[one.invoice].currency != currency:
            other = invoices[one.invoice].currency
            raise Conflict("currency", f"the invoice {one.number or one.invoice} is in {other}, the payment in {currency}", at="currency")


@dataclass(frozen=True)
class ApplyCredit:
    account: str
    amount: Decimal | None = None
    currency: str = ""
    invoices: tuple[Any, ...] = ()


def apply_credit(context: Context, args: ApplyCredit) -> Decision:
    """Pay open invoices with the customer's credit."""
    state = open_state(args.account)
    currency = args.currency or state.currency
    held = state.credit.get(currency, Decimal(0))
    amount = held if args.amount is None else money(args.amount, currency)
    if amount > held or not amount:
        raise Conflict("not_enough_credit", f"the account has a credit of {plain(held)} {currency}", at="amount", credit=plain(held))
    invoices = receivable_invoices(args.account)
    wanted = [_wanted(value, i) for i, value in enumerate(args.invoices)]
    if wanted:
        allocations, _ = as_named(amount, wanted, invoices)
    else:
        allocations, _ = oldest_due_first(amount, [one for one in invoices.values() if one.currency == currency])
    if not allocations:
        raise Conflict("nothing_open", f"no invoice in {currency} is open", at="account")
    _one_currency(allocations, invoices, currency)
    used = sum((one.amount for one in allocations), Decimal(0))
    postings = [Posting(ledger=ledgers.CREDIT, amount=used, currency=currency)]
    postings += [Posting(ledger=ledgers.RECEIVABLE, amount=-one.amount, currency=currency, invoice=one.invoice) for one in allocations]
    event = CreditApplied(account=args.account, currency=currency, allocations=tuple(allocations), entry=entry(context, state, postings))
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("pay", "Take a payment for the invoices that it names", Pay, pay, account_stream),
    Command("apply_credit", "Pay open invoices with the customer's credit", ApplyCredit, apply_credit, account_stream),
)
