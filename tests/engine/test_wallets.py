"""Prepaid wallets: lots, use that draws at each tick, reservations and commits, and the books behind them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk
from billing.wallets.gate import can_use
from plans.errors import Conflict, NotFound
from tests.books import advance, balance, do, moment, use
from tests.prepaid import called, commit, grant, ledger, lots, subscribed, top_up, wallet

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world() -> None:
    subscribed()


def test_a_top_up_is_owed_to_the_customer_until_it_is_used() -> None:
    top_up("100.00", channel="card")
    assert ledger() == {"cash:card": "100.00", "prepaid": "-100.00"}
    called("20", "2026-01-02")
    assert ledger() == {"cash:card": "100.00", "prepaid": "-80.00", "revenue:usage": "-20.00"}
    assert wallet() == "80.00"
    assert bulk.fetch("SELECT count(*) FROM read_invoice") == [(0,)]


def test_use_at_the_moment_of_its_arrival_is_drawn_then_and_once() -> None:
    top_up("100.00")
    called("20", "2026-01-02T10:00")
    called("5", "2026-01-02T10:00", name="same instant")
    assert wallet() == "75.00"
    advance("2026-03-01")
    assert wallet(at="2026-03-01") == "75.00"


def test_promotional_money_burns_first_and_reduces_revenue() -> None:
    top_up("10.00")
    grant("5.00")
    called("7", "2026-01-02")
    assert lots() == ["8.00", "0.00"]
    assert ledger() == {"cash:transfer": "10.00", "discounts:promotional": "5.00", "prepaid": "-8.00", "revenue:usage": "-7.00"}


def test_the_burnt_lots_are_frozen_in_the_event() -> None:
    paid, given = top_up("10.00"), grant("5.00")
    called("7", "2026-01-02")
    rows = bulk.fetch("SELECT use->>'lot', use->>'amount' FROM journal, jsonb_array_elements(data->'uses') use WHERE kind = 'wallet.drawn'")
    assert rows == [(given, "5"), (paid, "2")]


def test_a_restricted_lot_pays_only_for_its_items() -> None:
    grant("5.00", items=["data"])
    top_up("10.00")
    called("7", "2026-01-02")
    assert lots() == ["5.00", "3.00"]
    commit("10", item="data", at="2026-01-03")
    assert lots() == ["1.30", "3.00"]


def test_less_use_opens_the_lots_again_the_last_burnt_first() -> None:
    grant("5.00")
    top_up("10.00")
    called("7", "2026-01-02", name="a")
    assert lots() == ["0.00", "8.00"]
    use("ana", "seconds", arrived="2026-01-03", records=[{"id": "b", "amends": "a", "at": moment("2026-01-02"), "value": "4"}])
    advance("2026-01-03")
    assert lots() == ["1.00", "10.00"]


def test_use_beyond_the_wallet_is_owed_and_the_next_top_up_pays_it() -> None:
    top_up("10.00")
    called("12", "2026-01-02")
    assert wallet() == "-2.00"
    assert balance("overdrawn") == 2
    top_up("5.00", at="2026-01-03")
    assert wallet(at="2026-01-03") == "3.00"
    assert balance("overdrawn") == 0
    assert balance("prepaid") == -3


def test_what_was_owed_and_paid_since_comes_back_to_the_lot_that_paid_it() -> None:
    top_up("10.00")
    called("12", "2026-01-02", name="a")
    top_up("5.00", at="2026-01-03")
    use("ana", "seconds", arrived="2026-01-04", records=[{"id": "b", "voids": "a"}])
    advance("2026-01-04")
    assert lots() == ["10.00", "5.00"]
    assert wallet(at="2026-01-04") == "15.00"
    assert balance("overdrawn") == 0


def test_use_beyond_a_wallet_may_be_given() -> None:
    grant("3.00")
    use("ana", "gifts", arrived="2026-01-02", records=[{"id": "g", "at": moment("2026-01-02"), "value": "5"}])
    advance("2026-01-02")
    assert ledger() == {"discounts:promotional": "3.00", "discounts:courtesy": "2.00", "revenue:usage": "-5.00"}
    assert wallet() == "0.00"


# --- commit, reserve, release -------------------------------------------------------------------------------------------------------


def test_a_commit_is_the_record_the_charge_and_the_drawdown() -> None:
    top_up("10.00")
    outcome = commit("3")
    assert [recorded.event.kind for recorded in outcome.events if recorded.command != "subscribe"] == ["charge.accrued", "wallet.drawn"]
    assert outcome.made["cost"] == "3"
    assert wallet() == "7.00"


def test_a_commit_beyond_the_wallet_is_refused_and_changes_nothing() -> None:
    top_up("2.00")
    with pytest.raises(Conflict, match="3 EUR wanted, 2 can be spent") as refused:
        commit("3")
    assert refused.value.code == "not_enough_prepaid"
    assert bulk.fetch("SELECT count(*) FROM usage_record") == [(0,)]
    commit("2")
    assert wallet() == "0.00"


def test_135_clicks_fit_into_a_budget_of_50_and_the_next_does_not() -> None:
    """ADS-03: 0.37 a click; here the dearer tier holds for the first ten only, so the gate is asked with a price that changes."""
    top_up("3.90")
    commit("10", item="data")
    assert can_use("ana", "data", at=moment("2026-01-02")).cost == Decimal("0.20")
    commit("1", item="data")
    assert not can_use("ana", "data", at=moment("2026-01-02")).allowed
    with pytest.raises(Conflict):
        commit("1", item="data")
    assert wallet() == "0.00"


def test_an_overdraft_that_was_agreed_is_the_new_floor() -> None:
    do("set_wallet", account="ana", overdraft="5.00")
    top_up("2.00")
    commit("6")
    assert wallet() == "-4.00"
    with pytest.raises(Conflict):
        commit("2")
    commit("1")
    assert wallet() == "-5.00"


def test_what_is_reserved_can_be_used_by_its_commit_alone() -> None:
    top_up("10.00")
    name = do("reserve", "2026-01-02", account="ana", item="calls", quantity="8").made["reservation"]
    assert wallet() == "2.00"
    with pytest.raises(Conflict):
        commit("3")
    commit("6", reservation=name)
    assert wallet() == "4.00"
    with pytest.raises(NotFound):
        commit("1", reservation=name)


def test_a_reservation_is_released_or_expires() -> None:
    top_up("10.00")
    name = do("reserve", "2026-01-02", account="ana", amount="8.00", until="2026-01-03").made["reservation"]
    other = do("reserve", "2026-01-02", account="ana", amount="1.00").made["reservation"]
    do("release", "2026-01-02", account="ana", reservation=other)
    assert wallet() == "2.00"
    advance("2026-01-03")
    assert wallet(at="2026-01-03") == "10.00"
    with pytest.raises(NotFound):
        do("release", "2026-01-04", account="ana", reservation=name)


def test_a_use_is_committed_once_under_its_id() -> None:
    top_up("10.00")
    commit("3", id="call-1")
    with pytest.raises(Conflict) as refused:
        commit("3", id="call-1")
    assert refused.value.code == "usage_known"
    assert wallet() == "7.00"


def test_a_dry_run_says_the_cost_and_leaves_nothing() -> None:
    top_up("10.00")
    preview = do("commit", "2026-01-02", account="ana", item="calls", quantity="3", dry_run=True)
    assert preview.made["cost"] == "3"
    assert wallet() == "10.00"
