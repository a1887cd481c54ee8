"""Pure: the postings of what is taken from wallets. Debit positive; each list sums to zero.

a charge is paid       prepaid (paid lots), discounts:promotional, overdrawn (owed), discounts:courtesy (free)  against unbilled
a debt is paid         prepaid, discounts:promotional                                                           against overdrawn
units are used         prepaid, by the money paid for them                                                      against revenue
a reset                prepaid against revenue:breakage; what was owed, discounts:courtesy                      against overdrawn
a lot expires          prepaid                                                                                  against revenue:breakage
a refund               prepaid                                                                                  against credit or cash
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from billing import ledgers
from billing.events import LotUse, Posting
from billing.wallets.lots import FREE, OWED, PAID, PROMOTIONAL, Wallet

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


def use_postings(uses: Sequence[LotUse], wallet: Wallet, *, revenue: str = "") -> tuple[Posting, ...]:
    """Uses that pay a charge or a debt. Of units only the money that was paid for them counts: it is earned."""
    if wallet.unit == wallet.currency:
        return charge_postings(uses, wallet.currency)
    return paid_postings(uses, wallet.currency, against=revenue or ledgers.REVENUE_BY_CHARGE["usage"])


def reset_postings(uses: Sequence[LotUse], currency: str) -> tuple[Posting, ...]:
    """What a reset takes of paid lots is breakage; the money that was owed is given."""
    paid = sum((use.paid for use in uses if use.kind == PAID), ZERO)
    owed = sum((use.paid for use in uses if use.kind == OWED), ZERO)
    sums = {ledgers.PREPAID: paid, ledgers.BREAKAGE: -paid, ledgers.OVERDRAWN: owed, ledgers.COURTESY: -owed}
    return _legs(sums, currency)


def _legs(sums: dict[str, Decimal], currency: str) -> tuple[Posting, ...]:
    return tuple(Posting(ledger=ledger, amount=amount, currency=currency) for ledger, amount in sums.items() if amount)
