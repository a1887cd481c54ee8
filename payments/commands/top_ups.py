"""Top-ups that a gateway charges: asked for by a person, or by a wallet that ran low. The wallet gets the money when the gateway has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream, money, open_state
from billing.engine import Context, Decision
from billing.events import TopUpDeclined
from billing.journal import Draft
from billing.loading import trimmed
from billing.state import AccountState
from billing.wallets.commands import wallet_of
from payments.collecting import RUNNING, Charged, default_methods
from payments.commands.collections import chosen_method
from payments.gateway_events import CollectionRequested
from plans.errors import Conflict
from plans.money import plain
from plans.periods import day_start, local_date, parse_period

ZERO = Decimal(0)
LOW = "low"  # the trigger of a collection that a wallet asked for by itself


@dataclass(frozen=True)
class CollectTopUp:
    account: str
    amount: Decimal
    currency: str = ""
    method: str = ""  # none: the default one


def collect_top_up(context: Context, args: CollectTopUp) -> Decision:
    """Have the gateway charge a payment method for a top-up. The wallet has the money once the gateway says so."""
    state = open_state(args.account)
    currency = args.currency or state.currency
    amount = money(args.amount, currency)
    if not amount:
        raise Conflict("nothing_open", "there is nothing to charge", at="amount")
    event = _request(context, state, chosen_method(args.account, args.method), amount, currency, trigger="asked")
    return Decision([Draft(args.account, event, context.at)], {"collection": event.collection})


def _request(
    context: Context, state: AccountState, charged: Charged, amount: Decimal, currency: str, *, trigger: str
) -> CollectionRequested:
    return CollectionRequested(
        account=state.account,
        collection=context.next_address(state.account),
        amount=amount,
        currency=currency,
        allocations=(),
        method=charged.method,
        gateway=charged.gateway,
        customer=charged.customer,
        token=charged.token,
        attempt=1,
        trigger=trigger,
        tops_up=currency,
    )


@dataclass(frozen=True)
class TopUpLow:
    account: str
    unit: str
    amount: Decimal


def top_up_low(context: Context, args: TopUpLow) -> Decision:
    """A wallet ran low: charge the default method for the top-up, within the limit of the day. What can't be is declined, and says why.
    Nothing happens where the wallet has enough again, or a top-up is under way."""
    state = open_state(args.account)
    wallet = wallet_of(args.account, args.unit, state.currency)
    enough = wallet.threshold is None or wallet.spendable(at=context.at) >= wallet.threshold
    if enough or _running(args.account, args.unit):
        return Decision([])
    code, reason, again = _declined(state, args, wallet.currency, wallet.top_up_most, context.at)
    if code:
        told = {"code": code, "reason": reason, "again": again}
        event = TopUpDeclined(account=args.account, unit=args.unit, amount=args.amount, **told)
        return Decision([Draft(args.account, event, context.at)])
    request = _request(context, state, default_methods([args.account])[args.account], args.amount, args.unit, trigger=LOW)
    return Decision([Draft(args.account, request, context.at)], {"collection": request.collection})


def _declined(state: AccountState, args: TopUpLow, currency: str, most: Decimal | None, at: datetime) -> tuple[str, str, datetime | None]:
    """(code, reason, when it is asked for again), the code empty where it may be collected."""
    if args.unit != currency:
        return "no_price", f"nobody said what {args.unit} costs: top up by hand", None
    if args.account not in default_methods([args.account]):
        return "no_method", "the account has no payment method that could be charged", None
    today = day_start(local_date(at, state.zone), state.zone)
    spent = _since(args.account, args.unit, today)
    if most is not None and spent + args.amount > most:
        reason = f"{plain(args.amount)} {args.unit} would make {plain(spent + args.amount)} on one day, and the limit is {plain(most)}"
        return "limit", reason, next_day(state, at)
    return "", "", None


def next_day(state: AccountState, at: datetime) -> datetime:
    """The start of the account's next day."""
    today = day_start(local_date(at, state.zone), state.zone)
    return parse_period("1 day").after(today, state.zone)


def _running(account: str, currency: str) -> bool:
    statement = "SELECT 1 FROM read_collection WHERE account = %s AND currency = %s AND trigger = %s AND status = ANY(%s) LIMIT 1"
    return bool(bulk.fetch(statement, [account, currency, LOW, list(RUNNING)]))


def _since(account: str, currency: str, since: datetime) -> Decimal:
    """What low wallets collected since then, and did not fail."""
    statement = """
        SELECT coalesce(sum(amount), 0) FROM read_collection
        WHERE account = %s AND currency = %s AND trigger = %s AND status <> 'failed' AND requested_at >= %s"""
    return trimmed(bulk.fetch(statement, [account, currency, LOW, since])[0][0])


COMMANDS = (
    Command("collect_top_up", "Have the gateway charge a payment method for a top-up", CollectTopUp, collect_top_up, account_stream),
    Command("top_up_low", "Charge the default method for a wallet that ran low", TopUpLow, top_up_low, account_stream),
)
