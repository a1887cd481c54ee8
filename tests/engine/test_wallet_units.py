"""Wallets of units: metered items that take them, grants that a plan gives by itself, and wallets that begin anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing import bulk
from billing.wallets.gate import can_use
from billing.wallets.queries import spendable
from plans.errors import Conflict, Invalid
from tests.books import advance, balance, do, moment, open_account, publish, use
from tests.prepaid import grant, ledger, top_up, wallet

pytestmark = pytest.mark.django_db

CATALOGUE = """
catalogue: units
currency: EUR
zone: UTC
seller: {name: Units Ltd, country: ES}
meters: {megabytes: {aggregate: sum}, jobs: {aggregate: sum}}
plans:
  mobile:
    period: 1 month
    items:
      fee: {price: {model: flat, amount: "10.00"}}
      data: {meter: megabytes, price: {model: unit, amount: "0.001"}, wallet: gb}
      jobs: {meter: jobs, price: {model: graduated, tiers: [{up_to: 2, unit: 1}, {unit: "0.5"}]}, wallet: credit}
    minimums: {least: {amount: "10.00"}}
    grants:
      data: {unit: gb, amount: 3, rollover_most: 1, rollover_for: 1 month}
  large:
    period: 1 month
    items:
      fee: {price: {model: flat, amount: "20.00"}}
      data: {meter: megabytes, price: {model: unit, amount: "0.001"}, wallet: gb}
    grants:
      data: {unit: gb, amount: 10}
