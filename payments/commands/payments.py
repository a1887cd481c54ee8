"""Money that comes in, for the invoices that it names; and what of it pays which document, which may change later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state, seller_zone
from billing.engine import Context, Decision
from billing.events import Allocation, Conversion, CreditApplied, PaymentReceived, Posting
from billing.journal import Draft
from billing.state import AccountState
from payments.allocation import find
from payments.converting import converted, money_legs
from payments.events import PaymentAllocated, PaymentUnallocated
from payments.interest.settling import settled_until
from payments.paying import check_channel, receivable_legs, share_out, total, wanted_of
from payments.settlement.early import paid_early
from payments.standing import PaymentStanding, credit_of, find_payment, receivable_invoices
from plans.errors import Conflict, Invalid
from plans.money import decimals, plain
from plans.periods import local_date

ZERO = Decimal(0)


@dataclass(frozen=True)
class Pay:
    account: str
    amount: Decimal
    currency: str = ""
    invoices: tuple[Any, ...] = ()  # names, or {invoice, amount}
    channel: str = "transfer"
    reference: str = ""
    received: datetime | None = None  # when the money came, where that is known only now
    into: str = ""  # the currency that it counts in; none: that of the documents named, else its own


def _settled(context: Context, args: Pay) -> list[Draft]:
    return [] if args.invoices else settled_until(args.account, _received(context, args))


def _received(context: Context, args: Pay) -> datetime:
    """When the money came: now, or earlier. Raises Invalid `out_of_range`."""
    if args.received is not None and args.received > context.at:
        raise Invalid("out_of_range", "money that was received can't lie in the future", at="received")
    return args.received or context.at


def pay(context: Context, args: Pay) -> Decision:
    """Take a payment for the invoices that it names (ids, numbers or positions, with an amount for each if wanted), else oldest due first.

    What no invoice takes becomes the customer's credit. A document that it settles early costs less, by a credit note. Money in another
    currency than the documents named counts at the published rate of its day, which stays with it (Conflict `no_rate`). Money that was
    `received` earlier counts from then: interest since is given back.
    """
    state = open_state(args.account)
    amount, currency, conversion = _worth(context, args, state)
    channel = check_channel(args.channel)
    day = local_date(_received(context, args), state.zone)
    early = paid_early(context, state, amount, currency, args.invoices, day=day)
    allocations, left = share_out(args.account, amount, currency, args.invoices, less=early.less)
    postings = [
        *money_legs(channel, amount, currency, conversion),
        *receivable_legs(allocations, currency),
        Posting(ledger=ledgers.CREDIT, amount=-left, currency=currency),
    ]
    payment = context.next_address(args.account, after=len(early.notes))
    event = PaymentReceived(
        account=args.account,
        payment=payment,
        amount=amount,
        currency=currency,
        channel=channel,
        reference=args.reference,
        allocations=allocations,
        unapplied=left,
        entry=entry(context, state, postings, at=_received(context, args)),
        conversion=conversion,
    )
    drafts = [Draft(args.account, one, _received(context, args)) for one in (*early.notes, event)]
    return Decision(drafts, {"payment": payment})


def _worth(context: Context, args: Pay, state: AccountState) -> tuple[Decimal, str, Conversion | None]:
    """What the money counts for, in which currency, and the conversion where it came in another one."""
    given = args.currency or state.currency
    amount = money(args.amount, given)
    into = args.into or _named_currency(args) or given
    decimals(into, at="into")
    if into == given:
        return amount, given, None
    day = local_date(_received(context, args), seller_zone(state))
    worth, conversion = converted(state.seller, amount, given, into, day=day, at=context.at)
    return worth, into, conversion


def _named_currency(args: Pay) -> str:
    """The one currency of the documents named; nothing where none or several are (then sharing out refuses)."""
    if not args.invoices:
        return ""
    invoices = receivable_invoices(args.account)
    found = {find(wanted_of(value, i).name, invoices).currency for i, value in enumerate(args.invoices)}
    return found.pop() if len(found) == 1 else ""


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
    held = credit_of(state, currency)
    amount = held if args.amount is None else money(args.amount, currency)
    if amount > held or not amount:
        message = f"the account has a credit of {plain(held)} {currency}"
        raise Conflict("not_enough_credit", message, at="amount", credit=plain(held), currency=currency)
    allocations, _ = share_out(args.account, amount, currency, args.invoices)
    if not allocations:
        raise Conflict("nothing_open", f"no invoice in {currency} is open", at="account")
    postings = [Posting(ledger=ledgers.CREDIT, amount=total(allocations), currency=currency), *receivable_legs(allocations, currency)]
    event = CreditApplied(account=args.account, currency=currency, allocations=allocations, entry=entry(context, state, postings))
    return Decision([Draft(args.account, event, context.at)])


# --- which document a payment pays ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unallocate:
    account: str
    payment: str
    invoices: tuple[Any, ...] = ()  # names, or {invoice, amount}; none: all that it pays
    reason: str = ""


def unallocate(context: Context, args: Unallocate) -> Decision:
    """Take a payment off the documents that it pays, all of them or those named: they are open again, the money is the customer's credit.

    Refused while the bank disputes the payment.
    """
    state = open_state(args.account)
    payment = find_payment(args.account, args.payment)
    refuse_disputed(payment)
    taken = _taken_back(args, payment)
    if not taken:
        raise Conflict("not_allocated", f"the payment {payment.payment} pays no document", at="payment")
    amount = -total(taken)
    postings = [*receivable_legs(taken, payment.currency), Posting(ledger=ledgers.CREDIT, amount=-amount, currency=payment.currency)]
    event = PaymentUnallocated(
        account=args.account,
        payment=payment.payment,
        currency=payment.currency,
        amount=amount,
        allocations=taken,
        reason=args.reason,
        entry=entry(context, state, postings),
    )
    return Decision([Draft(args.account, event, context.at)])


def _taken_back(args: Unallocate, payment: PaymentStanding) -> tuple[Allocation, ...]:
    """Negative allocations of what is named, never more than the payment pays of it."""
    invoices = receivable_invoices(args.account)
    wanted: Mapping[str, Decimal | None] = dict.fromkeys(payment.allocated)
    if args.invoices:
        named = [wanted_of(value, i) for i, value in enumerate(args.invoices)]
        wanted = {find(one.name, invoices).id: one.amount for one in named}
    found = []
    for invoice, asked in wanted.items():
        paid, number = payment.allocated.get(invoice, ZERO), invoices[invoice].number
        amount = paid if asked is None else money(asked, payment.currency, at="invoices")
        if amount > paid or not paid:
            message = f"the payment {payment.payment} pays {plain(paid)} of {number or invoice}"
            raise Conflict("not_allocated", message, at="invoices", invoice=invoice)
        found.append(Allocation(invoice=invoice, number=number, amount=-amount))
    return tuple(found)


def refuse_disputed(payment: PaymentStanding) -> None:
    """Raises Conflict `payment_disputed` while the bank disputes the payment."""
    if payment.status == "disputed":
        message = f"the bank disputes the payment {payment.payment}; first the dispute must be won or lost"
        raise Conflict("payment_disputed", message, at="payment", payment=payment.payment)


@dataclass(frozen=True)
class Allocate:
    account: str
    payment: str
    amount: Decimal | None = None
    invoices: tuple[Any, ...] = ()


def allocate(context: Context, args: Allocate) -> Decision:
    """Let what is unused of a payment pay documents: those named, else oldest due first. Not more than the credit that is left of it."""
    state = open_state(args.account)
    payment = find_payment(args.account, args.payment)
    refuse_disputed(payment)
    free = min(payment.unused, credit_of(state, payment.currency))
    amount = free if args.amount is None else money(args.amount, payment.currency)
    if amount > free or not amount:
        message = f"{plain(free)} {payment.currency} of the payment {payment.payment} is unused"
        raise Conflict("not_enough_credit", message, at="amount", credit=plain(free), currency=payment.currency)
    allocations, _ = share_out(args.account, amount, payment.currency, args.invoices)
    if not allocations:
        raise Conflict("nothing_open", f"no invoice in {payment.currency} is open", at="account")
    given = total(allocations)
    event = PaymentAllocated(
        account=args.account,
        payment=payment.payment,
        currency=payment.currency,
        amount=given,
        allocations=allocations,
        entry=entry(
            context,
            state,
            [Posting(ledger=ledgers.CREDIT, amount=given, currency=payment.currency), *receivable_legs(allocations, payment.currency)],
        ),
    )
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("pay", "Take a payment for the invoices that it names", Pay, pay, account_stream, _settled),
    Command("apply_credit", "Pay open invoices with the customer's credit", ApplyCredit, apply_credit, account_stream),
    Command("unallocate", "Take a payment off the documents that it pays", Unallocate, unallocate, account_stream),
    Command("allocate", "Let the unused part of a payment pay documents", Allocate, allocate, account_stream),
)
