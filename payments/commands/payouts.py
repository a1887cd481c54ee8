"""Money out to those whom we owe on statements: publishers, depositors, owners. Asked for, settled, failed, like a refund."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import bulk, journal, ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import Allocation, Posting
from billing.journal import Draft
from billing.loading import trimmed
from billing.state import AccountState
from payments import gateways
from payments.collecting import Charged, default_methods
from payments.gateway_events import PayoutFailed, PayoutRequested, PayoutSettled
from payments.paying import CHANNELS, cash, total
from payments.refunding import check_settle, legs
from payments.standing import find_row
from plans.errors import Conflict, Invalid, NotFound
from plans.money import plain


@dataclass(frozen=True)
class PayOut:
    account: str
    amount: Decimal | None = None  # none: all that is owed
    currency: str = ""
    statements: tuple[Any, ...] = ()  # ids or numbers; none: the oldest first
    channel: str = ""  # none: the gateway of the default method, else transfer
    reference: str = ""
    settle: str = ""  # now or later; none: now, by hand


def pay_out(context: Context, args: PayOut) -> Decision:
    """Send what we owe on statements, oldest first or those named: through the gateway of the account's default method, or by hand."""
    state = open_state(args.account)
    check_settle(args.settle)
    method = default_methods([args.account]).get(args.account)
    channel, destination = way(args.channel, method)
    currency = args.currency or state.currency
    owed = _owed(args.account, currency, args.statements)
    most = sum((amount for _, _, amount in owed), Decimal(0))
    amount = most if args.amount is None else money(args.amount, currency)
    if amount > most or not amount:
        raise Conflict(
            "more_than_owed", f"{plain(most)} {currency} is owed on statements, not {plain(amount)}", at="amount", owed=plain(most)
        )
    payout = context.next_address(args.account)
    event = _requested(context, state, _shared(owed, amount), currency, (payout, channel, destination))
    drafts = [Draft(args.account, event, context.at)]
    if args.settle == "now" or (not args.settle and channel in CHANNELS):
        drafts.append(Draft(args.account, _settled(context, state, event, args.reference), context.at, payout))
    return Decision(drafts, {"payout": payout})


def way(channel: str, method: Charged | None) -> tuple[str, str]:
    """(channel, destination): the default method's gateway where it pays out, unless a channel by hand is named; else transfer.

    Raises Invalid `unknown_choice`.
    """
    if method and channel in ("", method.gateway) and "payout" in gateways.named(method.gateway).can:
        return method.gateway, method.token
    if channel and channel not in CHANNELS:
        known = ", ".join(CHANNELS)
        message = f"expected one of {known}, or the gateway of the default method where it pays out; found {channel!r}"
        raise Invalid("unknown_choice", message, at="channel")
    return channel or "transfer", ""


def _owed(account: str, currency: str, names: Sequence[Any]) -> list[tuple[str, str, Decimal]]:
    """(id, number, open) of the statements, oldest first. Raises NotFound `unknown_invoice`."""
    statement = """
        SELECT invoice, number, open FROM read_invoice WHERE account = %s AND currency = %s AND document = 'statement' AND open > 0
        ORDER BY sequence"""
    rows = [(row[0], row[1], trimmed(row[2])) for row in bulk.fetch(statement, [account, currency])]
    for name in names:
        if not any(str(name) in row[:2] for row in rows):
            raise NotFound("unknown_invoice", f"nothing is owed in {currency} on a statement {name}", at="statements")
    return [row for row in rows if not names or row[0] in map(str, names) or row[1] in map(str, names)]


def _shared(owed: Sequence[tuple[str, str, Decimal]], amount: Decimal) -> tuple[Allocation, ...]:
    found = []
    for invoice, number, most in owed:
        part = min(amount, most)
        if part > 0:
            found.append(Allocation(invoice=invoice, number=number, amount=part))
            amount -= part
    return tuple(found)


def _requested(
    context: Context, state: AccountState, allocations: tuple[Allocation, ...], currency: str, way: tuple[str, str, str]
) -> PayoutRequested:
    payout, channel, destination = way
    amount = total(allocations)
    postings = [*_payable_legs(allocations, currency), Posting(ledger=ledgers.PAYOUTS, amount=-amount, currency=currency)]
    return PayoutRequested(
        account=state.account,
        payout=payout,
        amount=amount,
        currency=currency,
        allocations=allocations,
        channel=channel,
        destination=destination,
        entry=entry(context, state, postings),
    )


def _payable_legs(allocations: Sequence[Allocation], currency: str) -> list[Posting]:
    return [Posting(ledger=ledgers.PAYABLE, amount=one.amount, currency=currency, invoice=one.invoice) for one in allocations]


def _settled(context: Context, state: AccountState, event: PayoutRequested, reference: str) -> PayoutSettled:
    return PayoutSettled(
        account=state.account,
        payout=event.payout,
        amount=event.amount,
        currency=event.currency,
        channel=event.channel,
        reference=reference,
        entry=entry(context, state, legs(ledgers.PAYOUTS, cash(event.channel), event.amount, event.currency)),
    )


@dataclass(frozen=True)
class SettlePayout:
    account: str
    payout: str = ""  # none: the newest
    reference: str = ""


def settle_payout(context: Context, args: SettlePayout) -> Decision:
    """The money of a payout has left."""
    state = open_state(args.account)
    event, status = _find(args.account, args.payout)
    if status != "requested":
        raise Conflict("payout_closed", f"the payout {event.payout} is {status}", at="payout", status=status)
    return Decision([Draft(args.account, _settled(context, state, event, args.reference), context.at, event.payout)])


@dataclass(frozen=True)
class FailPayout:
    account: str
    reason: str
    payout: str = ""  # none: the newest


def fail_payout(context: Context, args: FailPayout) -> Decision:
    """The money of a payout did not leave, or came back: it is owed on its statements again."""
    state = open_state(args.account)
    event, status = _find(args.account, args.payout)
    if status == "failed":
        raise Conflict("payout_closed", f"the payout {event.payout} is {status}", at="payout", status=status)
    source = ledgers.PAYOUTS if status == "requested" else cash(event.channel)
    back = tuple(Allocation(invoice=one.invoice, number=one.number, amount=-one.amount) for one in event.allocations)
    postings = [Posting(ledger=source, amount=event.amount, currency=event.currency), *_payable_legs(back, event.currency)]
    failed = PayoutFailed(
        account=args.account,
        payout=event.payout,
        amount=event.amount,
        currency=event.currency,
        allocations=back,
        channel=event.channel,
        reason=args.reason,
        entry=entry(context, state, postings),
    )
    return Decision([Draft(args.account, failed, context.at, event.payout)])


def _find(account: str, name: str) -> tuple[PayoutRequested, str]:
    payout, status = find_row("read_payout", "payout, status", account, name, what="payout")
    recorded = journal.one(*journal.split_address(payout))
    assert recorded is not None
    assert isinstance(recorded.event, PayoutRequested)
    return recorded.event, status


COMMANDS = (
    Command("pay_out", "Send what we owe on statements", PayOut, pay_out, account_stream),
    Command("settle_payout", "Say that the money of a payout has left", SettlePayout, settle_payout, account_stream),
    Command("fail_payout", "Say that a payout failed: it is owed again", FailPayout, fail_payout, account_stream),
)