"""


@pytest.fixture(autouse=True)
def world() -> None:
    publish(CATALOGUE)
    open_account()
    do("subscribe", account="ana", plan="mobile")


def units(unit: str = "gb", at: str = "2026-01-02") -> str:
    return f"{spendable('ana', at=moment(at)).get(unit, Decimal(0)).normalize():f}"


def moved() -> dict[str, str]:
    """Balances, without the fee of the month and its invoice."""
    return {name: amount for name, amount in ledger().items() if name not in ("deferred", "receivable")}


def download(megabytes: str, at: str, **given: Any) -> None:
    use("ana", "megabytes", arrived=at, records=[{"id": at, "at": moment(at), "value": megabytes, **given}])
    advance(at)


def test_use_is_priced_in_units_and_taken_at_each_tick_and_no_money_moves() -> None:
    download("1234.567", "2026-01-02")
    assert units() == "1.765433"
    use(
        "ana",
        "megabytes",
        arrived="2026-01-03",
        records=[{"id": "less", "amends": "2026-01-02", "at": moment("2026-01-02"), "value": "234"}],
    )
    advance("2026-01-03")
    assert units() == "2.766"
    assert moved() == {}
    assert bulk.fetch("SELECT DISTINCT currency FROM read_charge WHERE item = 'data'") == [("gb",)]


def test_the_money_paid_for_units_is_earned_as_they_are_used() -> None:
    top_up("10", unit="credit", price="15.00")
    use("ana", "jobs", arrived="2026-01-02", records=[{"id": "a", "at": moment("2026-01-02"), "value": "4"}])
    advance("2026-01-02")
    assert units("credit") == "7"  # 1 + 1 + 0.5 + 0.5
    assert balance("prepaid") == Decimal("-10.50")
    assert balance("revenue:usage") == Decimal("-4.50")


def test_units_beyond_the_wallet_are_owed_and_post_nothing_until_a_paid_lot_pays_them() -> None:
    download("5000", "2026-01-02")
    assert units() == "-2"
    assert moved() == {}
    top_up("4", "2026-01-03", unit="gb", price="8.00")
    assert units(at="2026-01-03") == "2"
    assert balance("prepaid") == Decimal("-4.00")
    assert balance("revenue:usage") == Decimal("-4.00")


def test_a_commit_of_an_item_that_takes_units_asks_the_wallet_of_units() -> None:
    assert can_use("ana", "data", Decimal(3000), at=moment("2026-01-02")).allowed
    assert not can_use("ana", "data", Decimal(3001), at=moment("2026-01-02")).allowed
    do("commit", "2026-01-02", account="ana", item="data", quantity="2500")
    with pytest.raises(Conflict, match=r"0.6 gb wanted, 0.5 can be spent"):
        do("commit", "2026-01-02", account="ana", item="data", quantity="600")
    assert do("reserve", "2026-01-02", account="ana", item="data", quantity="500").made["amount"] == "0.5"
    assert units() == "0"


def test_a_plan_gives_each_period_and_what_rolls_over_lives_one_period_longer() -> None:
    download("1500", "2026-01-10")
    advance("2026-02-01")
    assert units(at="2026-02-01") == "4"  # 1 of the 1.5 left, and 3 more
    download("500", "2026-02-02")
    assert units(at="2026-02-02") == "3.5"  # of January's first: it ends sooner or as soon, and is older
    advance("2026-03-01")
    assert units(at="2026-03-01") == "4"
    rows = bulk.fetch("SELECT amount, start::date::text, expires::date::text FROM read_wallet_lot ORDER BY start")
    assert [row[1:] for row in rows] == [("2026-01-01", "2026-03-01"), ("2026-02-01", "2026-04-01"), ("2026-03-01", "2026-04-01")]


def test_grants_end_with_the_contract_and_follow_the_plan_in_force() -> None:
    do("change_plan", "2026-01-15", account="ana", plan="large")
    assert units(at="2026-01-15") == "3"  # the larger one comes with the next period
    advance("2026-02-01")
    assert units(at="2026-02-01") == "11"
    do("cancel", "2026-02-10", account="ana", when="now")
    advance("2026-06-01")
    assert bulk.fetch("SELECT count(*) FROM read_wallet_lot") == [(2,)]


def test_a_year_that_is_caught_up_at_once_gives_each_month_once() -> None:
    advance("2026-12-31")
    advance("2026-12-31")
    rows = bulk.fetch("SELECT count(*), count(DISTINCT start), sum(amount) FROM read_wallet_lot")
    assert rows == [(12, 12, Decimal(36))]


def test_a_reset_of_money_earns_what_was_paid_and_gives_what_was_owed() -> None:
    top_up("10.00", "2026-01-02")
    grant("5.00", "2026-01-02", rollover_most="2.00", rollover_least="1.00")
    do("reset_wallet", "2026-01-03", account="ana")
    assert wallet(at="2026-01-03") == "2.00"
    assert moved() == {"cash:transfer": "10.00", "revenue:breakage": "-10.00"}
    do("set_wallet", "2026-01-03", account="ana", overdraft="9.00")
    do("reserve", "2026-01-03", account="ana", amount="5.00")
    with pytest.raises(Conflict, match="5 EUR are reserved"):
        do("reset_wallet", "2026-01-04", account="ana")


def test_a_part_of_the_grants_is_voided_in_the_order_in_which_they_burn() -> None:
    grant("5.00", priority=2)
    grant("3.00", priority=1)
    top_up("7.00")
    do("void_grant", "2026-01-02", account="ana", amount="4.00", reason="Error")
    assert bulk.fetch("SELECT \"left\" FROM read_wallet_lot WHERE unit = 'EUR' ORDER BY sequence") == [(4,), (0,), (7,)]
    with pytest.raises(Conflict, match="4 EUR of the wallet were given and are left"):
        do("void_grant", "2026-01-02", account="ana", amount="4.01", reason="Error")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"rollover_least": "1.00"}, "missing_field"),
        ({"rollover_most": "2.00", "rollover_least": "3.00"}, "out_of_range"),
        ({"rollover_for": "1 month"}, "missing_field"),
    ],
)
def test_what_rolls_over_must_make_sense(given: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        grant("5.00", **given)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("wallet: gb}", "wallet: gb, tax: standard}", "units of a wallet bear no tax"),
        ("wallet: gb}", "wallet: gb, draws: invoice}", "units of a wallet are taken at each tick"),
        ("wallet: gb}", "wallet: gb, timing: arrears}", "say 'timing: tick'"),
        ('least: {amount: "10.00"}', 'least: {amount: "10.00", items: [data]}', "takes units of a wallet"),
        ("amount: 3,", "amount: 0,", "expected more than 0 with at most 6 decimals"),
        ("rollover_for: 1 month}", "items: [calls]}", "both how much rolls over"),
        ("amount: 10}", "amount: 10, items: [calls]}", "the plan has no item 'calls'"),
    ],
)
def test_a_catalogue_of_units_that_makes_no_sense_is_refused(old: str, new: str, said: str) -> None:
    assert old in CATALOGUE
    with pytest.raises(Invalid, match=said):
        publish(CATALOGUE.replace(old, new, 1) + "taxes: [{code: vat, rate: 21, categories: [standard]}]\n", at="2026-01-02")
