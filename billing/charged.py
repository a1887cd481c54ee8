"""Pure: what a charge says beside its amount: the day that counts for tax, and the ledgers that it moves."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from billing import ledgers
from billing.events import Entry, Posting
from plans.catalogue import Item
from plans.periods import local_date

_INSTANT = datetime.resolution


def supply_date(item: Item, start: datetime, end: datetime, zone: str) -> date:
    """When the supply counts for tax: the first day of what is paid in advance, the last day of what is paid in arrears."""
    first = local_date(start, zone)
    if item.timing == "advance" or end <= start:
        return first
    return max(first, local_date(end, zone) if item.charge == "sale" else local_date_before(end, zone))


def local_date_before(end: datetime, zone: str) -> date:
    """The local date that holds the last moment before a half-open end."""
    return local_date(end - _INSTANT, zone)


def earned_in(item: Item) -> str:
    """The ledger where a fee that is charged in advance is earned as its time passes; "" for what is earned when it is charged."""
    if item.owes == "us" or item.charge != "fee" or item.timing != "advance" or item.once:
        return ""
    return item.ledger or ledgers.REVENUE_BY_CHARGE[item.charge]


def accrual_entry(item: Item, amount: Decimal, currency: str, moment: datetime, zone: str, seller: str) -> Entry:
    """RULES 20: unbilled against revenue (arrears) or deferred (advance); what we owe against expense."""
    if item.wallet:
        return Entry(accounting_date=local_date(moment, zone), postings=(), seller=seller)  # units: what was paid for them is earned at use
    if item.owes == "us":
        debit, credit = item.ledger or ledgers.EXPENSE_BY_CHARGE[item.charge], ledgers.ACCRUED_PAYABLE
        amount = -amount
    else:
        debit = ledgers.UNBILLED
        credit = ledgers.DEFERRED if earned_in(item) else item.ledger or ledgers.REVENUE_BY_CHARGE[item.charge]
    postings = (
        Posting(ledger=debit, amount=amount, currency=currency),
        Posting(ledger=credit, amount=-amount, currency=currency),
    )
    return Entry(accounting_date=local_date(moment, zone), postings=postings if amount else (), seller=seller)
