"""How money and units leave a wallet other than by use: voided, refunded, sent on, or gone at a reset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing import ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, open_state
from billing.engine import Context, Decision
from billing.events import (
    LotUse,
    Posting,
    WalletExpired,
    WalletReceived,
    WalletRefunded,
    WalletReset,
    WalletSent,
)
from billing.journal import Draft
from billing.state import AccountState
from billing.wallets.commands import amount_of, source_ledger, wallet_of
from billing.wallets.entries import paid_postings, reset_postings
from billing.wallets.loading import load_wallets
from billing.wallets.lots import PAID, PROMOTIONAL, Lot, Wallet, burn_order, forgiven, reset, use_of
from plans.errors import Conflict, NotFound
from plans.fields import suggestion
from plans.money import plain

ZERO = Decimal(0)


def find_lot(account: str, name: str) -> Lot:
    """A lot that still holds something, by its id. Raises NotFound `unknown_grant`."""
    lots = {lot.id: lot for wallet in load_wallets([account])[account].values() for lot in wallet.lots}
    if name not in lots:
        raise NotFound("unknown_grant", f"the account has no grant {name!r} with anything left{suggestion(name, list(lots))}", at="grant")
    return lots[name]


@dataclass(frozen=True)
class VoidGrant:
    account: str
    reason: str
    grant: str = ""  # none: of all promotional grants, in the order in which they burn
    amount: Decimal | None = None  # none: all that is left
    unit: str = ""


def void_grant(context: Context, args: VoidGrant) -> Decision:
    """Take back what is left of a promotional grant, or a part of it. Paid money is refunded instead."""
    state = open_state(args.account)
    named = find_lot(args.account, args.grant) if args.grant else None
    if named and named.kind == PAID:
        raise Conflict("grant_paid", f"{plain(named.left)} {named.unit} of it were paid: refund them", at="grant", left=plain(named.left))
    wallet = wallet_of(args.account, named.unit if named else args.unit or state.currency, state.currency)
    uses = tuple(_uses(wallet, args.amount, kind=PROMOTIONAL, only=args.grant))
    fields = {"unit": wallet.unit, "currency": wallet.currency, "cause": "voided", "reason": args.reason, "rolled": ()}
    event = WalletExpired(account=args.account, uses=uses, entry=entry(context, state, []), **fields)
    return Decision([Draft(args.account, event, context.at)])


def _check_free(wallet: Wallet, amount: Decimal) -> None:
    """Nothing that is reserved or owed leaves the wallet. Raises Conflict `not_enough_prepaid`."""
    free = sum((lot.left for lot in wallet.lots), ZERO) - wallet.reserved - max(ZERO, wallet.owed)
    if amount > free:
        message = f"{plain(max(ZERO, free))} {wallet.unit} are free: the rest is reserved or owed"
        raise Conflict("not_enough_prepaid", message, at="amount", spendable=plain(free))


@dataclass(frozen=True)
class RefundWallet:
    account: str
    amount: Decimal | None = None  # of the unit; None: all that was paid
    unit: str = ""
    grant: str = ""
    channel: str = "credit"
    reason: str = ""


def _uses(wallet: Wallet, amount: Decimal | None, *, kind: str = PAID, only: str = "") -> list[LotUse]:
    """The paid (or promotional) lots, in the order in which they burn, up to the amount. Raises Conflict `not_enough_prepaid`."""
    lots = [lot for lot in wallet.lots if lot.kind == kind and only in ("", lot.id)]
    held = sum((lot.left for lot in lots), ZERO)
    wanted = held if amount is None else amount_of(amount, wallet.unit, wallet.currency)
    if wanted > held or not wanted:
        message = f"{plain(held)} {wallet.unit} of the wallet were {'paid' if kind == PAID else 'given'} and are left"
        raise Conflict("not_enough_prepaid", message, at="amount", spendable=plain(held))
    _check_free(wallet, wanted)
    uses: list[LotUse] = []
    for lot in sorted(lots, key=burn_order):
        part = min(lot.left, wanted)
        uses += [use_of(lot, part)] if part else []
        wanted -= part
    return uses


def refund_wallet(context: Context, args: RefundWallet) -> Decision:
    """Give paid money back: to the customer's credit, or through a channel. Promotional money is never paid out."""
    state = open_state(args.account)
    named = find_lot(args.account, args.grant) if args.grant else None
    unit = named.unit if named else args.unit or state.currency
    wallet = wallet_of(args.account, unit, state.currency)
    uses = _uses(wallet, args.amount, only=args.grant)
    postings = paid_postings(uses, wallet.currency, against=source_ledger(args.channel))
    event = WalletRefunded(
        account=args.account,
        unit=unit,
        currency=wallet.currency,
        uses=tuple(uses),
        entry=entry(context, state, postings),
        amount=_paid(uses),
        channel=args.channel,
        reason=args.reason,
    )
    return Decision([Draft(args.account, event, context.at)])


