"""A balance as of any moment: the months before it and the postings of its own month, whatever was recorded late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing import bulk
from billing.queries.money import Dates, balances
from tests.books import advance, assert_books_hold, do, moment, open_account, publish

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


def by_hand(at: datetime) -> dict[Any, Decimal]:
    statement = """
        SELECT currency, ledger, sum(amount) FROM read_posting WHERE account = 'ana' AND effective_at <= %s
            AND ledger IN ('receivable', 'credit', 'payable') GROUP BY 1, 2"""
    return {(currency, ledger): amount for currency, ledger, amount in bulk.fetch(statement, [at])}


def test_any_moment_is_the_sum_of_its_postings() -> None:
    publish()
    open_account("ana", zone="America/New_York")
    do("subscribe", account="ana", plan="basic")
    advance("2026-04-15")
    do("pay", "2026-04-15", account="ana", amount="60.00")
    do("change_quantity", "2026-04-16", account="ana", quantity="3", when="2026-02-10")  # counts from February on
    advance("2026-06-02")
    moments = [row[0] for row in bulk.fetch("SELECT DISTINCT effective_at FROM read_posting")]
    edges = [moment(f"2026-{month:02}-01") for month in range(1, 8)]
    asked = sorted({at + step for at in (*moments, *edges) for step in (-INSTANT, timedelta(0), INSTANT)})
    assert len(asked) > 30
    for at in asked:
        assert balances(["ana"], Dates(as_of=at)).get("ana", {}) == by_hand(at), at
    assert balances(["ana"], Dates(as_of=datetime(2999, 1, 1, tzinfo=UTC))) == balances(["ana"], Dates())
    assert_books_hold()


def test_it_reads_the_postings_of_one_month_alone() -> None:
    """After three years of months."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2029-01-02")
    rows = bulk.fetch("SELECT count(*) FROM read_posting WHERE account = 'ana' AND ledger = 'receivable' AND effective_at >= '2029-01-01'")
    months = bulk.fetch("SELECT count(*) FROM read_month_move WHERE account = 'ana' AND ledger = 'receivable'")
    assert (rows[0][0], months[0][0]) == (1, 37)
    assert balances(["ana"], Dates(as_of=moment("2029-01-02")))["ana"]["EUR", "receivable"] == Decimal("24.14") * 37
