"""Closing months: what is posted where afterwards, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing import bulk
from billing.rebuilding import compare
from plans.errors import Conflict, Invalid, NotFound
from tests.books import CATALOGUE, advance, assert_books_hold, do, open_account, publish, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> None:
    publish()
    open_account()
    do("subscribe", "2026-01-10", account="ana", plan="basic")


def dates(kind: str) -> list[str]:
    """The accounting date of each event of the kind that posted something."""
    statement = """
        SELECT DISTINCT journal.sequence, accounting_date::text FROM read_posting
        JOIN journal ON stream = account AND journal.sequence = read_posting.sequence WHERE kind = %s ORDER BY 1"""
    return [row[1] for row in bulk.fetch(statement, [kind])]


def close(period: str, at: str, **given: Any) -> Any:
    return do("close_period", at, period=period, **given).made


def test_what_is_found_after_a_closing_is_posted_on_the_first_open_day(ana: None) -> None:
    advance("2026-02-01")
    assert close("2026-01", "2026-02-03") == {"closed_through": "2026-01-31"}
    do("pay", "2026-01-31T22:00", account="ana", amount="5.00")
    do("pay", "2026-02-05", account="ana", amount="6.00")
    assert dates("payment.received") == ["2026-02-01", "2026-02-05"]
    effective = bulk.fetch("SELECT effective_at::date::text FROM journal WHERE kind = 'payment.received' ORDER BY sequence")
    assert effective == [("2026-01-31",), ("2026-02-05",)]  # when it counts for the customer stays as it was
    assert_books_hold()
    assert compare(["ana", "books:main"]) == []


def test_recognition_of_a_closed_month_lands_in_the_open_one(ana: None) -> None:
    close("2026-01", "2026-02-03", despite="the clock was down; the auditor agreed on 3 February")
    advance("2026-02-03")
    assert dates("revenue.recognised") == ["2026-02-01"]
    through = bulk.fetch("SELECT data->>'through' FROM journal WHERE kind = 'revenue.recognised'")
    assert through == [("2026-01-31",)]  # and says of which month it is
    assert_books_hold()


def test_late_usage_of_a_closed_month_is_charged_in_the_open_one() -> None:
    publish()
    open_account()
    do("subscribe", "2026-01-01", account="ana", plan="metered")
    use("ana", "calls", arrived="2026-01-20", records=[{"id": "1", "at": "2026-01-19", "value": "8"}])
    advance("2026-02-01")
    close("2026-01", "2026-02-01T12:00")
    use("ana", "calls", arrived="2026-02-02", records=[{"id": "2", "at": "2026-01-30", "value": "4"}])
    before = bulk.fetch("SELECT count(*), max(position) FROM journal")
    advance("2026-02-02")
    assert bulk.fetch("SELECT count(*), max(position) FROM journal") != before
    assert set(dates("charge.accrued")) == {"2026-02-01", "2026-02-02"}
    assert bulk.fetch("SELECT count(*) FROM read_posting WHERE accounting_date < '2026-02-01'") == [(0,)]


def test_a_month_is_closed_once_after_it_is_over_and_with_all_before_it(ana: None) -> None:
    advance("2026-03-01")
    with pytest.raises(Conflict, match="2026-03 ends on 2026-04-01 00:00 UTC") as refused:
        close("2026-03", "2026-03-31T23:59:59")
    assert refused.value.code == "period_not_over"
    close("2026-02", "2026-03-01")
    for month in ("2026-01", "2026-02"):
        with pytest.raises(Conflict, match="the first open day is 2026-03-01") as refused:
            close(month, "2026-03-05")
        assert refused.value.code == "period_closed"
    assert bulk.fetch("SELECT seller, closed_through::text, event FROM read_books") == [("main", "2026-02-28", "books:main/1")]


@pytest.mark.parametrize("period", ["2026", "2026-13", "2026-3", "03-2026", "0000-01", "2026-03-01", "٢٠٢٦-03", ""])
def test_a_month_has_one_form(ana: None, period: str) -> None:
    with pytest.raises(Invalid) as refused:
        close(period, "2026-05-01")
    assert refused.value.code in ("not_a_period", "missing_field", "wrong_type")


def test_an_unknown_seller_is_named_with_the_closest_one(ana: None) -> None:
    with pytest.raises(NotFound, match=r"mian.*main"):
        close("2026-01", "2026-05-01", seller="mian")


def test_work_that_is_left_is_named_and_a_reason_is_kept(ana: None) -> None:
    with pytest.raises(Conflict, match="ana: the clockwork has work that was due") as refused:
        close("2026-01", "2026-02-03")
    assert refused.value.code == "left_to_bill"
    close("2026-01", "2026-02-03", despite="agreed")
    data = bulk.fetch("SELECT data->>'reason', jsonb_array_length(data->'left_out') > 0 FROM journal WHERE kind = 'books.closed'")
    assert data == [("agreed", True)]


def test_a_reason_that_was_not_needed_is_not_kept(ana: None) -> None:
    advance("2026-02-01")
    close("2026-01", "2026-02-03", despite="in case")
    assert bulk.fetch("SELECT data->>'reason' FROM journal WHERE kind = 'books.closed'") == [("",)]


def test_each_seller_closes_alone(ana: None) -> None:
    open_account("bo", seller="other")
    do("sell", "2026-01-20", account="bo", item="ticket", catalogue="test")
    advance("2026-02-01")
    close("2026-01", "2026-02-03", seller="other")
    for account in ("ana", "bo"):
        do("pay", "2026-01-31T22:00", account=account, amount="1.00")
    paid = bulk.fetch("SELECT account, accounting_date::text, seller FROM read_posting WHERE ledger = 'cash:transfer' ORDER BY account")
    assert paid == [("ana", "2026-01-31", "main"), ("bo", "2026-02-01", "other")]


def test_the_month_is_over_when_it_is_over_in_every_zone_of_the_seller(ana: None) -> None:
    publish(CATALOGUE.replace("catalogue: test", "catalogue: west").replace("zone: UTC", "zone: America/Los_Angeles"))
    advance("2026-02-02")
    with pytest.raises(Conflict, match="2026-02-01 08:00 UTC"):
        close("2026-01", "2026-02-01T07:59")
    close("2026-01", "2026-02-01T08:00")


def test_a_preview_posts_where_the_real_one_will(ana: None) -> None:
    advance("2026-02-01")
    close("2026-01", "2026-02-03")
    outcome = do("pay", "2026-01-31", account="ana", amount="5.00", dry_run=True)
    entry = outcome.events[-1].event.entry  # type: ignore[attr-defined]
    assert entry.accounting_date.isoformat() == "2026-02-01"
    assert sum((posting.amount for posting in entry.postings), Decimal(0)) == 0
