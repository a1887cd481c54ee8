"""Security deposits: the customer's money, which pays nothing until it is applied; what is left goes back, or is forfeited."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state
from billing.engine import Context, Decision
from billing.events import Posting
from billing.journal import Draft
from payments.collecting import default_methods
from payments.commands.payouts import way
from payments.events import DepositApplied, DepositForfeited, DepositReleased, DepositTaken
from payments.paying import cash, check_channel, receivable_legs, share_out, total
from payments.refunding import Giving, check_settle, legs, settled
from payments.standing import find_row
from plans.errors import Conflict
from plans.money import plain


@dataclass(frozen=True)
class TakeDeposit:
    account: str
    amount: Decimal
    currency: str = ""
    channel: str = "transfer"
    reference: str = ""
    name: str = ""


def take_deposit(context: Context, args: TakeDeposit) -> Decision:
    """Take a security deposit. It is owed to the customer and pays no document by itself."""
    state = open_state(args.account)
    currency = args.currency or state.currency
    amount, channel = money(args.amount, currency), check_channel(args.channel)
    deposit = context.next_address(args.account)
    event = DepositTaken(
        account=args.account,
        deposit=deposit,
        amount=amount,
        currency=currency,
        channel=channel,
        reference=args.reference,
        name=args.name,
        entry=entry(context, state, legs(cash(channel), ledgers.DEPOSITS, amount, currency)),
    )
    return Decision([Draft(args.account, event, context.at)], {"deposit": deposit})


@dataclass(frozen=True)
class _Deposit:
    deposit: str
    left: Decimal
    currency: str
    channel: str

    def part(self, asked: Decimal | None) -> Decimal:
        """What was asked of it, or all that is left. Raises Conflict `more_than_left`."""
        amount = self.left if asked is None else money(asked, self.currency)
        if amount > self.left or not amount:
            message = f"{plain(self.left)} {self.currency} of the deposit {self.deposit} is left, not {plain(amount)}"
            raise Conflict("more_than_left", message, at="amount", left=plain(self.left))
        return amount


def _find(account: str, name: str) -> _Deposit:
    return _Deposit(*find_row("read_deposit", 'deposit, "left", currency, channel', account, name, what="deposit"))


@dataclass(frozen=True)
class ApplyDeposit:
    account: str
    deposit: str = ""  # none: the newest
    amount: Decimal | None = None  # none: as much as is open
    invoices: tuple[Any, ...] = ()


def apply_deposit(context: Context, args: ApplyDeposit) -> Decision:
    """Pay documents with a deposit: those named, else oldest due first."""
    state = open_state(args.account)
    deposit = _find(args.account, args.deposit)
    allocations, _ = share_out(args.account, deposit.part(args.amount), deposit.currency, args.invoices)
    if not allocations:
        raise Conflict("nothing_open", f"no invoice in {deposit.currency} is open", at="account")
    given = total(allocations)
    postings = [Posting(ledger=ledgers.DEPOSITS, amount=given, currency=deposit.currency), *receivable_legs(allocations, deposit.currency)]
    event = DepositApplied(
        account=args.account,
        deposit=deposit.deposit,
        amount=given,
        currency=deposit.currency,
        allocations=allocations,
        entry=entry(context, state, postings),
    )
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class ReleaseDeposit:
    account: str
    deposit: str = ""  # none: the newest
    amount: Decimal | None = None  # none: all that is left
    channel: str = ""  # none: the one it came by; or the gateway of the default method
    reference: str = ""
    reason: str = ""
    settle: str = ""  # now or later; none: now, by hand


def release_deposit(context: Context, args: ReleaseDeposit) -> Decision:
    """Give a deposit back, or a part of it. It is a refund like others: settled at once by hand, later through a gateway, credit where it
    fails."""
    state = open_state(args.account)
    check_settle(args.settle)
    deposit = _find(args.account, args.deposit)
    amount, refund = deposit.part(args.amount), context.next_address(args.account)
    channel, destination = deposit.channel, ""
    if args.channel:
        channel, destination = way(args.channel, default_methods([args.account]).get(args.account))
    event = DepositReleased(
        account=args.account,
        refund=refund,
        payment="",
        deposit=deposit.deposit,
        amount=amount,
        currency=deposit.currency,
        channel=channel,
        destination=destination,
        reference=args.reference,
        reason=args.reason,
        entry=entry(context, state, legs(ledgers.DEPOSITS, ledgers.REFUNDS_PAYABLE, amount, deposit.currency)),
    )
    drafts = [Draft(args.account, event, context.at)]
    if Giving(amount, deposit.currency, channel, settle=args.settle).at_once:
        drafts.append(Draft(args.account, settled(context, state, event, args.reference), context.at, refund))
    return Decision(drafts, {"refund": refund})


@dataclass(frozen=True)
class ForfeitDeposit:
    account: str
    reason: str
    deposit: str = ""  # none: the newest
    amount: Decimal | None = None  # none: all that is left


def forfeit_deposit(context: Context, args: ForfeitDeposit) -> Decision:
    """Keep a deposit, or a part of it, for the reason given: revenue without tax. Where tax is due, charge it and apply the deposit."""
    state = open_state(args.account)
    deposit = _find(args.account, args.deposit)
    amount = deposit.part(args.amount)
    event = DepositForfeited(
        account=args.account,
        deposit=deposit.deposit,
        amount=amount,
        currency=deposit.currency,
        reason=args.reason,
        entry=entry(context, state, legs(ledgers.DEPOSITS, ledgers.FORFEITED, amount, deposit.currency)),
    )
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("take_deposit", "Take a security deposit", TakeDeposit, take_deposit, account_stream),
    Command("apply_deposit", "Pay documents with a deposit", ApplyDeposit, apply_deposit, account_stream),
    Command("release_deposit", "Give a deposit back", ReleaseDeposit, release_deposit, account_stream),
    Command("forfeit_deposit", "Keep a deposit", ForfeitDeposit, forfeit_deposit, account_stream),
)
