"""Disputes of the bank: it asks, takes a payment back with a fee, and gives it back or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing import bulk, journal, ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import Allocation, Posting
from billing.journal import Draft
from billing.loading import trimmed
from billing.state import AccountState
from payments.commands.payments import refuse_disputed
from payments.converting import money_legs, part_of
from payments.events import CreditUnapplied, DisputeLost, DisputeOpened, DisputeWon, EvidenceSent, InquiryClosed, InquiryOpened
from payments.paying import cash, receivable_legs, total
from payments.refunding import legs
from payments.standing import PaymentStanding, credit_of, find_payment, find_row, receivable_invoices
from plans.errors import Conflict
from plans.money import plain

ZERO = Decimal(0)
RUNNING = ("open", "under_review")


@dataclass(frozen=True)
class OpenDispute:
    account: str
    payment: str
    amount: Decimal | None = None  # none: all that is left of the payment
    fee: Decimal = ZERO
    reason: str = ""
    reference: str = ""
    evidence_due: date | None = None
    inquiry: bool = False  # the bank only asks: no money moves


def open_dispute(context: Context, args: OpenDispute) -> Decision:
    """Record that the bank takes a payment back, with its fee, or that it asks about it (`inquiry: yes`).

    What the payment paid stays paid until the dispute is lost; what of it is still the customer's credit is held. A running inquiry on the
    payment becomes this dispute.
    """
    state = open_state(args.account)
    payment = find_payment(args.account, args.payment)
    refuse_disputed(payment)
    amount = payment.refundable if args.amount is None else money(args.amount, payment.currency)
    if amount > payment.refundable or not amount:
        message = f"{plain(payment.refundable)} of the {plain(payment.amount)} {payment.currency} paid is left, not {plain(amount)}"
        raise Conflict("more_than_paid", message, at="amount", left=plain(payment.refundable))
    dispute, inquiry = context.next_address(args.account), _inquiry(args.account, payment.payment)
    if args.inquiry and inquiry:
        raise Conflict("inquiry_open", f"the bank asks about {payment.payment} already: {inquiry}", at="payment", dispute=inquiry)
    event = _asked(args, payment, dispute, amount) if args.inquiry else _taken(context, state, args, payment, dispute, amount, inquiry)
    return Decision([Draft(args.account, event, context.at)], {"dispute": dispute})


def _asked(args: OpenDispute, payment: PaymentStanding, dispute: str, amount: Decimal) -> InquiryOpened:
    return InquiryOpened(
        account=args.account,
        dispute=dispute,
        payment=payment.payment,
        amount=amount,
        currency=payment.currency,
        reason=args.reason,
        reference=args.reference,
        evidence_due=args.evidence_due,
    )


def _taken(
    context: Context, state: AccountState, args: OpenDispute, payment: PaymentStanding, dispute: str, amount: Decimal, inquiry: str
) -> DisputeOpened:
    currency = payment.currency
    fee = money(args.fee, currency, at="fee") if args.fee else ZERO
    conversion = part_of(payment.payment, amount)
    from_credit = min(amount, payment.unused, credit_of(state, currency))
    postings = [
        Posting(ledger=ledgers.DISPUTES, amount=amount, currency=currency),
        Posting(ledger=ledgers.DISPUTE_FEES, amount=fee, currency=currency),
        *(money_legs(payment.channel, -amount, currency, conversion) if conversion else ()),
        Posting(ledger=cash(payment.channel), amount=-fee if conversion else -amount - fee, currency=currency),
        *legs(ledgers.CREDIT, ledgers.CREDIT_HELD, from_credit, currency),
    ]
    return DisputeOpened(
        account=args.account,
        dispute=dispute,
        payment=payment.payment,
        amount=amount,
        currency=currency,
        fee=fee,
        from_credit=from_credit,
        channel=payment.channel,
        reason=args.reason,
        reference=args.reference,
        evidence_due=args.evidence_due,
        inquiry=inquiry,
        entry=entry(context, state, postings),
        conversion=conversion,
    )


def _inquiry(account: str, payment: str) -> str:
    """The inquiry that runs on the payment, or nothing."""
    statement = "SELECT dispute FROM read_dispute WHERE account = %s AND payment = %s AND status = 'inquiry'"
    rows = bulk.fetch(statement, [account, payment])
    return rows[0][0] if rows else ""


# --- what becomes of it -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SendEvidence:
    account: str
    note: str
    dispute: str = ""  # none: the newest


def send_evidence(context: Context, args: SendEvidence) -> Decision:
    """Say that the bank was answered, and with what."""
    open_state(args.account)
    dispute, status, _ = _find(args.account, args.dispute)
    if status not in RUNNING:
        raise Conflict("dispute_closed", f"the dispute {dispute} is {status}", at="dispute", status=status)
    return Decision([Draft(args.account, EvidenceSent(account=args.account, dispute=dispute, note=args.note), context.at, dispute)])


@dataclass(frozen=True)
class EndDispute:
    account: str
    dispute: str = ""  # none: the newest
    note: str = ""


def win_dispute(context: Context, args: EndDispute) -> Decision:
    """The bank gives the money back (the fee stays), or is content with the answer to its inquiry."""
    state = open_state(args.account)
    dispute, status, opened = _find(args.account, args.dispute)
    if status == "inquiry":
        return Decision([Draft(args.account, InquiryClosed(account=args.account, dispute=dispute, note=args.note), context.at, dispute)])
    opened = _running(dispute, status, opened)
    postings = money_legs(opened.channel, opened.amount, opened.currency, opened.conversion)
    postings.append(Posting(ledger=ledgers.DISPUTES, amount=-opened.amount, currency=opened.currency))
    postings += legs(ledgers.CREDIT_HELD, ledgers.CREDIT, opened.from_credit, opened.currency)
    event = DisputeWon(
        account=args.account,
        dispute=dispute,
        payment=opened.payment,
        amount=opened.amount,
        currency=opened.currency,
        note=args.note,
        entry=entry(context, state, postings),
    )
    return Decision([Draft(args.account, event, context.at, dispute)])


def lose_dispute(context: Context, args: EndDispute) -> Decision:
    """The money is gone. The customer owes again what it had paid: held credit first, then the payment's documents, the newest first, then
    credit that is there or paid other documents; what nothing bears is a loss."""
    state = open_state(args.account)
    dispute, status, found = _find(args.account, args.dispute)
    opened = _running(dispute, status, found)
    payment = find_payment(args.account, opened.payment)
    missing = opened.amount - opened.from_credit
    reopened = _reopened(args.account, payment.allocated, missing)
    missing += total(reopened)
    taken = min(missing, credit_of(state, opened.currency))
    missing -= taken
    unapplied = _reopened(args.account, _paid_by_credit(args.account, opened.currency), missing)
    loss = missing + total(unapplied)
    drafts = _unapply(context, state, unapplied, opened.currency, dispute)
    bearing = Bearing(reopened, taken - total(unapplied), loss)
    drafts.append(Draft(args.account, _lost(context, state, opened, bearing, args.note), context.at, dispute))
    return Decision(drafts)


@dataclass(frozen=True)
class Bearing:
    """Who bears a lost dispute beside the credit that was held: documents that are open again, credit, and we."""

    reopened: tuple[Allocation, ...]
    credit: Decimal
    loss: Decimal


def _unapply(context: Context, state: AccountState, allocations: tuple[Allocation, ...], currency: str, dispute: str) -> list[Draft]:
    if not allocations:
        return []
    postings = [*receivable_legs(allocations, currency), Posting(ledger=ledgers.CREDIT, amount=total(allocations), currency=currency)]
    event = CreditUnapplied(
        account=state.account,
        currency=currency,
        allocations=allocations,
        reason=f"dispute {dispute} was lost",
        entry=entry(context, state, postings),
    )
    return [Draft(state.account, event, context.at, dispute)]


def _lost(context: Context, state: AccountState, opened: DisputeOpened, bearing: Bearing, note: str) -> DisputeLost:
    currency = opened.currency
    postings = [
        Posting(ledger=ledgers.CREDIT_HELD, amount=opened.from_credit, currency=currency),
        Posting(ledger=ledgers.CREDIT, amount=bearing.credit, currency=currency),
        *receivable_legs(bearing.reopened, currency),
        Posting(ledger=ledgers.DISPUTE_LOSSES, amount=bearing.loss, currency=currency),
        Posting(ledger=ledgers.DISPUTES, amount=-opened.amount, currency=currency),
    ]
    return DisputeLost(
        account=state.account,
        dispute=opened.dispute,
        payment=opened.payment,
        amount=opened.amount,
        currency=currency,
        allocations=bearing.reopened,
        from_credit=opened.from_credit + bearing.credit,
        loss=bearing.loss,
        note=note,
        entry=entry(context, state, postings),
    )


def _reopened(account: str, paid: dict[str, Decimal], amount: Decimal) -> tuple[Allocation, ...]:
    """Negative allocations of the amount over what was paid of each document (in their order), the newest first."""
    invoices = receivable_invoices(account)
    found = []
    for invoice in sorted(paid, key=lambda name: invoices[name].sequence, reverse=True):
        part = min(amount, paid[invoice])
        if part > 0 and invoices[invoice].status != "void":
            found.append(Allocation(invoice=invoice, number=invoices[invoice].number, amount=-part))
            amount -= part
    return tuple(found)


def _paid_by_credit(account: str, currency: str) -> dict[str, Decimal]:
    statement = """
        SELECT a.invoice, sum(a.amount) FROM read_allocation a JOIN read_invoice i USING (invoice)
        WHERE a.account = %s AND a.kind = 'credit' AND i.currency = %s GROUP BY a.invoice HAVING sum(a.amount) > 0"""
    return {invoice: trimmed(amount) for invoice, amount in bulk.fetch(statement, [account, currency])}


def _find(account: str, name: str) -> tuple[str, str, DisputeOpened | InquiryOpened]:
    dispute, status = find_row("read_dispute", "dispute, status", account, name, what="dispute")
    recorded = journal.one(*journal.split_address(dispute))
    assert recorded is not None
    assert isinstance(recorded.event, DisputeOpened | InquiryOpened)
    return dispute, status, recorded.event


def _running(dispute: str, status: str, opened: DisputeOpened | InquiryOpened) -> DisputeOpened:
    """Raises Conflict `dispute_closed`."""
    if status not in RUNNING or not isinstance(opened, DisputeOpened):
        raise Conflict("dispute_closed", f"the dispute {dispute} is {status}", at="dispute", status=status)
    return opened


COMMANDS = (
    Command("open_dispute", "The bank takes a payment back, or asks about it", OpenDispute, open_dispute, account_stream),
    Command("send_evidence", "Answer the bank", SendEvidence, send_evidence, account_stream),
    Command("win_dispute", "The bank gives the money back", EndDispute, win_dispute, account_stream),
    Command("lose_dispute", "The money of a dispute is gone", EndDispute, lose_dispute, account_stream),
)
