"""Where a period's row stands: live or past; and that whoever reads all periods sees both."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from billing import bulk
from tests.books import advance, do, open_account, publish

pytestmark = pytest.mark.django_db
ROWS = "SELECT item, start::date::text, closed, last FROM {} ORDER BY item, start"


@pytest.fixture
def ana() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="seats", quantity="2")


def test_the_next_period_takes_the_row_of_the_one_before(ana: None) -> None:
    before = bulk.fetch("SELECT count(*) FROM read_live_period")
    advance("2026-03-01")
    assert bulk.fetch("SELECT count(*) FROM read_live_period") == before
    live, past = bulk.fetch(ROWS.format("read_live_period")), bulk.fetch(ROWS.format("ONLY read_period"))
    assert {row[1:] for row in live} == {("2026-03-01", False, True)}
    assert [row[1] for row in past if row[0] == past[0][0]] == ["2026-01-01", "2026-02-01"]
    assert {row[2:] for row in past} == {(True, False)}
    assert bulk.fetch(ROWS.format("read_period")) == sorted([*live, *past])


def test_a_period_that_nothing_follows_stays_live(ana: None) -> None:
    do("cancel", "2026-02-10", account="ana", contract="ana/2", when="now")
    advance("2026-04-01")
    assert {row[2:] for row in bulk.fetch(ROWS.format("read_live_period"))} == {(True, True)}


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE read_live_period SET closed = true, last = false", "period_is_live"),
        ("INSERT INTO read_period SELECT * FROM read_live_period", "period_is_past"),
    ],
)
def test_no_period_stands_in_the_wrong_table(ana: None, statement: str, name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        bulk.write(statement, [])


def test_no_index_tells_periods_apart_that_follow_each_other() -> None:
    """One over a column that changes would be written anew with each of them."""
    found = bulk.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'read_live_period' AND schemaname = 'public'")
    assert [row[0].rpartition(" ")[2] for row in found] == ["(account)"]
