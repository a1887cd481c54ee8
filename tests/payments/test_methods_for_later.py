"""Payment methods as changes for a later moment: scheduled, held against each other, carried out by the clockwork."""

from __future__ import annotations

import pytest

from billing import bulk
from plans.errors import Conflict
from tests.books import do
from tests.payments.gateways import collections, live, subscribed, with_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def methods() -> tuple[str, str]:
    """An account with two cards: the default one is declined, the other approves; 24.14 is due on 15 January."""
    subscribed()
    first = with_card("decline_hard")
    second = do("add_method", account="ana", gateway_token="sandbox:approve", default="no").made["method"]
    return first, second


def changes() -> list[tuple[str, str]]:
    return bulk.fetch("SELECT command, status FROM read_change ORDER BY asked_at, change")


def test_the_default_method_changes_on_its_day(methods: tuple[str, str]) -> None:
    do("set_default_method", "2026-01-10", account="ana", method=methods[1], when="2026-01-14")
    live("2026-01-16")
    assert collections() == [("24.14", "settled", "", "1", "due")]
    assert changes() == [("set_default_method", "applied")]


def test_two_defaults_for_one_day_name_each_other(methods: tuple[str, str]) -> None:
    change = do("set_default_method", "2026-01-10", account="ana", method=methods[1], when="2026-01-14").made["change"]
    with pytest.raises(Conflict) as refused:
        do("set_default_method", "2026-01-11", account="ana", method=methods[0], when="2026-01-14")
    assert (refused.value.code, refused.value.facts["event"]) == ("change_conflict", change)
    assert "both set the method of payment" in refused.value.message


def test_a_method_that_a_scheduled_change_needs_is_not_removed(methods: tuple[str, str]) -> None:
    change = do("set_default_method", "2026-01-10", account="ana", method=methods[1], when="2026-01-14").made["change"]
    for named in ({"method": methods[1]}, {}):  # by its id; or as the newest, which only the rehearsal finds out
        with pytest.raises(Conflict) as refused:
            do("remove_method", "2026-01-11", account="ana", **named)
        assert (refused.value.code, refused.value.facts["event"]) == ("change_conflict", change)
    do("remove_method", "2026-01-11", account="ana", method=methods[1], on_conflict="rebase")
    assert changes() == [("set_default_method", "questioned")]


def test_who_pays_by_himself_from_a_day_on_is_not_collected(methods: tuple[str, str]) -> None:
    do("set_collection", "2026-01-10", account="ana", mode="manual", when="2026-01-12")
    with pytest.raises(Conflict) as refused:
        do("set_collection", "2026-01-11", account="ana", mode="automatic", when="2026-01-12")
    assert refused.value.code == "change_conflict"
    live("2026-01-16")
    assert collections() == []
    assert changes() == [("set_collection", "applied")]
