"""A contract ends when its plan lets it: not before its term where that is refused, and with the notice that is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from billing import bulk
from plans.errors import NotAllowed
from tests.books import advance, do, open_account, publish

pytestmark = pytest.mark.django_db

PLANS = """
catalogue: gym
currency: EUR
plans:
  fixed: {period: month, term: 3 months, early_end: refused, items: {fee: {price: "20.00"}}}
  open: {period: month, notice: 1 month, items: {fee: {price: "20.00"}}}
"""


@pytest.fixture(autouse=True)
def gym() -> None:
    publish(PLANS)
    open_account()


def refused(code: str, **given: Any) -> str:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(NotAllowed) as found:
        do("cancel", given.pop("at", "2026-01-31"), account="ana", **given)
    assert found.value.code == code
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    return found.value.message


def test_a_fixed_term_is_kept_and_ends_by_itself() -> None:
    do("subscribe", account="ana", plan="fixed")
    assert "runs until 2026-04-01 00:00 UTC and may not be ended before" in refused("within_term")
    refused("within_term", when="2026-03-31")
    do("cancel", "2026-01-31", account="ana", when="term_end")
    advance("2026-04-01")
    assert bulk.fetch("SELECT status FROM read_contract") == [("ended",)]


def test_notice_is_counted_from_when_it_is_given() -> None:
    do("subscribe", account="ana", plan="open")
    assert refused("short_notice").endswith("it may end from 2026-02-28 00:00 UTC on")
    refused("short_notice", when="2026-02-27")
    do("cancel", "2026-01-31", account="ana", when="2026-02-28")
    assert bulk.fetch('SELECT "end"::date::text FROM read_contract') == [("2026-02-28",)]
