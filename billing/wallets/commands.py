"""Money and units that come into a wallet, and how they leave it other than by use: refunded, sent on, voided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import (
    LotUse,
    Posting,
    WalletExpired,
    WalletGranted,
    WalletReceived,
    WalletRefunded,
    WalletReset,
    WalletSent,
    WalletTermsSet,
    WalletToppedUp,
)
from billing.journal import Draft
from billing.state import AccountState
from billing.wallets.entries import paid_postings, reset_postings
from billing.wallets.loading import load_wallets
from billing.wallets.lots import PAID, PROMOTIONAL, Lot, Wallet, burn_order, forgiven, reset, use_of
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.money import plain
from plans.periods import parse_period

CHANNELS = ("cash", "transfer", "cheque", "card", "other", "credit")
ZERO = Decimal(0)
UNIT_DECIMALS = 6


def wallet_of(account: str, unit: str, currency: str) -> Wallet:
    """The account's wallet of this unit; an empty one where it has none."""
    return load_wallets([account])[account].get(unit) or Wallet(unit, currency)


def amount_of(value: Decimal, unit: str, currency: str, *, at: str = "amount") -> Decimal:
    """Money with the currency's decimals, or units with at most 6, above 0. Raises Invalid `out_of_range`."""
    if unit == currency:
        return money(value, currency, at=at)
    if value <= 0 or value != round(value, UNIT_DECIMALS):
        raise Invalid("out_of_range", f"expected more than 0 with at most {UNIT_DECIMALS} decimals, found {value}", at=at)
    return value


@dataclass(frozen=True)
class Grant:
    account: str
    amount: Decimal
    unit: str = ""  # of the amount; "": the currency
    currency: str = ""
    priority: int = 0
    starts: datetime | None = None
    expires: datetime | None = None
    lasts: str = ""  # a period, in place of `expires`
    items: tuple[str, ...] = ()
    rollover_most: Decimal | None = None
    rollover_for: str = ""
    rollover_least: Decimal | None = None  # of a grant: a reset fills it up to this
    reason: str = ""


@dataclass(frozen=True)
class TopUp(Grant):
    price: Decimal | None = None  # what the units cost; money costs itself
    channel: str = "transfer"
    reference: str = ""


def _lot(context: Context, state: AccountState, args: Grant, *, paid: bool) -> dict[str, Any]:
    """The fields of a lot that the arguments describe."""
    currency = args.currency or state.currency
    unit = args.unit or currency
    amount = amount_of(args.amount, unit, currency)
    start = args.starts or context.at
    expires = args.expires
    if args.lasts:
        if expires is not None:
            raise Invalid("conflict", "give either the end or how long it lasts", at="lasts")
        expires = parse_period(args.lasts, "lasts").after(start, state.zone)
    if expires is not None and expires <= max(start, context.at):
        raise Invalid("out_of_range", f"it would have expired on {expires:%Y-%m-%d} before it can be used", at="expires")
    _check_rollover(args, unit, currency, paid=paid)
    return {
        "account": args.account,
        "lot": context.next_address(args.account),
        "unit": unit,
        "currency": currency,
        "amount": amount,
        "paid": _price(args, unit, currency, amount) if paid else ZERO,
        "priority": args.priority,
        "start": start,
        "expires": expires,
        "items": tuple(args.items),
        "rollover_most": args.rollover_most,
        "rollover_for": args.rollover_for,
        "rollover_least": args.rollover_least,
    }


def _check_rollover(args: Grant, unit: str, currency: str, *, paid: bool) -> None:
    """Without a time of its own what rolls over does so at a reset only."""
    if args.rollover_most is None and (args.rollover_for or args.rollover_least is not None):
        raise Invalid("missing_field", "say how much rolls over at most", at="rollover_most")
    if args.rollover_most is not None:
        amount_of(args.rollover_most, unit, currency, at="rollover_most")
    if args.rollover_for:
        parse_period(args.rollover_for, "rollover_for")
    if args.rollover_least:
        amount_of(args.rollover_least, unit, currency, at="rollover_least")
        if paid or args.rollover_least > min(args.rollover_most or ZERO, args.amount):
            message = "only a promotional grant is filled up, to no more than it was and than rolls over"
            raise Invalid("out_of_range", message, at="rollover_least")


def _price(args: Any, unit: str, currency: str, amount: Decimal) -> Decimal:
    if unit == currency:
        if args.price not in (None, amount):
            raise Invalid("conflict", "money costs what it is: leave the price out", at="price")
        return amount
    if args.price is None:
        raise Invalid("missing_field", f"say what {plain(amount)} {unit} cost", at="price")
    return money(args.price, currency, at="price")


def source_ledger(channel: str) -> str:
    """Where the money of a top-up or refund comes from or goes to."""
    if channel not in CHANNELS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(CHANNELS)}; found {channel!r}", at="channel")
    return ledgers.CREDIT if channel == "credit" else f"{ledgers.CASH}:{channel}"


