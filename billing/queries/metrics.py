"""What was sold, what comes in again and again, what was used, what was paid: sums over all accounts, each by one statement.

Spans are half-open `[start, end)`; amounts are before tax where tax comes on top, in their currency, and never added across currencies.

**Recurring revenue** is what the fees for time that run at the end of a month come to for one month: each line that covers that instant,
as it stands now, scaled to its whole period and divided by the period's months (a period of 28 days or more counts whole months, a
shorter one days of 1/30.4375 month). It is made of rounded lines: where a change cut a period, it may be a cent off until the next one. A
fee in arrears is known once its period is closed. Use, sales and single charges do not recur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing import bulk
from plans.errors import Invalid
from plans.money import round_money
from plans.periods import Period

MONTH = Period(1, "month")
MOST_MONTHS = 120
ZERO = Decimal(0)


@dataclass(frozen=True)
class Sold:
    """Single sales of an item: how many went out less what came back, and for how much."""

    item: str
    currency: str
    quantity: Decimal
    returned: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Recurring:
    """The recurring revenue at the end of a month and how it came to differ from the month before: opening + new + expansion −
    contraction − churned = recurring. `contracts`: how many have any."""

    month: datetime
    currency: str
    recurring: Decimal
    new: Decimal
    expansion: Decimal
    contraction: Decimal
    churned: Decimal
    contracts: int
    contracts_new: int
    contracts_churned: int


@dataclass(frozen=True)
class MeterUse:
    """Records of a meter, those voided or amended later left out; `value` is their sum, as they were sent."""

    meter: str
    records: int
    accounts: int
    value: Decimal


@dataclass(frozen=True)
class MoneyIn:
    """Payments by channel, what was given back of them, and what is left."""

    channel: str
    currency: str
    payments: int
    received: Decimal
    refunded: Decimal
    net: Decimal


@dataclass(frozen=True)
class Metrics:
    start: datetime
    end: datetime
    sold: tuple[Sold, ...]
    recurring: tuple[Recurring, ...]
    usage: tuple[MeterUse, ...]
    money: tuple[MoneyIn, ...]


def metrics(start: datetime, end: datetime, *, zone: str = "UTC", seller: str = "") -> Metrics:
    """Everything of one span, of one seller's accounts where it is named; recurring revenue for each month from `start` on that ends within
    it. Raises Invalid `out_of_range`."""
    if end <= start:
        raise Invalid("out_of_range", "the end must lie after the start", at="to")
    months = recurring(start, end, zone=zone, seller=seller)
    return Metrics(start, end, sold(start, end, seller), months, usage(start, end, seller), money_in(start, end, seller))


#: That a row is of an account of the seller given twice, or of any where that is "".
_OF_SELLER = "(%s = '' OR account IN (SELECT account FROM read_account WHERE seller = %s))"


def sold(start: datetime, end: datetime, seller: str = "") -> tuple[Sold, ...]:
    statement = f"""
        SELECT item, currency, sum(quantity), -coalesce(sum(quantity) FILTER (WHERE quantity < 0), 0), sum(amount) FROM read_charge
        WHERE kind = 'sale' AND effective_at >= %s AND effective_at < %s AND {_OF_SELLER} GROUP BY 1, 2 ORDER BY 5 DESC, 1, 2"""  # noqa: S608 - the statement is ours
    return tuple(Sold(row[0], row[1], *_numbers(row[2:])) for row in bulk.fetch(statement, [start, end, seller, seller]))


def usage(start: datetime, end: datetime, seller: str = "") -> tuple[MeterUse, ...]:
    statement = f"""
        SELECT meter, count(*), count(DISTINCT account), coalesce(sum(value), 0) FROM usage_record one
        WHERE at >= %s AND at < %s AND kind = 'usage' AND voids = '' AND NOT EXISTS (
            SELECT 1 FROM usage_record later WHERE later.account = one.account AND later.meter = one.meter
                AND one.source || '/' || one.record IN (later.voids, later.amends)) AND {_OF_SELLER}
        GROUP BY 1 ORDER BY 1"""  # noqa: S608 - the statement is ours
    rows = bulk.fetch(statement, [start, end, seller, seller])
    return tuple(MeterUse(meter, records, accounts, *_numbers([value])) for meter, records, accounts, value in rows)


def money_in(start: datetime, end: datetime, seller: str = "") -> tuple[MoneyIn, ...]:
    """Payments received in the span, and refunds that left in it; of a refund that failed nothing left."""
    statement = f"""
        SELECT channel, currency, sum(count)::int, sum(received), sum(refunded) FROM (
            SELECT channel, currency, 1 AS count, amount AS received, 0 AS refunded FROM read_payment
                WHERE received_at >= %s AND received_at < %s AND {_OF_SELLER}
            UNION ALL SELECT channel, currency, 0, 0, amount FROM read_refund
                WHERE status = 'settled' AND closed_at >= %s AND closed_at < %s AND {_OF_SELLER}) AS moved
        GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2"""  # noqa: S608 - the statement is ours
    found = []
    for channel, currency, count, *amounts in bulk.fetch(statement, [start, end, seller, seller] * 2):
        received, refunded = _numbers(amounts)
        found.append(MoneyIn(channel, currency, count, received, refunded, received - refunded))
    return tuple(found)


# --- what recurs --------------------------------------------------------------------------------------------------------------------

#: (contract, currency, amount for one month) of all fees that run at the end of the instant given four times, of the seller given twice.
_SNAPSHOT = f"""
    SELECT contract, currency, sum(amount * whole / billed
        / CASE WHEN whole >= 2419200 THEN round(whole / 2629800) ELSE whole / 2629800 END) AS monthly
    FROM (
        SELECT line.contract, line.currency, line.amount,
            extract(epoch FROM line.until - line.start) AS billed, extract(epoch FROM period.full_end - period.full_start) AS whole
        FROM read_period period JOIN LATERAL (
            SELECT contract, currency, terms, sum(amount) AS amount, (array_agg(start ORDER BY sequence DESC))[1] AS start,
                (array_agg("end" ORDER BY sequence DESC))[1] AS until
            FROM read_charge WHERE account = period.account AND contract = period.contract AND item = period.item
                AND period_start = period.start AND kind = 'accrual' AND component = 'fee'
            GROUP BY contract, currency, terms) AS line ON line.start < %s AND line.until >= %s AND line.until > line.start
        WHERE period.start < %s AND period."end" >= %s AND period.full_end > period.full_start
            AND {_OF_SELLER.replace("account IN", "period.account IN")}) AS running
    GROUP BY contract, currency HAVING sum(amount) <> 0"""  # noqa: S608 - the statement is ours


def recurring(start: datetime, end: datetime, *, zone: str = "UTC", seller: str = "") -> tuple[Recurring, ...]:
    """Each month from `start` on that ends by `end`. Raises Invalid `out_of_range` for more than ten years."""
    found: list[Recurring] = []
    for count in range(MOST_MONTHS + 1):
        month, until = MONTH.after(start, zone, times=count), MONTH.after(start, zone, times=count + 1)
        if until > end:
            return tuple(found)
        found += moved(month, until, seller)
    raise Invalid("out_of_range", f"at most {MOST_MONTHS} months at once", at="to")


def moved(month: datetime, until: datetime, seller: str = "") -> list[Recurring]:
    """What recurs at the instant `until`, and how it differs from what recurred at `month`; by currency."""
    statement = f"""
        SELECT currency, coalesce(sum(now.monthly), 0),
            coalesce(sum(now.monthly) FILTER (WHERE before.monthly IS NULL), 0),
            coalesce(sum(now.monthly - before.monthly) FILTER (WHERE now.monthly > before.monthly), 0),
            coalesce(sum(before.monthly - now.monthly) FILTER (WHERE now.monthly < before.monthly), 0),
            coalesce(sum(before.monthly) FILTER (WHERE now.monthly IS NULL), 0),
            count(now.monthly), count(*) FILTER (WHERE before.monthly IS NULL), count(*) FILTER (WHERE now.monthly IS NULL)
        FROM ({_SNAPSHOT}) AS now FULL JOIN ({_SNAPSHOT}) AS before USING (contract, currency)
        GROUP BY 1 ORDER BY 1"""  # noqa: S608 - the statement is ours
    rows = bulk.fetch(statement, [*[until] * 4, seller, seller, *[month] * 4, seller, seller])
    return [Recurring(month, row[0], *[round_money(one, row[0]) for one in row[1:6]], *row[6:]) for row in rows]


def _numbers(values: Sequence[Decimal]) -> list[Decimal]:
    """Without the zeros that a column's scale adds."""
    return [Decimal(format(value, "f").rstrip("0").rstrip(".") or "0") if "." in format(value, "f") else value for value in values]
