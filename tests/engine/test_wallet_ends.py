"""How lots end, and what is done with wallets beside use: units, refunds, transfers, top-ups that are asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing import bulk
from billing.wallets.queries import spendable
from plans.errors import Conflict, Invalid, NotFound
from tests.books import advance, balance, do, moment, open_account, publish, use
from tests.prepaid import called, commit, grant, ledger, lots, subscribed, top_up, wallet

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world() -> None:
    subscribed()


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
        ("grant", {"amount": "1", "rollover_for": "1 month"}, "missing_field"),
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


def test_nothing_is_committed_while_a_contract_pauses_or_before_it_starts() -> None:
    top_up("10.00")
    do("pause", "2026-01-02", account="ana")
    with pytest.raises(NotFound):
        commit("1", at="2026-01-03")
    do("resume", "2026-01-04", account="ana")
    commit("1", at="2026-01-05")
    assert wallet(at="2026-01-05") == "9.00"


def test_use_in_two_periods_is_priced_and_drawn_in_each() -> None:
    """The tiers start again; late usage of the first period is drawn when it is known."""
    top_up("20.00")
    commit("12", item="data", at="2026-01-20")
    commit("12", item="data", at="2026-02-20")
    assert wallet(at="2026-02-20") == "11.80"
    use("ana", "clicks", arrived="2026-02-21", records=[{"id": "late", "at": moment("2026-01-10"), "value": "5"}])
    advance("2026-02-21")
    assert wallet(at="2026-02-21") == "10.80"
    advance("2026-04-01")
    assert wallet(at="2026-04-01") == "10.80"
    assert bulk.fetch("SELECT count(*) FROM read_open_charge") == [(0,)]
