"""Refunds: of a payment or of the customer's credit; asked for, settled, failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from billing import bulk, journal, ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.commands.crediting import Crediting
from billing.commands.offers import kept_in_stock
from billing.commands.sales import Return, item_of_sale, take_back
from billing.engine import Context, Decision
from billing.events import CreditNoteIssued, Posting
from billing.journal import Draft
from billing.past import find_issued
from billing.state import AccountState
from billing.stock.loading import stock_stream
from payments.commands.payments import refuse_disputed
from payments.converting import money_legs
from payments.events import RefundFailed, RefundRequested
from payments.paying import check_channel
from payments.refunding import Giving, check_settle, refund_drafts, settled
from payments.standing import PaymentStanding, credit_of, find_payment, find_row, payments_of
from plans.errors import Conflict, Invalid
from plans.money import plain

ZERO = Decimal(0)


@dataclass(frozen=True)
class Refund:
    account: str
    payment: str = ""  # none: of the customer's credit
    amount: Decimal | None = None  # none: all that can be given back
    currency: str = ""
    channel: str = ""  # none: the payment's
    reference: str = ""
    reason: str = ""
    credit_note: bool = False  # issue the credit note that makes the money refundable
    settle: str = ""  # now or later; none: now, by hand
    sale: str = ""  # give back what was sold, the goods and the money
    quantity: Decimal | None = None  # of the sale; none: all that is left of it
    restock: bool = True  # no: the goods do not come back


def refund(context: Context, args: Refund) -> Decision:
    """Give money back: of a payment (never more than was paid) or of the customer's credit, by the channel of the payment unless another
    is named.

    Only unused money goes back, so what paid a document needs a credit note first; `credit_note: yes` issues it on the documents that the
    payment paid, the newest first. Refused while the bank disputes the payment.

    With `sale` the goods come back into stock, the document is credited, and what was paid for it goes back: in one step or not at all.
    `quantity` and `restock` speak of its goods: without it they are refused.
    """
    state = open_state(args.account)
    check_settle(args.settle)
    if args.sale:
        return _of_sale(context, args, state)
    if args.quantity is not None or not args.restock:
        raise Invalid("missing_field", "name the sale whose goods it speaks of: quantity and restock are of a sale", at="sale")
    if not args.payment:
        return _of_credit(context, args, state)
    payment = find_payment(args.account, args.payment)
    refuse_disputed(payment)
    amount = payment.refundable if args.amount is None else money(args.amount, payment.currency)
    if amount > payment.refundable or not amount:
        message = f"{plain(payment.refundable)} of the {plain(payment.amount)} {payment.currency} paid can be refunded, not {plain(amount)}"
        raise Conflict("more_than_paid", message, at="amount", left=plain(payment.refundable))
    channel = check_channel(args.channel) if args.channel else payment.channel
    giving = Giving(amount, payment.currency, channel, payment.payment, args.reference, args.reason, args.settle)
    return _give(context, state, args, giving, payment)


def _give(context: Context, state: AccountState, args: Refund, giving: Giving, payment: PaymentStanding) -> Decision:
    missing = giving.amount - credit_of(state, giving.currency)
    notes: list[CreditNoteIssued] = []
    if missing > 0 and not args.credit_note:
        message = (
            f"{plain(giving.amount - missing)} {giving.currency} is unused; what paid a document goes back once a credit note takes it off:"
            " issue one, or say credit_note: yes"
        )
        raise Conflict("credit_note_needed", message, at="amount", missing=plain(missing))
    if missing > 0:
        notes = _notes(context, state, args, payment, missing)
    drafts = [Draft(args.account, note, context.at) for note in notes]
    made = {"refund": context.next_address(args.account, after=len(drafts))}
    if notes:
        made["credit_note"] = notes[0].credit_note
    return Decision([*drafts, *refund_drafts(context, state, giving, earlier=len(drafts))], made)


def _notes(context: Context, state: AccountState, args: Refund, payment: PaymentStanding, missing: Decimal) -> list[CreditNoteIssued]:
    """Credit notes on the documents that the payment pays, the newest first, until they make `missing` refundable."""
    found: list[CreditNoteIssued] = []
    for invoice, paid in reversed(payment.allocated.items()):
        issued = find_issued(args.account, invoice)
        if issued.open:
            message = (
                f"{plain(issued.open)} is still open on {issued.invoice.number}, and a credit note takes that off first: issue it by"
                " credit_note, or take the payment off the document by unallocate"
            )
            raise Conflict("invoice_open", message, at="payment", invoice=invoice)
        given_up = tuple(one for note in found for one in note.released)
        crediting = Crediting(context, state, issued, args.reason or "Refund", earlier=len(found), released=given_up)
        worth = min(missing, paid, crediting.left())
        if worth > 0:
            found.append(crediting.issue(crediting.parts_worth(worth)))
            missing -= min(missing, found[-1].credited)
        if not missing:
            return found
    raise Conflict("more_than_left", f"no document that the payment paid can bear the {plain(missing)} that are missing", at="amount")


def _of_credit(context: Context, args: Refund, state: AccountState) -> Decision:
    if args.credit_note:
        raise Invalid("missing_field", "name the payment whose documents are to be credited", at="payment")
    currency = args.currency or state.currency
    held = credit_of(state, currency)
    amount = held if args.amount is None else money(args.amount, currency)
    if amount > held or not amount:
        raise Conflict("not_enough_credit", f"the account has a credit of {plain(held)} {currency}", at="amount", credit=plain(held))
    channel = check_channel(args.channel or "transfer")
    giving = Giving(amount, currency, channel, "", args.reference, args.reason, args.settle)
    return Decision(refund_drafts(context, state, giving), {"refund": context.next_address(args.account)})


# --- a sale: its goods come back, recorded and credited before the money is looked at ---------------------------------------------


def _returned(context: Context, args: Refund) -> list[Draft]:
    """What `return` records of the sale. Raises what it raises; Invalid `conflict` where something else is named besides."""
    if not args.sale:
        return []
    for name in ("payment", "amount", "currency", "credit_note"):
        if getattr(args, name):
            raise Invalid("conflict", "a sale says itself what goes back; name nothing else", at=name)
    asked = Return(args.account, _item_of(args), args.sale, args.quantity, args.reason, args.restock)
    return take_back(context, asked).drafts


def _item_of(args: Refund) -> str:
    return item_of_sale(args.account, args.sale)


def _streams(args: Refund) -> list[str]:
    item = _item_of(args) if args.sale else ""
    return [args.account, *([stock_stream(item)] if item and kept_in_stock(item) else [])]


def _of_sale(context: Context, args: Refund, state: AccountState) -> Decision:
    """The money of what has just been returned. Raises Conflict `nothing_paid` where no payment bears any of it."""
    statement = "SELECT max(sequence) FROM read_charge WHERE account = %s AND kind = 'sale' AND terms = %s"
    returned = bulk.fetch(statement, [args.account, args.sale])[0][0]
    notes = [one.event for one in journal.read([args.account], after=returned) if isinstance(one.event, CreditNoteIssued)]
    giving = Giving(ZERO, state.currency, check_channel(args.channel) if args.channel else "", "", args.reference, args.reason, args.settle)
    drafts: list[Draft] = []
    for note in notes:
        paid = [one for one in payments_of(args.account) if note.invoice in one.allocated]
        for payment in paid:
            refuse_disputed(payment)
        one = replace(giving, currency=note.currency)
        drafts += of_invoice(context, state, note.invoice, note.credited, one, paid, earlier=len(drafts))
    if not drafts:
        message = f"no payment has paid for the sale {args.sale} yet; `return` takes it off what is open, or makes it credit"
        raise Conflict("nothing_paid", message, at="sale")
    made = {"refund": context.next_address(args.account), "return": f"{args.account}/{returned}"}
    return Decision(drafts, made | ({"credit_note": notes[0].credit_note} if notes else {}))


# --- what becomes of it -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SettleRefund:
    account: str
    refund: str = ""  # none: the newest
    reference: str = ""


def settle_refund(context: Context, args: SettleRefund) -> Decision:
    """The money of a refund that was asked for has left."""
    state = open_state(args.account)
    request, status = _find(args.account, args.refund)
    if status != "requested":
        raise Conflict("refund_closed", f"the refund {request.refund} is {status}", at="refund", status=status)
    event = settled(context, state, request, args.reference or request.reference)
    return Decision([Draft(args.account, event, context.at, request.refund)])


@dataclass(frozen=True)
class FailRefund:
    account: str
    reason: str
    refund: str = ""  # none: the newest


def fail_refund(context: Context, args: FailRefund) -> Decision:
    """The money of a refund could not be given, or came back: it is the customer's credit again, and can be refunded another way."""
    state = open_state(args.account)
    request, status = _find(args.account, args.refund)
    if status == "failed":
        raise Conflict("refund_closed", f"the refund {request.refund} is {status}", at="refund", status=status)
    back = [Posting(ledger=ledgers.REFUNDS_PAYABLE, amount=request.amount, currency=request.currency)]
    if status == "settled":
        back = money_legs(request.channel, request.amount, request.currency, request.conversion)
    credit = Posting(ledger=ledgers.CREDIT, amount=-request.amount, currency=request.currency)
    event = RefundFailed(
        account=args.account,
        refund=request.refund,
        payment=request.payment,
        amount=request.amount,
        currency=request.currency,
        channel=request.channel,
        reason=args.reason,
        entry=entry(context, state, [*back, credit]),
    )
    return Decision([Draft(args.account, event, context.at, request.refund)])


