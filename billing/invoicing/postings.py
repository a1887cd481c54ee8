"""The balanced entries of documents (RULES 20). Amounts are signed: debit positive.

An invoice moves what was accrued from `unbilled` to `receivable` and adds the tax; what a document discount took stands in `discounts`.
Where prices contain tax, the accrual held it as revenue: `revenue:tax-included` takes it out when the document says how much it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from billing import ledgers
from billing.events import Entry, Posting
from plans.taxing import TaxedLine, rate_totals

INCLUDED_TAX = f"{ledgers.REVENUE}:tax-included"
ZERO = Decimal(0)


def entry_of(legs: Iterable[tuple[str, Decimal, str]], *, currency: str, seller: str, day: date) -> Entry:
    """An entry of (ledger, amount, invoice) legs; equal ones are added up, those of nothing left out."""
    sums: dict[tuple[str, str], Decimal] = {}
    for ledger, amount, invoice in legs:
        sums[ledger, invoice] = sums.get((ledger, invoice), ZERO) + amount
    postings = tuple(
        Posting(ledger=ledger, amount=amount, currency=currency, invoice=invoice) for (ledger, invoice), amount in sums.items() if amount
    )
    return Entry(accounting_date=day, postings=postings, seller=seller)


def document_legs(lines: Sequence[TaxedLine], *, discount: Decimal, against: str) -> list[tuple[str, Decimal, str]]:
    """What a document of these lines takes out of `against` (as charged), gives as discount (negative) and owes as tax. With the total on
    the other side the entry balances. Lines of a correction are negative, and so all its legs turn round."""
    charged = sum((line.amount for line in lines), ZERO) - discount
    legs = [(against, -charged, ""), (ledgers.DISCOUNTS, -discount, "")]
    for share in rate_totals(lines):
        legs.append((f"{ledgers.TAX}:{share.applied.ledger or share.applied.code}", -share.tax, ""))
    included = sum((line.tax for line in lines if line.inclusive), ZERO)
    return [*legs, (INCLUDED_TAX, included, "")]
