"""How long receivables are overdue, at the end of any day, as was known at any moment.

A document falls into the bucket of the days since its due date. What the customer disputes is shown apart: it is owed and does not age.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from billing import bulk, ledgers
from billing.accounting.buckets import BOUNDS, DISPUTED, bucket_of, buckets
from billing.queries.money import Dates, OpenDocument, balances, open_documents
from billing.state import CUSTOMER_OWES

ACCOUNTS = 500
ZERO = Decimal(0)


@dataclass(frozen=True)
class Aged:
    """One account's receivables in one currency: what is open by bucket, and its unused money (positive)."""

    account: str
    currency: str
    amounts: dict[str, Decimal]
    credit: Decimal

    @property
    def total(self) -> Decimal:
        """What the receivables ledger holds."""
        return sum(self.amounts.values(), ZERO)


def aged(accounts: Sequence[str], *, day: date, dates: Dates, bounds: Sequence[int] = BOUNDS) -> list[Aged]:
    """The accounts that owe something or have unused money, in their order."""
    documents, sums = open_documents(accounts, dates), balances(accounts, dates)
    found = []
    for account in accounts:
        listed = [one for one in documents.get(account, ()) if one.document in CUSTOMER_OWES]
        credits = {currency: -amount for (currency, ledger), amount in sums.get(account, {}).items() if ledger == ledgers.CREDIT and amount}
        for currency in sorted({*credits, *(one.currency for one in listed)}):
            amounts = by_bucket([one for one in listed if one.currency == currency], day, bounds)
            found.append(Aged(account, currency, amounts, credits.get(currency, ZERO)))
    return found


def by_bucket(documents: Sequence[OpenDocument], day: date, bounds: Sequence[int] = BOUNDS) -> dict[str, Decimal]:
    """The open amounts of documents of one currency; every bucket is there."""
    amounts = dict.fromkeys((*buckets(bounds), DISPUTED), ZERO)
    for one in documents:
        amounts[bucket_of(one.due, day, bounds)] += one.open - one.held
        amounts[DISPUTED] += one.held
    return amounts


def ageing(seller: str, *, day: date, end: datetime, known_at: datetime | None = None, bounds: Sequence[int] = BOUNDS) -> Iterator[Aged]:
    """All accounts of the seller, a block at a time. `end` is the last moment of `day` in the seller's zone."""
    after = ""
    statement = "SELECT account FROM read_account WHERE seller = %s AND account > %s ORDER BY account LIMIT %s"
    while names := [row[0] for row in bulk.fetch(statement, [seller, after, ACCOUNTS])]:
        yield from aged(names, day=day, dates=Dates(end, known_at), bounds=bounds)
        after = names[-1]
