"""Credit limits: nothing more on credit beyond them; set at once or for later; held against what is scheduled, and again when it comes."""

from __future__ import annotations

from datetime import date

import pytest

from billing import bulk, journal
from billing.queries.credit import credit_limit
from billing.rebuilding import compare
from plans.errors import Conflict, Invalid
from tests.books import advance, assert_books_hold, do, open_account, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> str:
    """Ten seats at 7.00 a month, paid in advance with 21 % tax: 84.70, due on the day; paid for January."""
    publish()
    open_account()
    open_account("ben")
    contract: str = do("subscribe", account="ana", plan="seats", quantity="10").made["contract"]
    do("pay", account="ana", amount="84.70")
    return contract


def limit(amount: str, at: str = "2026-01-05", **more: str) -> str:
    return do("set_credit_limit", at, account="ana", amount=amount, **more).events[-1].address


def statuses() -> list[tuple[str, str, str]]:
    return bulk.fetch("SELECT command, status, code FROM read_change ORDER BY asked_at, change")


def test_what_is_bought_must_fit(ana: str) -> None:
    event = limit("100")
    do("sell", "2026-01-06", account="ana", item="ticket", quantity="5", catalogue="test")  # 57.48
    before = journal.read(["ana"])
    with pytest.raises(Conflict) as refused:
        do("sell", "2026-01-07", account="ana", item="ticket", quantity="5", catalogue="test")
    assert refused.value.code == "credit_limit"
    assert (refused.value.facts["owed"], refused.value.facts["limit"]) == ("114.96", "100.00")
    assert (refused.value.facts["event"], refused.value.facts["by"]) == (event, "tester")
    assert journal.read(["ana"]) == before
    do("pay", "2026-01-07", account="ana", amount="57.48")
    do("sell", "2026-01-07", account="ana", item="ticket", quantity="5", catalogue="test")
    assert_books_hold()


def test_a_limit_of_nothing_sells_for_money_that_is_there(ana: str) -> None:
    limit("0")
    with pytest.raises(Conflict, match=r"its credit limit is 0\.00"):
        do("sell", "2026-01-06", account="ana", item="ticket", catalogue="test")
    do("pay", "2026-01-06", account="ana", amount="11.50")
    do("sell", "2026-01-06", account="ana", item="ticket", catalogue="test")
    assert credit_limit("ana").left == 0


def test_what_goes_on_is_charged_whatever_the_limit_says(ana: str) -> None:
    limit("10")
    advance("2026-02-01")
    found = credit_limit("ana")
    assert (str(found.owed), str(found.left)) == ("84.70", "-74.70")
    do("change_quantity", "2026-02-02", account="ana", quantity="5")  # less than before: never refused


def test_of_all_that_changes_a_contract_what_costs_more_must_fit(ana: str) -> None:
    limit("20")
    with pytest.raises(Conflict, match="change_quantity would bring"):
        do("change_quantity", "2026-01-11", account="ana", quantity="20")
    with pytest.raises(Conflict, match="subscribe would bring"):
        do("subscribe", "2026-01-11", account="ana", plan="basic")
    with pytest.raises(Conflict, match="change_plan would bring"):
        do("change_plan", "2026-01-11", account="ana", plan="pro", quantity="40", credit_unused="no")


def test_a_limit_binds_who_takes_a_contract_over(ana: str) -> None:
    do("set_credit_limit", "2026-01-02", account="ben", amount="10")
    with pytest.raises(Conflict) as refused:
        do("transfer_contract", "2026-01-11", account="ana", to="ben")
    assert (refused.value.code, refused.value.facts["event"]) == ("credit_limit", "ben/2")


def test_a_scheduled_change_must_fit_when_it_comes(ana: str) -> None:
    """What falls due until then is taken as paid, so the months between do not add up: 169.40 fit into 200, 211.75 do not."""
    limit("200")
    do("change_quantity", "2026-01-06", account="ana", quantity="20", when="2026-05-01")
    with pytest.raises(Conflict) as refused:
        do("change_quantity", "2026-01-06", account="ana", quantity="25", when="2026-06-01")
    assert (refused.value.code, refused.value.facts["owed"]) == ("credit_limit", "211.75")