def top_up(context: Context, args: TopUp) -> Decision:
    """Put paid money or units into the wallet. It is owed to the customer until it is used; no tax is due yet."""
    state = open_state(args.account)
    fields = _lot(context, state, args, paid=True)
    source, paid, currency = source_ledger(args.channel), fields["paid"], fields["currency"]
    held = state.credit.get(currency, ZERO)
    if args.channel == "credit" and paid > held:
        raise Conflict("not_enough_credit", f"the account has a credit of {plain(held)} {currency}", at="amount", credit=plain(held))
    postings = [
        Posting(ledger=source, amount=paid, currency=currency),
        Posting(ledger=ledgers.PREPAID, amount=-paid, currency=currency),
    ]
    event = WalletToppedUp(**fields, channel=args.channel, reference=args.reference, entry=entry(context, state, postings))
    return Decision([Draft(args.account, event, context.at)], {"grant": event.lot})


def topped_up(context: Context, state: AccountState, *, amount: Decimal, currency: str, reference: str, after: int) -> WalletToppedUp:
    """A lot of the customer's credit, made by a command whose `after` events came before: money that a gateway has."""
    postings = [
        Posting(ledger=ledgers.CREDIT, amount=amount, currency=currency),
        Posting(ledger=ledgers.PREPAID, amount=-amount, currency=currency),
    ]
    return WalletToppedUp(
        account=state.account,
        lot=context.next_address(state.account, after=after),
        unit=currency,
        currency=currency,
        amount=amount,
        paid=amount,
        priority=0,
        start=context.at,
        expires=None,
        items=(),
        rollover_most=None,
        rollover_for="",
        channel="credit",
        reference=reference,
        entry=entry(context, state, postings),
    )


def grant(context: Context, args: Grant) -> Decision:
    """Give promotional money or units. Nothing is posted: it reduces revenue when it is used."""
    event = WalletGranted(**_lot(context, open_state(args.account), args, paid=False), reason=args.reason)
    return Decision([Draft(args.account, event, context.at)], {"grant": event.lot})


# --- out of the wallet --------------------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class SetWallet:
    account: str
    unit: str = ""
    overdraft: Decimal | None = None
    threshold: Decimal | None = None
    top_up_to: Decimal | None = None
    top_up_least: Decimal | None = None
    top_up_most: Decimal | None = None  # in a day
    pays_invoices: bool | None = None


def set_wallet(context: Context, args: SetWallet) -> Decision:
    """Agree how far the wallet may be overdrawn, whether it pays documents, and below which amount a top-up is asked for: to which amount,
    at least how much, at most how much in a day. What is not named stays."""
    state = open_state(args.account)
    unit = args.unit or state.currency
    wallet = wallet_of(args.account, unit, state.currency)
    for name in ("overdraft", "threshold", "top_up_to", "top_up_least", "top_up_most"):
        value = getattr(args, name)
        if value is not None and value < 0:
            raise Invalid("out_of_range", f"expected 0 or more, found {value}", at=name)
    if args.pays_invoices and unit != wallet.currency:
        raise Invalid("conflict", "documents are in money: units don't pay them", at="pays_invoices")
    threshold, top_up_to = _agreed(args.threshold, wallet.threshold), _agreed(args.top_up_to, wallet.top_up_to)
    if top_up_to is not None and (threshold is None or top_up_to < threshold):
        raise Invalid("out_of_range", "a top-up goes to at least the threshold that asks for it", at="top_up_to")
    event = WalletTermsSet(
        account=args.account,
        unit=unit,
        currency=wallet.currency,
        overdraft=wallet.overdraft if args.overdraft is None else args.overdraft,
        threshold=threshold,
        top_up_to=top_up_to,
        top_up_least=_agreed(args.top_up_least, wallet.top_up_least),
        top_up_most=_agreed(args.top_up_most, wallet.top_up_most),
        pays_invoices=wallet.pays_invoices if args.pays_invoices is None else args.pays_invoices,
    )
    return Decision([Draft(args.account, event, context.at)])


def _agreed(given: Decimal | None, before: Decimal | None) -> Decimal | None:
    return before if given is None else given


def _both_streams(args: TransferWallet) -> list[str]:
    return [args.account, args.to]


COMMANDS = (
    Command("top_up", "Put paid money or units into the wallet", TopUp, top_up, account_stream),
    Command("grant", "Give promotional money or units", Grant, grant, account_stream),
    Command("void_grant", "Take back what is left of a promotional grant", VoidGrant, void_grant, account_stream),
    Command("reset_wallet", "Begin a wallet anew: keep what rolls over", ResetWallet, reset_wallet, account_stream),
    Command("refund_wallet", "Give back what was paid into the wallet and is left", RefundWallet, refund_wallet, account_stream),
    Command("transfer_wallet", "Send paid money to the wallet of another account", TransferWallet, transfer_wallet, _both_streams),
    Command("set_wallet", "Agree an overdraft, or a threshold for top-ups", SetWallet, set_wallet, account_stream),
)
