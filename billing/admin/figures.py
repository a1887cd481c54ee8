"""The numbers of the dashboard: each one statement over all accounts, in one currency, whatever the number of accounts.

Months and days are those of UTC. Money in is what customers paid less what was refunded; overdue is what the ageing report says:
open and not disputed, by the days since the document's due date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.core.cache import cache

from billing import bulk
from billing.accounting.buckets import bucket_of, buckets
from billing.queries import metrics
from billing.queries.metrics import Recurring
from billing.state import CUSTOMER_OWES

MONTHS = 12
LATELY = timedelta(days=30)
KEPT, KEPT_NOW = 86_400, 600  # seconds
MOST_THINGS = 8
ZERO = Decimal(0)


def currencies() -> list[str]:
    """The currencies of accounts, the most used first."""
    return [row[0] for row in bulk.fetch("SELECT currency FROM read_account GROUP BY currency ORDER BY count(*) DESC, currency")]


def months_until(day: date, count: int = MONTHS) -> list[date]:
    """The first days of the last `count` months, the day's own the last."""
    month = day.year * 12 + day.month - 1
    return [date((month - back) // 12, (month - back) % 12 + 1, 1) for back in range(count - 1, -1, -1)]


def money_in(currency: str, months: list[date]) -> dict[date, Decimal]:
    """month → payments received less refunds asked for and not failed."""
    statement = """
        SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date, sum(amount) FROM (
            SELECT received_at AS at, amount FROM read_payment WHERE currency = %s AND received_at >= %s
            UNION ALL SELECT requested_at, -amount FROM read_refund WHERE currency = %s AND requested_at >= %s AND status <> 'failed'
        ) AS moved GROUP BY 1"""
    start = _instant(months[0])
    found = dict(bulk.fetch(statement, [currency, start, currency, start]))
    return {month: found.get(month, ZERO) for month in months}


def invoiced(currency: str, months: list[date]) -> dict[date, Decimal]:
    """month → net of documents issued less net of credit notes."""
    statement = """
        SELECT date_trunc('month', issued)::date, sum(CASE document WHEN 'credit_note' THEN -net ELSE net END) FROM read_invoice
        WHERE currency = %s AND issued >= %s AND document IN ('invoice', 'debit_note', 'credit_note') AND status <> 'void' GROUP BY 1"""
    found = dict(bulk.fetch(statement, [currency, months[0]]))
    return {month: found.get(month, ZERO) for month in months}


def overdue(currency: str, day: date) -> dict[str, Decimal]:
    """bucket → what is open there, without `current`."""
    statement = """
        SELECT due, sum(open - least(held, open)) FROM read_invoice
        WHERE currency = %s AND open > 0 AND status = 'open' AND due < %s AND document = ANY(%s) GROUP BY due"""
    found = dict.fromkeys(buckets()[1:], ZERO)
    for due, amount in bulk.fetch(statement, [currency, day, list(CUSTOMER_OWES)]):
        found[bucket_of(due, day)] += amount
    return found


@dataclass(frozen=True)
class Contracts:
    """Contracts that began and ended in a month, and how many ran at its end."""

    month: date
    began: int
    ended: int
    running: int


def contracts(months: list[date]) -> list[Contracts]:
    """What began, ended and ran, month by month. A contract that another payer goes on with did not end for the house."""
    statement = """
        SELECT m::date, count(*) FILTER (WHERE start >= m), count(*) FILTER (WHERE "end" >= m AND "end" < next AND NOT moved),
            count(start) FILTER (WHERE "end" IS NULL OR "end" >= next)
        FROM (SELECT m, m + interval '1 month' AS next FROM unnest(%s::date[]) AS m) AS months
        LEFT JOIN (SELECT start AT TIME ZONE 'UTC' AS start, "end" AT TIME ZONE 'UTC' AS "end", EXISTS (
            SELECT 1 FROM read_contract next WHERE next.taken_over = c.contract) AS moved FROM read_contract c) AS rows
            ON start < next AND ("end" IS NULL OR "end" >= m)
        GROUP BY m ORDER BY m"""
    return [Contracts(*row) for row in bulk.fetch(statement, [months])]


def sold(currency: str, at: datetime) -> list[tuple[str, str, Decimal, Decimal]]:
    """(item, name, units, amount) of single sales in the last days, returns taken off; the most first."""
    statement = """
        SELECT item, min(name), sum(CASE WHEN amount < 0 THEN -abs(quantity) ELSE quantity END), sum(amount) FROM read_charge
        WHERE kind = 'sale' AND currency = %s AND effective_at > %s AND effective_at <= %s
        GROUP BY item ORDER BY sum(amount) DESC, item LIMIT %s"""
    return [(*row,) for row in bulk.fetch(statement, [currency, at - LATELY, at, MOST_THINGS])]  # type: ignore[misc]


def used(at: datetime) -> list[tuple[str, int, int]]:
    """(meter, records, accounts) of the last days; the most first."""
    statement = """
        SELECT meter, count(*), count(DISTINCT account) FROM usage_record WHERE at > %s AND at <= %s
        GROUP BY meter ORDER BY count(*) DESC, meter LIMIT %s"""
    return [(*row,) for row in bulk.fetch(statement, [at - LATELY, at, MOST_THINGS])]  # type: ignore[misc]


def recurring(months: list[date], at: datetime) -> dict[date, dict[str, Recurring]]:
    """month → currency → what recurred at its end (of the running month: now), and what came and went in it. A month that is over hardly
    moves any more: it is kept for a day, the running one for some minutes."""
    known = cache.get_many([f"recurring:{month}" for month in months])
    found = {}
    for month in months:
        start, end = _instant(month), _instant((month + timedelta(days=31)).replace(day=1))
        rows = known.get(f"recurring:{month}")
        if rows is None:
            rows = {one.currency: one for one in metrics.moved(start, min(end, at))}
            cache.set(f"recurring:{month}", rows, KEPT if end <= at else KEPT_NOW)
        found[month] = rows
    return found


def _instant(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@dataclass(frozen=True)
class Runs:
    """Where the clockwork and the delivery of effects stand: what is late now, and what comes in a day."""

    late: int
    late_since: datetime | None
    soon: int
    owed: int
    owed_since: datetime | None
    recorded: datetime | None  # when the newest event was written


def runs(at: datetime) -> Runs:
    statement = """
        SELECT count(*) FILTER (WHERE due.at <= %s), min(due.at) FILTER (WHERE due.at <= %s), count(*),
            (SELECT count(*) FROM effect WHERE state IN ('owed', 'claimed') AND due_at <= %s),
            (SELECT min(due_at) FROM effect WHERE state IN ('owed', 'claimed') AND due_at <= %s),
            (SELECT recorded_at FROM journal ORDER BY position DESC LIMIT 1)
        FROM due JOIN read_account USING (account) WHERE due.at <= %s AND read_account.status <> 'parked'"""
    late, since, within, owed, owed_since, recorded = bulk.fetch(statement, [at, at, at, at, at + timedelta(days=1)])[0]
    return Runs(late, since, within - late, owed, owed_since, recorded)
