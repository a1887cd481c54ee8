"""Prepaid wallets: lots, reservations, use that draws at each tick, expiry, and the books behind them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing import bulk
from billing.engine import Outcome
from billing.wallets.gate import can_use
from billing.wallets.queries import spendable
from plans.errors import Conflict, Invalid, NotFound
from tests.books import advance, balance, do, moment, open_account, publish, use

pytestmark = pytest.mark.django_db

CATALOGUE = """
catalogue: prepaid
currency: EUR
zone: UTC
seller: {name: Prepaid Ltd, country: ES}
meters:
  seconds: {aggregate: sum}
  clicks: {aggregate: sum}
  gifts: {aggregate: sum}
plans:
  phone:
    name: Phone
    period: 1 month
    items:
      calls: {meter: seconds, price: {model: unit, amount: "1.00"}, timing: tick, draws: tick}
      data: {meter: clicks, price: {model: graduated, tiers: [{up_to: 10, unit: "0.37"}, {unit: "0.20"}]}, timing: tick, draws: tick}
      gifts: {meter: gifts, price: {model: unit, amount: "1.00"}, timing: tick, draws: tick, beyond: free}
"""


@pytest.fixture(autouse=True)
def world() -> None:
    publish(CATALOGUE)
    open_account()
    do("subscribe", account="ana", plan="phone")


def wallet(account: str = "ana", at: str = "2026-01-02", unit: str = "EUR") -> str:
    return f"{spendable(account, at=moment(at)).get(unit, Decimal(0)):.2f}"


def lots(account: str = "ana") -> list[str]:
    rows = bulk.fetch('SELECT "left" FROM read_wallet_lot WHERE account = %s ORDER BY sequence', [account])
    return [f"{left:.2f}" for (left,) in rows]


def top_up(amount: str, at: str = "2026-01-01", **given: Any) -> str:
    return str(do("top_up", at, account=given.pop("account", "ana"), amount=amount, **given).made["grant"])


def grant(amount: str, at: str = "2026-01-01", **given: Any) -> str:
    return str(do("grant", at, account="ana", amount=amount, **given).made["grant"])


def commit(quantity: str, at: str = "2026-01-02", **given: Any) -> Outcome:
    if "unit" not in given:
        given.setdefault("item", "calls")
    return do("commit", at, account="ana", quantity=quantity, **given)


def called(value: str, at: str, *, name: str = "", **given: Any) -> None:
    """A record arrives and the beat counts it."""
    use("ana", "seconds", arrived=at, records=[{"id": name or at, "at": moment(at), "value": value, **given}])
    advance(at)


def ledger() -> dict[str, str]:
    rows = bulk.fetch("SELECT ledger, amount FROM read_balance WHERE account = 'ana' AND amount <> 0 ORDER BY ledger")
    return {name: f"{amount:.2f}" for name, amount in rows}


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


# --- expiry -------------------------------------------------------------------------------------------------------------------------


def test_paid_money_that_expires_is_breakage_and_promotional_money_nothing() -> None:
    top_up("10.00", lasts="30 days")
    grant("5.00", expires="2026-01-31")
    advance("2026-01-30")
    assert wallet(at="2026-01-30") == "15.00"
    advance("2026-01-31")
    assert ledger() == {"cash:transfer": "10.00", "revenue:breakage": "-10.00"}
    assert lots() == ["0.00", "0.00"]


def test_top_ups_with_their_own_end_burn_the_soonest_first() -> None:
    """MOBILE-10."""
    top_up("20.00", lasts="180 days")
    top_up("10.00", at="2026-01-02", lasts="30 days")
    called("4", "2026-01-05")
    assert lots() == ["20.00", "6.00"]
    advance("2026-02-02")
    assert balance("revenue:breakage") == -6
    assert wallet(at="2026-02-02") == "20.00"


def test_a_lot_that_expired_meanwhile_takes_back_its_part_and_expires_again() -> None:
    top_up("10.00", expires="2026-01-10")
    called("8", "2026-01-02", name="a")
    advance("2026-01-10")
    assert balance("revenue:breakage") == -2
    use("ana", "seconds", arrived="2026-01-12", records=[{"id": "b", "amends": "a", "at": moment("2026-01-02"), "value": "5"}])
    advance("2026-01-12")
    assert balance("revenue:breakage") == -5
    assert balance("revenue:usage") == -5
    assert lots() == ["0.00"]


def test_a_part_of_what_is_left_rolls_over_once() -> None:
    grant("10.00", expires="2026-02-01", rollover_most="4.00", rollover_for="1 month")
    advance("2026-02-01")
    assert wallet(at="2026-02-01") == "4.00"
    advance("2026-03-01")
    assert wallet(at="2026-03-01") == "0.00"


# --- units, refunds, transfers, top-ups that are asked for --------------------------------------------------------------------------


def test_a_block_of_hours_earns_what_was_paid_for_the_hours_used() -> None:
    """SERV-08: ten hours for 700.00, 6.5 used, the rest expires."""
    top_up("10", unit="hour", price="700.00", expires="2026-06-30")
    commit("6.5", unit="hour")
    assert ledger() == {"cash:transfer": "700.00", "prepaid": "-245.00", "revenue:usage": "-455.00"}
    with pytest.raises(Conflict):
        commit("4", unit="hour")
    advance("2026-06-30")
    assert ledger() == {"cash:transfer": "700.00", "revenue:breakage": "-245.00", "revenue:usage": "-455.00"}


def test_only_paid_money_is_refunded() -> None:
    top_up("10.00")
    grant("5.00")
    commit("6")
    with pytest.raises(Conflict):
        do("refund_wallet", "2026-01-03", account="ana", amount="9.01")
    do("refund_wallet", "2026-01-03", account="ana", channel="cash")
    assert ledger()["cash:cash"] == "-9.00"
    assert balance("prepaid") == 0


def test_what_is_reserved_is_not_refunded() -> None:
    top_up("10.00")
    do("reserve", "2026-01-02", account="ana", amount="8.00")
    with pytest.raises(Conflict, match="2 EUR are free"):
        do("refund_wallet", "2026-01-02", account="ana", amount="3.00")


def test_a_promotional_grant_is_voided_and_a_paid_one_is_not() -> None:
    paid, given = top_up("10.00"), grant("5.00")
    do("void_grant", "2026-01-02", account="ana", grant=given, reason="a mistake")
    assert lots() == ["10.00", "0.00"]
    with pytest.raises(Conflict):
        do("void_grant", "2026-01-02", account="ana", grant=paid, reason="a mistake")


def test_money_is_sent_to_another_wallet_and_keeps_its_end() -> None:
    open_account("bob")
    top_up("10.00", expires="2026-02-01")
    do("transfer_wallet", "2026-01-02", account="ana", to="bob", amount="4.00")
    assert wallet("ana") == "6.00"
    assert wallet("bob") == "4.00"
    assert balance("transfer") + balance("transfer", "bob") == 0
    advance("2026-02-01")
    assert balance("revenue:breakage", "bob") == -4


def test_a_low_wallet_asks_for_a_top_up_once_until_the_next_comes() -> None:
    top_up("10.00")
    do("set_wallet", account="ana", threshold="5.00", top_up_to="20.00")
    commit("6")
    commit("1")
    assert effects() == [("wallet.top_up", "16")]
    top_up("15.00", at="2026-01-03")
    commit("14", at="2026-01-04")
    assert [amount for _, amount in effects()] == ["16", "16"]


def effects() -> list[tuple[str, str]]:
    rows = bulk.fetch("SELECT kind, payload->>'amount' FROM effect WHERE kind LIKE 'wallet%%' ORDER BY sequence")
    return [(kind, amount) for kind, amount in rows]


@pytest.mark.parametrize(
    ("command", "given", "code"),
    [
        ("top_up", {"amount": "0"}, "out_of_range"),
        ("top_up", {"amount": "1.001"}, "out_of_range"),
        ("top_up", {"amount": "10", "unit": "hour"}, "missing_field"),
        ("top_up", {"amount": "10", "price": "9"}, "conflict"),
        ("grant", {"amount": "1", "expires": "2026-01-01"}, "out_of_range"),
        ("grant", {"amount": "1", "rollover_most": "1"}, "missing_field"),
        ("reserve", {}, "missing_field"),
        ("set_wallet", {"overdraft": "-1"}, "out_of_range"),
        ("set_wallet", {"top_up_to": "1"}, "out_of_range"),
    ],
)
def test_what_can_not_be_is_refused_by_name(command: str, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        do(command, account="ana", **given)
    assert refused.value.code == code


def test_an_item_that_draws_on_no_wallet_is_not_committed() -> None:
    with pytest.raises(NotFound) as refused:
        commit("1", item="colls")
    assert refused.value.code == "unknown_item"


def test_what_could_be_spent_then_is_asked_with_two_dates() -> None:
    top_up("10.00", expires="2026-01-20")
    grant("5.00", at="2026-01-03")
    commit("6", at="2026-01-04")
    do("reserve", "2026-01-05", account="ana", amount="2.00", until="2026-01-08")
    advance("2026-01-25")

    def then(day: int) -> Decimal:
        return spendable("ana", at=moment("2026-01-25"), as_of=moment(f"2026-01-{day:02}"))["EUR"]

    assert [then(day) for day in (1, 3, 4, 5, 8, 20, 25)] == [10, 15, 9, 7, 9, 5, 5]
    assert spendable("ana", at=moment("2026-01-25"))["EUR"] == 5
    known = spendable("ana", at=moment("2026-01-25"), known_at=moment("2026-01-03"))
    assert known == {"EUR": Decimal(5)}  # without the top-up's expiry: it could not be used on the 25th


def test_an_account_with_prepaid_money_is_not_closed() -> None:
    open_account("bob")
    do("top_up", account="bob", amount="10.00")
    with pytest.raises(Conflict) as refused:
        do("close_account", "2026-01-02", account="bob")
    assert refused.value.code == "balance_open"
    do("refund_wallet", "2026-01-02", account="bob", channel="transfer")
    do("close_account", "2026-01-02", account="bob")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("{meter: seconds, price: 1, draws: tick}", "draws"),
        ("{meter: seconds, price: 1, timing: tick, beyond: free}", "beyond"),
        ("{meter: seconds, price: 1, timing: tick, draws: tick, owes: us}", "draws"),
        ("{meter: seconds, price: 1, timing: tick, draws: tick, tax: standard}", "tax"),
    ],
)
def test_what_a_wallet_can_not_pay_is_refused_in_the_catalogue(item: str, field: str) -> None:
    taxes = "taxes: {vat: {rate: 21, country: ES, categories: [standard]}}"
    source = f"catalogue: bad\ncurrency: EUR\n{taxes}\nmeters: {{seconds: {{aggregate: sum}}}}\n"
    with pytest.raises(Invalid) as refused:
        publish(f"{source}plans: {{p: {{period: 1 month, items: {{calls: {item}}}}}}}\n")
    assert refused.value.at.endswith(f"plans.p.items.calls.{field}")