def _paid(uses: Sequence[LotUse]) -> Decimal:
    return sum((use.paid for use in uses), ZERO)


@dataclass(frozen=True)
class TransferWallet:
    account: str
    to: str
    amount: Decimal
    unit: str = ""


def transfer_wallet(context: Context, args: TransferWallet) -> Decision:
    """Send paid money or units to the wallet of another account; each lot keeps its end and its items."""
    state, receiver = open_state(args.account), open_state(args.to)
    if args.account == args.to or state.seller != receiver.seller:
        raise Conflict("same_account", "money is sent to another account of the same seller", at="to")
    unit = args.unit or state.currency
    wallet = wallet_of(args.account, unit, state.currency)
    uses = _uses(wallet, args.amount)
    sent = WalletSent(
        account=args.account,
        unit=unit,
        currency=wallet.currency,
        uses=tuple(uses),
        entry=entry(context, state, paid_postings(uses, wallet.currency, against=ledgers.TRANSFER)),
        amount=sum((use.amount for use in uses), ZERO),
        receiver=args.to,
    )
    lots = {lot.id: lot for lot in wallet.lots}
    received = [_received(context, receiver, args, lots[use.lot], use, i) for i, use in enumerate(uses)]
    cause = context.next_address(args.account)
    drafts = [Draft(args.account, sent, context.at), *(Draft(args.to, event, context.at, cause) for event in received)]
    return Decision(drafts, {"grants": [event.lot for event in received]})


def _received(context: Context, state: AccountState, args: TransferWallet, lot: Lot, use: LotUse, after: int) -> WalletReceived:
    postings = [
        Posting(ledger=ledgers.TRANSFER, amount=use.paid, currency=lot.currency),
        Posting(ledger=ledgers.PREPAID, amount=-use.paid, currency=lot.currency),
    ]
    return WalletReceived(
        account=args.to,
        lot=context.next_address(args.to, after=after),
        unit=lot.unit,
        currency=lot.currency,
        amount=use.amount,
        paid=use.paid,
        priority=lot.priority,
        start=lot.start,
        expires=lot.expires,
        items=lot.items,
        rollover_most=lot.rollover_most,
        rollover_for=lot.rollover_for,
        sender=args.account,
        entry=entry(context, state, postings),
    )


@dataclass(frozen=True)
class ResetWallet:
    account: str
    unit: str = ""
    keep_owed: bool = False
    reason: str = ""


def reset_wallet(context: Context, args: ResetWallet) -> Decision:
    """Begin the wallet anew: of each lot that began before now lives on what rolls over. What is owed is forgiven, or kept."""
    state = open_state(args.account)
    wallet = wallet_of(args.account, args.unit or state.currency, state.currency)
    uses = [*reset(wallet.lots, at=context.at), *([] if args.keep_owed else forgiven(wallet))]
    if wallet.reserved > sum((lot.left for lot in wallet.after(uses).lots), ZERO):
        message = f"{plain(wallet.reserved)} {wallet.unit} are reserved, more than would be left: release them first"
        raise Conflict("not_enough_prepaid", message, at="unit")
    event = WalletReset(
        account=args.account,
        unit=wallet.unit,
        currency=wallet.currency,
        uses=tuple(uses),
        entry=entry(context, state, reset_postings(uses, wallet.currency)),
        keeps_owed=args.keep_owed,
        reason=args.reason,
    )
    return Decision([Draft(args.account, event, context.at)] if uses else [])


def _both_streams(args: TransferWallet) -> list[str]:
    return [args.account, args.to]


COMMANDS = (
    Command("void_grant", "Take back what is left of a promotional grant", VoidGrant, void_grant, account_stream),
    Command("reset_wallet", "Begin a wallet anew: keep what rolls over", ResetWallet, reset_wallet, account_stream),
    Command("refund_wallet", "Give back what was paid into the wallet and is left", RefundWallet, refund_wallet, account_stream),
    Command("transfer_wallet", "Send paid money to the wallet of another account", TransferWallet, transfer_wallet, _both_streams),
)
