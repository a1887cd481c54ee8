"""What a change says of money: unused time credited or kept, charged now or with the next invoice, the billing day kept or moved; another
payer. Every amount by hand; fees in advance, prorated by the day."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from billing import bulk
from plans.errors import Conflict, Invalid
from tests.books import advance, do, documents, moment, open_account, publish, undone

pytestmark = pytest.mark.django_db

PLANS = """
catalogue: c
currency: EUR
zone: UTC
plans:
  small: {period: month, items: {fee: {price: "31.00"}, extra: {price: "6.20", optional: true}}}
  large: {period: month, items: {fee: {price: "62.00"}}}
  seats: {period: month, items: {seat: {price: {model: unit, amount: "3.10"}}}}
  yearly: {period: year, items: {fee: {price: "365.00"}}}
  tried: {period: month, trial: 14 days, items: {fee: {price: "30.00"}}}
  calendar: {period: month, items: {fee: {price: "31.00", align: calendar}}}
"""


def signed(plan: str = "small", at: str = "2026-01-01", **more: object) -> str:
    publish(PLANS)
    open_account()
    return str(do("subscribe", at, account="ana", plan=plan, **more).made["contract"])


def charges(account: str = "ana") -> list[tuple[str, str, str, str]]:
    """(item, from, to, amount) of each charge of something."""
    rows = bulk.fetch(
        'SELECT item, start::date::text, "end"::date::text, amount FROM read_charge WHERE account = %s AND amount <> 0 ORDER BY sequence',
        [account],
    )
    return [(item, start, end, f"{amount:.2f}") for item, start, end, amount in rows]


def totals(account: str = "ana") -> list[tuple[str, str]]:
    return [(kind, total) for kind, _, total, _ in documents(account)]


def test_a_plan_change_credits_what_is_unused() -> None:
    signed()
    do("change_plan", "2026-01-11", account="ana", plan="large")
    # 21 of 31 days: 21.00 back, 42.00 charged
    assert charges()[1:] == [("fee", "2026-01-01", "2026-01-11", "-21.00"), ("fee", "2026-01-11", "2026-02-01", "42.00")]
    assert totals() == [("invoice", "31.00"), ("credit_note", "21.00"), ("invoice", "42.00")]


def test_a_plan_change_without_credit_keeps_what_was_charged() -> None:
    signed()
    do("change_plan", "2026-01-11", account="ana", plan="large", credit_unused="no")
    assert charges()[1:] == [("fee", "2026-01-11", "2026-02-01", "42.00")]
    advance("2026-02-01")
    assert totals() == [("invoice", "31.00"), ("invoice", "42.00"), ("invoice", "62.00")]


def test_a_new_billing_day_without_credit_keeps_what_was_charged() -> None:
    signed()
    do("change_plan", "2026-01-11", account="ana", plan="large", credit_unused="no", billing_day="move")
    advance("2026-02-11")
    assert charges()[1:] == [("fee", "2026-01-11", "2026-02-11", "62.00"), ("fee", "2026-02-11", "2026-03-11", "62.00")]


def test_a_new_billing_day_with_credit() -> None:
    signed()
    do("change_plan", "2026-01-11", account="ana", plan="large", billing_day="move")
    assert charges()[1:] == [("fee", "2026-01-01", "2026-01-11", "-21.00"), ("fee", "2026-01-11", "2026-02-11", "62.00")]


def test_charged_with_the_next_invoice() -> None:
    signed()
    do("change_plan", "2026-01-11", account="ana", plan="large", charge="next_invoice")
    assert totals() == [("invoice", "31.00")]
    advance("2026-02-01")
    assert totals() == [("invoice", "31.00"), ("credit_note", "21.00"), ("invoice", "104.00")]


def test_charged_now_where_the_plan_would_wait() -> None:
    publish(PLANS.replace("small: {period: month,", "small: {period: month, invoice: {when: calendar, every: month, day: 1},"))
    open_account()
    do("subscribe", "2026-01-01", account="ana", plan="small")
    assert totals() == [("invoice", "31.00")]
    do("add_item", "2026-01-11", account="ana", item="extra", charge="now")
    assert totals() == [("invoice", "31.00")]  # the extra item's own period starts: only differences of running ones are the change's


def test_an_item_removed_without_credit() -> None:
    signed(items=["extra"])
    do("remove_item", "2026-01-11", account="ana", item="extra", credit_unused="no")
    advance("2026-02-01")
    assert totals() == [("invoice", "37.20"), ("invoice", "31.00")]


def test_fewer_without_credit_and_more_after_that() -> None:
    signed("seats", quantity="10")
    do("change_quantity", "2026-01-11", account="ana", quantity="5", credit_unused="no")
    do("change_quantity", "2026-01-21", account="ana", quantity="12")
    # 21 of 31 days: 12 × 3.10 × 11/31 = 13.20 for the last eleven days, of which ten seats' 11.00 were charged
    advance("2026-02-01")
    assert sum(Decimal(row[3]) for row in charges()) == Decimal("31.00") * 20 / 31 + Decimal("13.20") + Decimal("37.20")


def test_a_billing_day_moves_at_the_end_of_the_period() -> None:
    signed(at="2026-01-01")
    do("move_billing_day", "2026-01-10", account="ana", to="2026-02-10")
    advance("2026-02-10")
    # 9 of the 31 days from 10 January to 10 February
    assert charges()[1:] == [("fee", "2026-02-01", "2026-02-10", "9.00"), ("fee", "2026-02-10", "2026-03-10", "31.00")]


def test_a_billing_day_moves_at_once_where_asked() -> None:
    signed(at="2026-01-01")
    do("move_billing_day", "2026-01-11", account="ana", to="2026-01-20", when="now")
    advance("2026-01-20")
    # 21 days back; 9 of the 31 days from 20 December to 20 January
    assert charges()[1:] == [
        ("fee", "2026-01-01", "2026-01-11", "-21.00"),
        ("fee", "2026-01-11", "2026-01-20", "9.00"),
        ("fee", "2026-01-20", "2026-02-20", "31.00"),
    ]


def test_a_billing_day_of_a_trial_counts_after_it() -> None:
    signed("tried", at="2026-04-01")
    do("move_billing_day", "2026-04-04", account="ana", to="2026-04-10", when="now")
    advance("2026-05-10")
    # the trial ends on the 15th, the next tenth is that of May: 25 of 30 days
    assert charges() == [("fee", "2026-04-15", "2026-05-10", "25.00"), ("fee", "2026-05-10", "2026-06-10", "30.00")]


def test_a_contract_on_the_calendar_has_no_billing_day() -> None:
    signed("calendar")
    with pytest.raises(Conflict) as refused:
        do("move_billing_day", "2026-01-10", account="ana", to="2026-02-10")
    assert refused.value.code == "no_billing_day"


def test_another_payer_shares_the_period_to_the_cent() -> None:
    signed()
    open_account("ben")
    do("transfer_contract", "2026-01-11", account="ana", to="ben")
    assert totals() == [("invoice", "31.00"), ("credit_note", "21.00")]
    assert totals("ben") == [("invoice", "21.00")]
    advance("2026-02-01")
    assert totals("ben") == [("invoice", "21.00"), ("invoice", "31.00")]
    assert len(documents()) == 2


def test_another_payer_from_the_next_period_on() -> None:
    signed()
    open_account("ben")
    do("transfer_contract", "2026-01-11", account="ana", to="ben", credit_unused="no")
    assert (totals(), totals("ben")) == ([("invoice", "31.00")], [])
    advance("2026-02-01")
    assert (totals(), totals("ben")) == ([("invoice", "31.00")], [("invoice", "31.00")])


def test_another_payer_scheduled() -> None:
    signed()
    open_account("ben")
    do("transfer_contract", "2026-01-11", account="ana", to="ben", when="period_end")
    advance("2026-02-01")
    assert (totals(), totals("ben")) == ([("invoice", "31.00")], [("invoice", "31.00")])
    assert bulk.fetch("SELECT status FROM read_change") == [("applied",)]


def test_another_payer_with_a_billing_day_of_his_own() -> None:
    signed()
    open_account("ben")
    do("transfer_contract", "2026-01-11", account="ana", to="ben", billing_day="move")
    assert totals("ben") == [("invoice", "31.00")]


def test_a_contract_is_not_transferred_to_its_payer_nor_to_another_seller_s_customer() -> None:
    signed()
    open_account("eva", seller="other")
    with pytest.raises(Invalid) as same:
        do("transfer_contract", "2026-01-11", account="ana", to="ana")
    with pytest.raises(Conflict) as other:
        do("transfer_contract", "2026-01-11", account="ana", to="eva")
    assert (same.value.code, other.value.code) == ("same_account", "other_seller")


@pytest.mark.parametrize(("name", "value"), [("charge", "later"), ("billing_day", "stay")])
def test_a_word_that_is_not_known(name: str, value: str) -> None:
    signed()
    with pytest.raises(Invalid) as refused:
        do("change_plan", "2026-01-11", account="ana", plan="large", **{name: value})
    assert (refused.value.code, refused.value.at) == ("unknown_choice", name)


@hypothesis_settings(max_examples=20)
@given(day=st.integers(2, 31), cents=st.integers(1, 99_999))
def test_two_payers_of_one_period_pay_it_once(day: int, cents: int) -> None:
    with undone():
        publish(PLANS.replace('"31.00"', f'"{Decimal(cents) / 100}"', 1))
        open_account()
        open_account("ben")
        do("subscribe", "2026-01-01", account="ana", plan="small")
        do("transfer_contract", moment(f"2026-01-{day:02}"), account="ana", to="ben")
        paid = bulk.fetch("SELECT sum(amount) FROM read_charge")[0][0]
        assert paid == Decimal(cents) / 100