def test_a_limit_that_a_scheduled_charge_would_break(ana: str) -> None:
    change = do("change_quantity", "2026-01-06", account="ana", quantity="20", when="2026-05-01").made["change"]
    with pytest.raises(Conflict) as refused:
        limit("100", "2026-01-07")
    facts = refused.value.facts
    assert refused.value.code == "change_conflict"
    assert (facts["event"], facts["scheduled_by"], f"{facts['scheduled_at']:%Y-%m-%d}") == (change, "tester", "2026-01-06")
    assert facts["ways"] == ("replace", "after", "before", "rebase")
    assert credit_limit("ana") is None
    limit("100", "2026-01-07", on_conflict="rebase")
    assert statuses() == [("change_quantity", "questioned", "credit_limit")]


@pytest.mark.parametrize(
    ("way", "left"),
    [("replace", [("change_quantity", "withdrawn", "")]), ("before", [("change_quantity", "questioned", "credit_limit")])],
)
def test_the_ways_out_of_a_limit_that_is_too_low(ana: str, way: str, left: list[tuple[str, str, str]]) -> None:
    do("change_quantity", "2026-01-06", account="ana", quantity="20", when="2026-05-01")
    limit("100", "2026-01-07", on_conflict=way)
    assert statuses() == left


def test_a_limit_for_later_is_held_against_what_comes_after_it(ana: str) -> None:
    do("set_credit_limit", "2026-01-06", account="ana", amount="100", when="2026-04-01")
    with pytest.raises(Conflict) as refused:
        do("change_quantity", "2026-01-07", account="ana", quantity="20", when="2026-05-01")
    assert refused.value.code == "change_conflict"
    assert "set_credit_limit of ana at 2026-04-01" in refused.value.message
    do("change_quantity", "2026-01-07", account="ana", quantity="20", when="2026-03-01")  # before it


def test_moving_a_limit_looks_again_at_what_was_scheduled(ana: str) -> None:
    late = do("set_credit_limit", "2026-01-06", account="ana", amount="100", when="2026-06-01").made["change"]
    do("change_quantity", "2026-01-07", account="ana", quantity="20", when="2026-05-01")
    do("move_change", "2026-01-08", account="ana", change=late, when="2026-04-01")
    assert statuses() == [("set_credit_limit", "scheduled", ""), ("change_quantity", "questioned", "credit_limit")]


def test_nobody_paid_meanwhile_so_the_change_waits_for_a_person(ana: str) -> None:
    limit("200")
    do("change_quantity", "2026-01-06", account="ana", quantity="20", when="2026-03-11")
    advance("2026-03-12")
    assert statuses() == [("change_quantity", "questioned", "credit_limit")]
    assert compare(["ana"]) == []
    assert_books_hold()


def test_paid_in_time_the_change_is_carried_out(ana: str) -> None:
    limit("200")
    do("change_quantity", "2026-01-06", account="ana", quantity="20", when="2026-03-11")
    for day in (date(2026, 2, 1), date(2026, 3, 1)):
        do("pay", day.isoformat(), account="ana", amount="84.70")
    advance("2026-03-12")
    assert statuses() == [("change_quantity", "applied", "")]


def test_the_limit_goes_again(ana: str) -> None:
    limit("0")
    do("set_credit_limit", "2026-01-06", account="ana", unlimited="yes")
    assert credit_limit("ana") is None
    do("sell", "2026-01-06", account="ana", item="ticket", catalogue="test")
    assert compare(["ana"]) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [({}, "missing_field"), ({"amount": "5", "unlimited": "yes"}, "missing_field"), ({"amount": "-1"}, "negative")],
)
def test_a_limit_is_an_amount_or_none(ana: str, given: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        do("set_credit_limit", "2026-01-06", account="ana", **given)
    assert refused.value.code == code


def test_a_credit_status_for_later(ana: str) -> None:
    do("set_credit_status", "2026-01-06", account="ana", status="limited", reason="notice given", when="2026-02-10")
    with pytest.raises(Conflict) as refused:
        do("set_credit_status", "2026-01-07", account="ana", status="suspended", reason="cheque", when="2026-02-10")
    assert refused.value.code == "change_conflict"
    advance("2026-02-10")
    with pytest.raises(Exception, match="is limited") as late:
        do("sell", "2026-02-11", account="ana", item="ticket", catalogue="test")
    assert late.value.code == "credit_limited"
