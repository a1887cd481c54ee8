"""Pure: the postings of what is taken from wallets. Debit positive; each list sums to zero.

a charge is paid       prepaid (paid lots), discounts:promotional, overdrawn (owed), discounts:courtesy (free)  against unbilled
a debt is paid         prepaid, discounts:promotional                                                           against overdrawn
units are consumed     prepaid, by the money paid for them                                                      against revenue
a lot expires          prepaid                                                                                  against revenue:breakage
a refund               prepaid                                                                                  against credit or cash
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from billing import ledgers
from billing.events import LotUse, Posting
from billing.wallets.lots import FREE, OWED, PAID, PROMOTIONAL

ZERO = Decimal(0)
TAKEN_FROM = {PAID: ledgers.PREPAID, PROMOTIONAL: ledgers.PROMOTIONS, OWED: ledgers.OVERDRAWN, FREE: ledgers.COURTESY}


def charge_postings(uses: Iterable[LotUse], currency: str) -> tuple[Posting, ...]:
    """The uses against unbilled; those that pay a debt against what is overdrawn."""
    sums: dict[str, Decimal] = {}
    for use in uses:
        against = ledgers.OVERDRAWN if use.debt else ledgers.UNBILLED
        sums[TAKEN_FROM[use.kind]] = sums.get(TAKEN_FROM[use.kind], ZERO) + use.amount
        sums[against] = sums.get(against, ZERO) - use.amount
    return _legs(sums, currency)


def paid_postings(uses: Iterable[LotUse], currency: str, *, against: str) -> tuple[Posting, ...]:
    """The paid money in the uses against one ledger; promotional lots post nothing."""
    paid = sum((use.paid for use in uses if use.kind == PAID), ZERO)
    return _legs({ledgers.PREPAID: paid, against: -paid}, currency)


def _legs(sums: dict[str, Decimal], currency: str) -> tuple[Posting, ...]:
    return tuple(Posting(ledger=ledger, amount=amount, currency=currency) for ledger, amount in sums.items() if amount)
