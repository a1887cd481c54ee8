"""Money in another currency than what it pays. The rate is frozen in the event of the payment, and what goes back of it uses that rate.

The two currencies meet in the ledger `conversion:EUR-USD`, so that each of them balances by itself: 110.00 USD for a document of 100.00 EUR
is cash 110.00 USD and conversion -110.00 USD; conversion 100.00 EUR and receivable -100.00 EUR.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from billing import bulk, journal, ledgers
from billing.events import Conversion, Posting
from billing.loading import trimmed
from billing.rates.published import rate_on
from payments.paying import cash
from plans.errors import Invalid
from plans.money import plain, round_money

ZERO = Decimal(0)


def conversion_ledger(one: str, other: str) -> str:
    """The ledger of a pair of currencies, whichever way round."""
    return f"{ledgers.CONVERSION}:{'-'.join(sorted((one, other)))}"


def converted(seller: str, amount: Decimal, currency: str, into: str, *, day: date, at: datetime) -> tuple[Decimal, Conversion]:
    """What the amount is worth in `into` at the rate of the day. Raises Conflict `no_rate`, Invalid `out_of_range` for less than a cent."""
    rate = rate_on(seller, currency, into, day=day, at=at)
    worth = rate.convert(amount)
    if not worth:
        raise Invalid("out_of_range", f"{plain(amount)} {currency} is worth nothing in {into}", at="amount")
    frozen = Conversion(
        amount=amount, currency=currency, rate=rate.rate, inverse=rate.inverse, day=rate.day, source=rate.source, version=rate.version
    )
    return worth, frozen


def money_legs(channel: str, amount: Decimal, currency: str, conversion: Conversion | None) -> list[Posting]:
    """Money that comes (positive) or goes (negative): `amount` in the currency that it counts in, moved in that of the conversion."""
    if conversion is None:
        return [Posting(ledger=cash(channel), amount=amount, currency=currency)]
    moved = conversion.amount if amount > 0 else -conversion.amount
    between = conversion_ledger(currency, conversion.currency)
    return [
        Posting(ledger=cash(channel), amount=moved, currency=conversion.currency),
        Posting(ledger=between, amount=-moved, currency=conversion.currency),
        Posting(ledger=between, amount=amount, currency=currency),
    ]


def part_of(payment: str, part: Decimal) -> Conversion | None:
    """What `part` of a payment is in the currency in which it was paid, at its own rate; None for one that was paid in its currency.

    It accrues to its target, with what went back before, so that all parts together are what was paid.
    """
    recorded = journal.one(*journal.split_address(payment)) if payment else None
    conversion: Conversion | None = getattr(recorded.event, "conversion", None) if recorded else None
    if conversion is None:
        return None
    [(total, before)] = bulk.fetch("SELECT amount, refunded + disputed FROM read_payment WHERE payment = %s", [payment])
    target = round_money(Fraction(conversion.amount) * Fraction(before + part) / Fraction(total), conversion.currency)
    return replace(conversion, amount=target - _gone(payment))


def _gone(payment: str) -> Decimal:
    """What went back of the payment, or is about to, in the currency in which it was paid."""
    statement = """
        SELECT coalesce(sum((j.data->'conversion'->>'amount')::numeric), 0) FROM (
            SELECT refund AS address FROM read_refund WHERE payment = %s AND status <> 'failed'
            UNION ALL SELECT dispute FROM read_dispute WHERE payment = %s AND status IN ('open', 'under_review', 'lost')
        ) AS back JOIN journal j ON j.stream = split_part(address, '/', 1) AND j.sequence = split_part(address, '/', 2)::bigint"""
    return trimmed(bulk.fetch(statement, [payment, payment])[0][0])
