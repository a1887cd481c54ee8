"""Money and units that come into a wallet, and what is agreed on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import (
    Posting,
    WalletGranted,
    WalletTermsSet,
    WalletToppedUp,
)
from billing.journal import Draft
from billing.state import AccountState
from billing.wallets.loading import load_wallets
from billing.wallets.lots import Wallet
from plans.errors import Conflict, Invalid
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
        message = f"the account has a credit of {plain(held)} {currency}"
        raise Conflict("not_enough_credit", message, at="amount", credit=plain(held), currency=currency)
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


COMMANDS = (
    Command("top_up", "Put paid money or units into the wallet", TopUp, top_up, account_stream),
    Command("grant", "Give promotional money or units", Grant, grant, account_stream),
    Command("set_wallet", "Agree an overdraft, or a threshold for top-ups", SetWallet, set_wallet, account_stream),
)
