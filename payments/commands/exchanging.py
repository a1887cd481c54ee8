"""Money of one currency sold for another: what it turned out to be worth, against what it was taken for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing import bulk, ledgers
from billing.command import Command
from billing.commands.common import money
from billing.engine import Context, Decision
from billing.events import Posting
from billing.journal import Draft
from billing.loading import trimmed
from billing.rates.published import rate_on
from payments.commands.receipts import Receive, entry_of_suspense, opening_of, suspense_account, suspense_stream
from payments.converting import conversion_ledger
from payments.events import MoneyExchanged
from payments.paying import cash, check_channel
from plans.errors import Invalid
from plans.money import decimals, round_money
from plans.periods import local_date

ZERO = Decimal(0)


@dataclass(frozen=True)
class Exchange:
    amount: Decimal  # what was sold
    currency: str
    into: Decimal  # what came of it
    into_currency: str
    channel: str = "transfer"
    reference: str = ""
    seller: str = "main"
    zone: str = "UTC"  # of the suspense account, when it is opened


def exchange(context: Context, args: Exchange) -> Decision:
    """Record that the bank changed money. What was taken in payments at their frozen rates is carried at those, the rest at the rate of
    the day; the difference to what came of it is realised: `revenue:fx-gain` or `expense:fx-loss`, in the currency that came.

    Raises Conflict `no_rate` where a rate of the day is needed and missing, Invalid `conflict` for one currency.
    """
    for currency, at in ((args.currency, "currency"), (args.into_currency, "into_currency")):
        decimals(currency, at=at)
    if args.currency == args.into_currency:
        raise Invalid("conflict", "money is changed into another currency", at="into_currency")
    account, channel = suspense_account(args.seller), check_channel(args.channel)
    amount, into = money(args.amount, args.currency), money(args.into, args.into_currency, at="into")
    carried = _carried(context, args, amount)
    like = Receive(amount=amount, currency=args.currency, seller=args.seller, zone=args.zone)
    opening = opening_of(context, like, account)
    event = MoneyExchanged(
        account=account,
        amount=amount,
        currency=args.currency,
        into=into,
        into_currency=args.into_currency,
        carried=carried,
        realised=into - carried,
        channel=channel,
        reference=args.reference,
        entry=entry_of_suspense(context.at, like, account, _legs(args, channel, amount, into, carried)),
    )
    return Decision([*opening, Draft(account, event, context.at)], {"exchange": context.next_address(account, after=len(opening))})


def _carried(context: Context, args: Exchange, amount: Decimal) -> Decimal:
    """What the sold money stands in the books for, in the currency that comes."""
    held, worth = _converted(args)
    covered = min(amount, held)
    carried = round_money(worth * covered / held, args.into_currency) if covered else ZERO
    if covered < amount:
        day = local_date(context.at, args.zone)
        rate = rate_on(args.seller, args.currency, args.into_currency, day=day, at=context.at)
        carried += rate.convert(amount - covered)
    return carried


def _converted(args: Exchange) -> tuple[Decimal, Decimal]:
    """(what of the sold currency came by conversions and is still there, what it was taken for)."""
    statement = """
        SELECT read_balance.currency, sum(amount) FROM read_balance JOIN read_account USING (account)
        WHERE seller = %s AND ledger = %s GROUP BY 1"""
    ledger = conversion_ledger(args.currency, args.into_currency)
    sums = {currency: trimmed(amount) for currency, amount in bulk.fetch(statement, [args.seller, ledger])}
    held, worth = -sums.get(args.currency, ZERO), sums.get(args.into_currency, ZERO)
    return (held, worth) if held > 0 and worth > 0 else (ZERO, ZERO)


def _legs(args: Exchange, channel: str, amount: Decimal, into: Decimal, carried: Decimal) -> list[Posting]:
    between, realised = conversion_ledger(args.currency, args.into_currency), into - carried
    legs = [
        Posting(ledger=cash(channel), amount=-amount, currency=args.currency),
        Posting(ledger=between, amount=amount, currency=args.currency),
        Posting(ledger=cash(channel), amount=into, currency=args.into_currency),
        Posting(ledger=between, amount=-carried, currency=args.into_currency),
        Posting(ledger=ledgers.FX_GAIN if realised > 0 else ledgers.FX_LOSS, amount=-realised, currency=args.into_currency),
    ]
    return [leg for leg in legs if leg.amount]


COMMANDS = (Command("exchange", "Record that the bank changed money", Exchange, exchange, suspense_stream),)
