"""Credit limits: how much an account may owe before it gets nothing more on credit.

What counts against the limit is what the account owes on documents and what is charged and on none yet, less its unused money. A
command that buys (`Command.buyer`) is tried, counted, and refused where the account would then owe more than its limit and more than
before. What is owed whatever the limit says (a fee for being late, a correction, the next period of what was bought) is charged all the
same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from billing import bulk, ledgers
from billing.engine import Context, Rollback, Stamp, record
from billing.journal import Draft, is_account
from billing.stored import afresh
from plans.errors import Conflict
from plans.money import decimals, plain, round_money

COUNTED = (ledgers.RECEIVABLE, ledgers.UNBILLED, ledgers.CREDIT)


@dataclass(frozen=True)
class Limit:
    """`event` set it, on behalf of `by`."""

    account: str
    amount: Decimal
    currency: str
    event: str
    by: str
    since: datetime


def limit_of(account: str) -> Limit | None:
    """The account's credit limit; None: it may owe any amount."""
    statement = "SELECT amount, currency, account || '/' || sequence, actor, since FROM read_credit_limit WHERE account = %s"
    rows = bulk.fetch(statement, [account])
    return Limit(account, round_money(rows[0][0], rows[0][1]), *rows[0][1:]) if rows else None


def counted(account: str, currency: str, *, paid: tuple[date, date] | None = None) -> Decimal:
    """What counts against a limit. What falls due in the days `paid` (half-open) is taken as paid: for looking ahead."""
    statement = "SELECT coalesce(sum(amount), 0) FROM read_balance WHERE account = %s AND currency = %s AND ledger = ANY(%s)"
    owed = bulk.fetch(statement, [account, currency, list(COUNTED)])[0][0]
    if paid is not None:
        falling_due = """
            SELECT coalesce(sum(open), 0) FROM read_invoice WHERE account = %s AND currency = %s AND status = 'open'
                AND document IN ('invoice', 'debit_note', 'opening') AND due >= %s AND due < %s"""
        owed -= bulk.fetch(falling_due, [account, currency, *paid])[0][0]
    return round_money(owed, currency)


def check_fits(limit: Limit, *, before: Decimal, after: Decimal, at: datetime, what: str) -> None:
    """Raises Conflict `credit_limit` where the account would owe more than its limit, and more than before."""
    if after <= limit.amount or after <= before:
        return
    owed, most = (plain(amount, decimals(limit.currency)) for amount in (after, limit.amount))
    message = (
        f"{what} would bring what {limit.account} owes to {owed} {limit.currency} on {at:%Y-%m-%d}; its credit limit is {most}, set by "
        f"{limit.by} on {limit.since:%Y-%m-%d} ({limit.event}): let something be paid first, or raise the limit"
    )
    facts = {"owed": owed, "limit": most, "event": limit.event, "by": limit.by, "recorded_at": limit.since}
    raise Conflict("credit_limit", message, at="account", **facts)


def check_bought(context: Context, account: str, drafts: Sequence[Draft], *, what: str) -> None:
    """Record the drafts, count what they come to, and undo it. Raises Conflict `credit_limit`."""
    limit = limit_of(account)
    if limit is None:
        return
    before = counted(account, limit.currency)
    try:
        with transaction.atomic(), afresh():
            follow_up(context, drafts)
            check_fits(limit, before=before, after=counted(account, limit.currency), at=context.at, what=what)
            raise Rollback
    except Rollback:
        pass


def follow_up(context: Context, drafts: Sequence[Draft]) -> None:
    """Record the drafts and what the clockwork makes of them at that moment, without drawing numbers; the heads stay as they were."""
    heads = dict(context.heads)
    stamp = Stamp(context.actor, "advance", context.recorded_at, dry_run=True)
    made = record(drafts, heads=heads, stamp=stamp)
    accounts = [stream for stream in heads if is_account(stream)]
    import_string(settings.BILLING_CLOCKWORK)(accounts, until=context.at, heads=heads, stamp=stamp, after=made)