def _find(account: str, name: str) -> tuple[RefundRequested, str]:
    refund, status = find_row("read_refund", "refund, status", account, name, what="refund")
    recorded = journal.one(*journal.split_address(refund))
    assert recorded is not None
    assert isinstance(recorded.event, RefundRequested)
    return recorded.event, status


def of_invoice(
    context: Context, state: AccountState, invoice: str, amount: Decimal, giving: Giving, payments: list[PaymentStanding], *, earlier: int
) -> list[Draft]:
    """Refunds of `amount` over the payments that paid the document, the newest first, each by its own channel unless `giving` names one.

    What none of them bears stays the customer's credit. Raises Conflict `payment_disputed`.
    """
    drafts: list[Draft] = []
    for payment in reversed(payments):
        part = min(amount, payment.allocated.get(invoice, ZERO), payment.refundable)
        if part <= 0:
            continue
        refuse_disputed(payment)
        one = replace(giving, amount=part, payment=payment.payment, channel=giving.channel or payment.channel)
        drafts += refund_drafts(context, state, one, earlier=earlier + len(drafts))
        amount -= part
    return drafts


COMMANDS = (
    Command("refund", "Give back a payment, credit, or a sale with its goods", Refund, refund, _streams, before=_returned),
    Command("settle_refund", "Say that the money of a refund has left", SettleRefund, settle_refund, account_stream),
    Command("fail_refund", "Say that a refund failed: it is credit again", FailRefund, fail_refund, account_stream),
)
