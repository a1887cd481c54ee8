"""The credit status of an account: who sets it, what stops with it, and what can't be bought meanwhile."""

from __future__ import annotations

import pytest

from billing import bulk, journal
from billing.queries.credit import credit_history, credit_status, not_good
from billing.rebuilding import compare
from plans.errors import Refusal
from tests.books import CATALOGUE, advance, assert_books_hold, do, moment, open_account, publish

pytestmark = pytest.mark.django_db

PLANS = (
    CATALOGUE
    + """\
  paused:
    name: Paused while suspended
    suspension: pause
    items: {fee: {charge: fee, name: Fee, period: 1 month, timing: advance, price: {model: flat, amount: "31.00"}, tax: standard}}
  essential:
    name: Never cut
    suspension: serve
    items: {fee: {charge: fee, name: Fee, period: 1 month, timing: advance, price: {model: flat, amount: "10.00"}, tax: standard}}
"""
)


def refused(code: str, *arguments: str, **given: object) -> Refusal:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(Refusal) as caught:
        do(*arguments, **given)
    assert caught.value.code == code, caught.value
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    return caught.value


@pytest.fixture
def three() -> dict[str, str]:
    """An account with a contract of each kind: its plan → its id."""
    publish(PLANS)
    open_account()
    return {plan: do("subscribe", account="ana", plan=plan).made["contract"] for plan in ("basic", "paused", "essential")}


def kinds(outcome: object) -> list[str]:
    return [recorded.event.kind for recorded in outcome.events]  # type: ignore[attr-defined]


def test_suspension_stops_what_each_plan_says_and_lifting_it_undoes_that(three: dict[str, str]) -> None:
    assert credit_status("ana").status == "good"
    suspended = do("set_credit_status", "2026-01-11", account="ana", status="suspended", reason="Fraud")
    assert kinds(suspended)[:2] == ["credit_status.changed", "contract.paused"]
    assert suspended.events[1].cause == suspended.events[0].address
    found = credit_status("ana")
    assert (found.status, found.reason, found.set_by, found.since) == ("suspended", "Fraud", "person", moment("2026-01-11"))
    assert found.suspended == {three["basic"]: True, three["paused"]: False}
    assert [found.serves(three[plan]) for plan in ("basic", "paused", "essential")] == [False, False, True]
    assert [one.account for one in not_good()] == ["ana"]
    refused("suspended", "resume", "2026-01-12", account="ana", contract=three["paused"])

    lifted = do("set_credit_status", "2026-01-21", account="ana", status="good", reason="Cleared up")
    assert kinds(lifted)[:2] == ["credit_status.changed", "contract.resumed"]
    assert credit_status("ana").suspended == {}
    assert not_good() == []
    advance("2026-01-31")
    # 31 days of 31.00: ten days of suspension come back as credit, 10.00 and tax; the others were charged for all of January.
    fees = bulk.fetch("SELECT contract, sum(amount) FROM read_charge GROUP BY contract")
    charged = {contract: f"{amount:.2f}" for contract, amount in fees}
    assert charged == {three["basic"]: "19.95", three["paused"]: "21.00", three["essential"]: "10.00"}
    assert [(status, by) for _, status, _, by, _ in credit_history("ana")] == [("suspended", "person"), ("good", "person")]
    assert [row[1] for row in credit_history("ana", as_of=moment("2026-01-12"))] == ["suspended"]
    assert_books_hold()
    assert compare(list(journal.stream_ids())) == []


def test_what_a_person_paused_stays_paused(three: dict[str, str]) -> None:
    do("pause", "2026-01-05", account="ana", contract=three["paused"])
    suspended = do("set_credit_status", "2026-01-06", account="ana", status="suspended", reason="Debt")
    assert "contract.paused" not in kinds(suspended)
    lifted = do("set_credit_status", "2026-01-07", account="ana", status="limited", reason="Half is paid")
    assert "contract.resumed" not in kinds(lifted)
    assert kinds(do("resume", "2026-01-08", account="ana", contract=three["paused"]))[0] == "contract.resumed"


@pytest.mark.parametrize("status", ["limited", "suspended"])
def test_nothing_new_is_sold_on_credit(three: dict[str, str], status: str) -> None:
    do("set_credit_status", "2026-01-02", account="ana", status=status, reason="Debt")
    refused("credit_limited", "subscribe", "2026-01-03", account="ana", plan="pro")
    refused("credit_limited", "sell", "2026-01-03", account="ana", item="ticket")
    refused("credit_limited", "add_item", "2026-01-03", account="ana", item="ticket", contract=three["basic"])
    do("set_credit_status", "2026-01-04", account="ana", status="grace", reason="Promised")
    do("sell", "2026-01-05", account="ana", item="ticket", contract=three["basic"])


def test_a_status_is_one_of_four_and_changes(three: dict[str, str]) -> None:
    refused("unknown_choice", "set_credit_status", account="ana", status="bad", reason="x")
    refused("no_change", "set_credit_status", account="ana", status="good", reason="x")
    refused("missing_field", "set_credit_status", account="ana", status="limited")
