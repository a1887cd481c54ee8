"""The allowance for doubtful debts: at a month's end, percents of the policy of what is open by ageing bucket.

It accrues to its own target, per account and currency: what is expected to be lost by now, less what the ledger `allowance` holds. So what
was paid, credited or written off takes its allowance back at the next month end, and booking a month twice books nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing import bulk, ledgers
from billing.accounting.ageing import Aged, aged
from billing.accounting.buckets import allowance
from billing.accounting.months import check_seller, end_of, month_of
from billing.accounting.periods import month_after
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import AllowanceBooked, Entry, ExpectedLoss, Posting
from billing.house.policy import HousePolicy
from billing.house.published import house_policy
from billing.journal import Draft
from billing.loading import trimmed
from billing.queries.money import Dates
from plans.errors import Conflict, Invalid

ZERO = Decimal(0)
INSTANT = timedelta(microseconds=1)
ACCOUNTS = 200


@dataclass(frozen=True)
class BookAllowance:
    month: str  # 2026-03
    account: str = ""
    accounts: tuple[str, ...] = ()  # many at once
    seller: str = "main"


def book_allowance(context: Context, args: BookAllowance) -> Decision:
    """Book the allowance of the accounts for the end of a month.

    Raises Invalid `not_a_period`, `no_allowance` where the policy names none, Conflict `period_not_over`, `later_month_booked`.
    """
    first = month_of(args.month)
    check_seller(args.seller)
    end = end_of(first, args.seller)
    if context.at < end:
        raise Conflict("period_not_over", f"{args.month} ends on {end:%Y-%m-%d %H:%M} UTC; book it then", at="month")
    policy = house_policy(args.seller, at=end)
    if not policy.allowance:
        raise Invalid("no_allowance", f"the policy of {args.seller} names no allowance; publish one that does", at="month")
    through = month_after(first) - timedelta(days=1)
    names = _names(args)
    _must_be_latest(names, through, args.month)
    return Decision([_draft(account, losses, args.seller, through, end) for account, losses in expected(names, policy, through, end)])


def _names(args: BookAllowance) -> list[str]:
    return sorted({*args.accounts, *([args.account] if args.account else [])})


def _must_be_latest(accounts: Sequence[str], through: date, month: str) -> None:
    statement = "SELECT stream, max((data->>'through')::date) FROM journal WHERE stream = ANY(%s) AND kind = %s GROUP BY stream"
    for account, last in bulk.fetch(statement, [list(accounts), AllowanceBooked.kind]):
        if last > through:
            raise Conflict("later_month_booked", f"the allowance of {account} is booked through {last}, after {month}", at="month")


def expected(accounts: Sequence[str], policy: HousePolicy, day: date, end: datetime) -> Iterator[tuple[str, list[ExpectedLoss]]]:
    """The accounts whose allowance differs from what the ledger holds, with what is to be booked in each currency."""
    held = _held(accounts)
    found = aged(accounts, day=day, dates=Dates(end - INSTANT))
    for account in accounts:
        mine = {one.currency: one for one in found if one.account == account}
        currencies = sorted({*mine, *(currency for name, currency in held if name == account)})
        losses = [_loss(mine.get(currency), currency, held.get((account, currency), ZERO), policy) for currency in currencies]
        if any(loss.amount for loss in losses):
            yield account, [loss for loss in losses if loss.amount]


def _held(accounts: Sequence[str]) -> dict[tuple[str, str], Decimal]:
    statement = "SELECT account, currency, -amount FROM read_balance WHERE account = ANY(%s) AND ledger = %s AND amount <> 0"
    return {(row[0], row[1]): trimmed(row[2]) for row in bulk.fetch(statement, [list(accounts), ledgers.ALLOWANCE])}


def _loss(aged_now: Aged | None, currency: str, held: Decimal, policy: HousePolicy) -> ExpectedLoss:
    amounts = {bucket: amount for bucket, amount in aged_now.amounts.items() if amount} if aged_now else {}
    target = allowance(amounts, policy.allowance, currency)
    percents = {bucket: policy.allowance[bucket] for bucket in amounts if bucket in policy.allowance}
    return ExpectedLoss(currency=currency, target=target, amount=target - held, open=amounts, percents=percents)


def _draft(account: str, losses: Sequence[ExpectedLoss], seller: str, through: date, end: datetime) -> Draft:
    postings = tuple(
        Posting(ledger=ledger, amount=amount, currency=loss.currency)
        for loss in losses
        for ledger, amount in ((ledgers.BAD_DEBT, loss.amount), (ledgers.ALLOWANCE, -loss.amount))
    )
    entry = Entry(accounting_date=through, postings=postings, seller=seller)
    return Draft(account, AllowanceBooked(account=account, through=through, losses=tuple(losses), entry=entry), end)


def concerned(seller: str) -> Iterator[list[str]]:
    """The seller's accounts that owe something or have an allowance, a block at a time."""
    statement = """
        SELECT DISTINCT account FROM read_balance JOIN read_account USING (account)
        WHERE seller = %s AND account > %s AND ledger IN (%s, %s) AND amount <> 0 ORDER BY account LIMIT %s"""
    after = ""
    while names := [row[0] for row in bulk.fetch(statement, [seller, after, ledgers.RECEIVABLE, ledgers.ALLOWANCE, ACCOUNTS])]:
        yield names
        after = names[-1]


def differing(seller: str, day: date, end: datetime) -> Iterator[str]:
    """The accounts whose allowance is not what the policy asks for at the end of the day; none where it asks for nothing."""
    policy = house_policy(seller, at=end)
    if not policy.allowance:
        return
    for names in concerned(seller):
        yield from (account for account, _ in expected(names, policy, day, end))


COMMANDS = (Command("book_allowance", "Book the allowance for doubtful debts", BookAllowance, book_allowance, _names),)
