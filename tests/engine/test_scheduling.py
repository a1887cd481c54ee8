"""Changes for a later moment: scheduled now, carried out by the clockwork as if done by hand, moved, withdrawn, put before a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import bulk, journal
from billing.codec import encode
from billing.engine import Outcome
from plans.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.books import CATALOGUE, START, advance, balance, do, documents, lines, moment, open_account, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> str:
    """An account with ten seats at 7.00 a month, paid in advance, from 1 January; answers the contract."""
    publish()
    open_account()
    contract: str = do("subscribe", account="ana", plan="seats", quantity="10").made["contract"]
    return contract


def scheduled(account: str = "ana") -> list[tuple[str, str, str]]:
    """(command, day, status) of each change, in the order in which they were asked."""
    rows = bulk.fetch("SELECT command, moment, status FROM read_change WHERE account = %s ORDER BY asked_at, change", [account])
    return [(command, f"{at:%Y-%m-%d}", status) for command, at, status in rows]


def kinds(outcome: Outcome) -> list[str]:
    return [recorded.event.kind for recorded in outcome.events]


def later(command: str, at: str, when: str, **arguments: Any) -> str:
    return str(do(command, at, account="ana", when=when, **arguments).made["change"])


def test_a_change_for_later_is_one_event_and_charges_nothing(ana: str) -> None:
    outcome = do("change_quantity", "2026-01-10", account="ana", quantity="12", when="2026-01-21", reason="two join")
    assert kinds(outcome) == ["change.scheduled"]
    event = outcome.events[0].event
    assert encode(event) == {
        "account": "ana",
        "command": "change_quantity",
        "arguments": {"account": "ana", "quantity": "12", "contract": ana, "reason": "two join"},
        "moment": "2026-01-21T00:00:00.000000Z",
        "rule": "",
        "contract": ana,
        "order": 0,
        "terms": ana,
        "based_on": {"ana": outcome.events[0].sequence - 1},
        "reason": "two join",
    }
    assert scheduled() == [("change_quantity", "2026-01-21", "scheduled")]
    advance("2026-01-20")
    assert documents() == [("invoice", "INV-000001", "84.70", "84.70")]


def test_it_makes_the_same_events_as_by_hand(ana: str) -> None:
    publish_again = {"country": "ES", "name": "Ben"}
    do("open_account", account="ben", **publish_again)
    do("subscribe", account="ben", plan="seats", quantity="10")
    change = later("change_quantity", "2026-01-10", "2026-01-21", quantity="12")
    advance("2026-01-21")
    do("change_quantity", "2026-01-21", account="ben", quantity="12")
    advance("2026-03-01")
    ours = [one for one in journal.read(["ana"]) if not one.event.kind.startswith("change.")]
    theirs = journal.read(["ben"])
    assert [(one.event.kind, one.effective_at) for one in ours] == [(one.event.kind, one.effective_at) for one in theirs]
    assert [row[2] for row in documents("ana")] == [row[2] for row in documents("ben")]
    by_change = [one.event.kind for one in journal.read(["ana"]) if one.cause == change]
    assert by_change == ["contract.quantity_changed", "change.applied"]
    assert balance("receivable", "ana") == balance("receivable", "ben")


def test_at_the_end_of_the_period_it_comes_before_the_next_period(ana: str) -> None:
    later("change_quantity", "2026-01-10", "period_end", quantity="12")
    assert scheduled() == [("change_quantity", "2026-02-01", "scheduled")]
    advance("2026-02-01")
    assert scheduled() == [("change_quantity", "2026-02-01", "applied")]
    assert [row[2] for row in documents()] == ["84.70", "101.64"]  # 10 and 12 seats at 7.00 and 21 %: no part of a period
    assert lines("INV-000002") == [("seat", "84.00", "17.64")]


def test_withdrawn_it_never_happens(ana: str) -> None:
    change = later("change_quantity", "2026-01-10", "2026-01-21", quantity="12")
    do("withdraw_change", "2026-01-15", account="ana", change=change, reason="they stay away")
    advance("2026-02-01")
    assert scheduled() == [("change_quantity", "2026-01-21", "withdrawn")]
    assert [row[2] for row in documents()] == ["84.70", "84.70"]
    with pytest.raises(NotFound, match="no change 'ana/") as refused:
        do("withdraw_change", "2026-02-01", account="ana", change=change)
    assert refused.value.code == "unknown_change"


def test_moved_it_happens_then(ana: str) -> None:
    change = later("change_quantity", "2026-01-10", "2026-01-21", quantity="12")
    do("move_change", "2026-01-15", account="ana", change=change, when="2026-02-01")
    advance("2026-01-31")
    assert scheduled() == [("change_quantity", "2026-02-01", "scheduled")]
    outcome = do("move_change", "2026-01-31", account="ana", change=change, when="now")
    assert kinds(outcome)[:3] == ["change.moved", "contract.quantity_changed", "change.applied"]


def test_the_past_is_no_moment_for_a_change_to_be_moved_to(ana: str) -> None:
    change = later("change_quantity", "2026-01-10", "2026-01-21", quantity="12")
    with pytest.raises(Invalid) as refused:
        do("move_change", "2026-01-15", account="ana", change=change, when="2026-01-12")
    assert refused.value.code == "in_the_past"


def test_two_in_a_row_build_on_each_other(ana: str) -> None:
    later("pause", "2026-01-10", "2026-02-01", reason="winter")
    later("resume", "2026-01-10", "2026-03-01")
    advance("2026-03-01")
    assert scheduled() == [("pause", "2026-02-01", "applied"), ("resume", "2026-03-01", "applied")]
    assert [row[2] for row in documents()] == ["84.70", "84.70"]


def test_what_can_not_be_carried_out_waits_for_a_person(ana: str) -> None:
    """A version of the catalogue published meanwhile has no such plan any more."""
    later("change_plan", "2026-01-10", "2026-02-01", plan="pro")
    source = "catalogue: test\ncurrency: EUR\nplans: {other: {period: month, items: {fee: {price: '1.00'}}}}\n"
    with pytest.raises(Conflict) as refused:
        publish(source, "2026-01-20")
    assert refused.value.code == "change_conflict"
    assert refused.value.facts["event"] == bulk.fetch("SELECT change FROM read_change")[0][0]
    do("publish_catalogue", "2026-01-20", source=source, on_conflict="rebase")
    advance("2026-03-01")
    assert scheduled() == [("change_plan", "2026-02-01", "questioned")]
    assert [row[2] for row in documents()] == ["84.70"] * 3  # nothing is changed, and billing goes on
    rows = bulk.fetch("SELECT kind, payload->>'code' FROM effect WHERE kind = 'staff.notify'")
    assert rows == [("staff.notify", "unknown_plan")]


def test_a_person_s_details_do_not_wait_in_the_journal(ana: str) -> None:
    with pytest.raises(Invalid) as refused:
        do("change_details", "2026-01-10", account="ana", email="a@example.org", when="2026-02-01")
    assert refused.value.code == "personal_data"
    assert refused.value.at == "email"


def test_where_the_account_is_taxed_can_be_scheduled(ana: str) -> None:
    later("change_details", "2026-01-10", "2026-02-01", country="FR")
    advance("2026-02-01")
    assert [row[2] for row in documents()] == ["84.70", "70.00"]  # our only tax is Spain's


def test_a_change_that_would_be_refused_then_is_refused_now(ana: str) -> None:
    with pytest.raises(NotFound) as refused:
        do("remove_item", "2026-01-10", account="ana", item="router", when="2026-02-01")
    assert refused.value.code == "unknown_item"
    assert scheduled() == []


def test_a_discount_from_a_date_on(ana: str) -> None:
    later("discount", "2026-01-10", "2026-02-01", percent="50", contract=ana)
    advance("2026-02-01")
    assert [row[2] for row in documents()] == ["84.70", "42.35"]


def test_an_earlier_change_is_told_of_the_later_one(ana: str) -> None:
    later("change_quantity", "2026-01-10", "2026-02-01", quantity="12")
    before = journal.lock(["ana"])["ana"].sequence
    with pytest.raises(Conflict) as refused:
        do("change_quantity", "2026-01-15", account="ana", quantity="20")
    assert refused.value.code == "change_conflict"
    assert refused.value.facts["event"].startswith("ana/")
    assert refused.value.facts["scheduled_by"] == "tester"
    assert refused.value.facts["moment"] == moment("2026-02-01")
    assert refused.value.facts["ways"] == ("replace", "after", "before", "rebase")
    assert journal.lock(["ana"])["ana"].sequence == before


@pytest.mark.parametrize(
    ("way", "totals", "statuses"),
    [
        ("replace", ["84.70", "169.40"], ["withdrawn", "applied"]),
        ("after", ["84.70", "169.40"], ["applied", "applied"]),
        ("before", ["84.70", "101.64"], ["applied", "applied"]),
        ("rebase", ["84.70", "169.40"], ["applied", "applied"]),
    ],
)
def test_the_caller_chooses_a_way_out(ana: str, way: str, totals: list[str], statuses: list[str]) -> None:
    later("change_quantity", "2026-01-10", "2026-02-01", quantity="12")
    later("change_quantity", "2026-01-11", "2026-02-01", quantity="20", on_conflict=way)
    advance("2026-02-01")
    assert [row[2] for row in documents()] == totals
    assert [status for *_, status in scheduled()] == statuses


def test_an_unknown_way_out_is_refused(ana: str) -> None:
    with pytest.raises(Invalid) as refused:
        do("change_quantity", "2026-01-15", account="ana", quantity="20", on_conflict="replce")
    assert refused.value.code == "unknown_choice"


def test_a_cancellation_before_a_scheduled_change(ana: str) -> None:
    later("change_quantity", "2026-01-10", "2026-03-01", quantity="12")
    with pytest.raises(Conflict) as refused:
        do("cancel", "2026-01-15", account="ana", when="period_end")
    assert refused.value.code == "change_conflict"
    do("cancel", "2026-01-15", account="ana", when="period_end", on_conflict="replace")
    assert scheduled() == [("change_quantity", "2026-03-01", "withdrawn")]


def test_a_change_after_a_cancellation(ana: str) -> None:
    cancelled = do("cancel", "2026-01-15", account="ana", when="period_end").events[-1]
    with pytest.raises(Conflict) as refused:
        do("change_quantity", "2026-01-16", account="ana", quantity="12", when="2026-03-01")
    assert refused.value.code == "after_end"
    assert refused.value.facts["event"] == cancelled.address
    assert refused.value.facts["by"] == "tester"


def test_withdrawing_what_another_builds_on_puts_that_one_before_a_person(ana: str) -> None:
    pause = later("pause", "2026-01-10", "2026-02-01")
    later("resume", "2026-01-10", "2026-03-01")
    do("withdraw_change", "2026-01-15", account="ana", change=pause)
    assert scheduled() == [("pause", "2026-02-01", "withdrawn"), ("resume", "2026-03-01", "questioned")]
    advance("2026-03-02")
    assert [status for *_, status in scheduled()] == ["withdrawn", "questioned"]


def test_moving_what_another_builds_on_past_it_puts_that_one_before_a_person(ana: str) -> None:
    pause = later("pause", "2026-01-10", "2026-02-01")
    resume = later("resume", "2026-01-10", "2026-03-01")
    do("move_change", "2026-01-15", account="ana", change=pause, when="2026-03-15")
    assert scheduled() == [("pause", "2026-03-15", "scheduled"), ("resume", "2026-03-01", "questioned")]
    do("move_change", "2026-01-16", account="ana", change=resume, when="2026-04-01")
    advance("2026-04-01")
    assert [status for *_, status in scheduled()] == ["applied", "applied"]


def test_what_is_due_while_nobody_ran_the_clock_comes_in_its_order(ana: str) -> None:
    later("change_quantity", "2026-01-10", "2026-02-01", quantity="12")
    outcome = do("change_quantity", START + timedelta(days=60), account="ana", quantity="20")
    assert [kind for kind in kinds(outcome) if kind.endswith("quantity_changed")] == ["contract.quantity_changed"] * 2


def test_a_payer_to_be_is_not_closed(ana: str) -> None:
    open_account("ben")
    change = later("transfer_contract", "2026-01-10", "2026-02-01", to="ben")
    with pytest.raises(Conflict) as refused:
        do("close_account", "2026-01-15", account="ben")
    assert (refused.value.code, refused.value.facts["event"]) == ("changes_scheduled", change)
    do("withdraw_change", "2026-01-16", account="ana", change=change)
    do("close_account", "2026-01-17", account="ben")


def test_a_closed_account_is_no_payer_to_be(ana: str) -> None:
    open_account("ben")
    do("close_account", "2026-01-05", account="ben")
    with pytest.raises(NotAllowed) as refused:
        do("transfer_contract", "2026-01-10", account="ana", to="ben", when="2026-02-01")
    assert refused.value.code == "account_closed"


DOLLARS = """
catalogue: test
currency: EUR
plans:
  seats: {period: month, items: {seat: {price: {model: unit, amount: "7.00"}}}}
  abroad: {period: month, currency: USD, items: {fee: {price: "20.00"}}}
"""


def test_a_plan_in_another_currency_is_named_with_its_contract(ana: str) -> None:
    publish(DOLLARS, "2026-01-05")
    for when in ("now", "2026-02-01"):
        with pytest.raises(Conflict) as refused:
            do("change_plan", "2026-01-10", account="ana", plan="abroad", when=when)
        assert (refused.value.code, refused.value.facts) == ("currency", {"event": ana})
        assert refused.value.message == (
            f"the contract {ana} is in EUR, the plan abroad of test@2 in USD; end the contract and sign another, or choose a plan in EUR"
        )
    assert scheduled() == []


@pytest.mark.parametrize(("command", "given"), [("transfer_contract", {}), ("split_contract", {"share": "50", "items": ["seat"]})])
def test_a_payer_has_the_currency_of_what_it_pays(ana: str, command: str, given: dict[str, Any]) -> None:
    open_account("ben", currency="USD")
    for when in ("now", "2026-02-01"):
        with pytest.raises(Conflict, match="is in EUR, the account ben in USD; open an account in EUR for the payer") as refused:
            do(command, "2026-01-10", account="ana", to="ben", when=when, **given)
        assert (refused.value.code, refused.value.at, refused.value.facts) == ("currency", "to", {"event": ana})
    assert scheduled() == []


WITHOUT_PRO = "catalogue: test\ncurrency: EUR\nplans: {seats: {period: month, items: {seat: {price: {model: unit, amount: '7.00'}}}}}\n"


def test_a_plan_that_a_version_to_come_takes_away(ana: str) -> None:
    published = do("publish_catalogue", "2026-01-05", source=WITHOUT_PRO, effective="2026-03-01").events[0]
    with pytest.raises(NotFound) as refused:
        do("change_plan", "2026-01-10", account="ana", plan="pro", when="2026-03-01")
    assert refused.value.code == "unknown_plan"
    assert refused.value.message == (
        f"test@2, published on 2026-01-05 by tester ({published.address}), in effect from 2026-03-01 on, has no plan 'pro' any more; "
        "choose another plan or an earlier moment, ask for version: 1, or publish a version that has it"
    )
    assert (refused.value.facts["event"], refused.value.facts["by"]) == (published.address, "tester")
    assert scheduled() == []
    later("change_plan", "2026-01-10", "2026-02-28", plan="pro")  # the ways out: the day before,
    later("change_plan", "2026-01-10", "2026-03-01", plan="pro", version="1")  # or the version that has it
    assert [day for _, day, _ in scheduled()] == ["2026-02-28", "2026-03-01"]


def test_a_version_to_come_is_taken_back_by_publishing_what_holds_again(ana: str) -> None:
    do("publish_catalogue", "2026-01-05", source=WITHOUT_PRO, effective="2026-03-01")
    assert publish(CATALOGUE, "2026-01-06").made["version"] == 3
    later("change_plan", "2026-01-10", "2026-03-01", plan="pro")
    advance("2026-03-01")
    assert bulk.fetch("SELECT plan, version FROM read_contract") == [("pro", 3)]


def test_a_version_to_come_is_replaced_or_comes_earlier(ana: str) -> None:
    dearer = CATALOGUE.replace('"49.90"', '"55.00"')
    do("publish_catalogue", "2026-01-05", source=dearer, effective="2026-03-01")
    do("publish_catalogue", "2026-01-06", source=CATALOGUE.replace('"49.90"', '"52.00"'), effective="2026-03-01")
    with pytest.raises(Conflict) as refused:
        do("publish_catalogue", "2026-01-07", source=CATALOGUE.replace('"49.90"', '"52.00"'), effective="2026-03-01")
    assert refused.value.code == "catalogue_unchanged"
    do("publish_catalogue", "2026-01-07", source=CATALOGUE.replace('"49.90"', '"52.00"'), effective="2026-02-15")
    for number, day in enumerate(("2026-02-14", "2026-02-15", "2026-03-01")):
        open_account(f"b{number}", day)
        do("subscribe", day, account=f"b{number}", plan="pro")
    assert bulk.fetch("SELECT account, version FROM read_contract WHERE plan = 'pro' ORDER BY 1") == [("b0", 1), ("b1", 4), ("b2", 4)]


OFFERS = "discounts: {half: {percent: 50}}\ncoupons: {PRO: {discount: half, plans: [pro]}}\n"


@pytest.mark.parametrize(("command", "given"), [("discount", {"discount": "half"}), ("apply_coupon", {"coupon": "PRO"})])
def test_a_scheduled_discount_that_a_version_takes_away(ana: str, command: str, given: dict[str, str]) -> None:
    publish(CATALOGUE + OFFERS, "2026-01-02")
    do("change_plan", "2026-01-03", account="ana", plan="pro")
    change = later(command, "2026-01-10", "2026-02-01", **given)
    with pytest.raises(Conflict) as refused:
        do("publish_catalogue", "2026-01-12", source=CATALOGUE, effective="2026-02-01")
    assert (refused.value.code, refused.value.facts) == ("change_conflict", {"event": change})
    assert f"is scheduled for 2026-02-01 00:00 UTC by tester ({change})" in refused.value.message
    do("publish_catalogue", "2026-01-12", source=CATALOGUE, effective="2026-02-02")  # a day later it takes nothing away
    do("publish_catalogue", "2026-01-13", source=CATALOGUE, effective="2026-02-01", on_conflict="rebase")
    advance("2026-02-01")
    assert scheduled() == [(command, "2026-02-01", "questioned")]


def test_a_coupon_for_a_plan_that_the_contract_will_have_left(ana: str) -> None:
    publish(CATALOGUE + OFFERS, "2026-01-02")
    do("change_plan", "2026-01-03", account="ana", plan="pro")
    change = later("change_plan", "2026-01-10", "2026-02-01", plan="basic")
    with pytest.raises(Conflict, match="after it this is refused: the coupon PRO is for pro") as refused:
        do("apply_coupon", "2026-01-12", account="ana", contract=ana, coupon="PRO", when="2026-02-15")
    assert refused.value.code == "change_conflict"
    named = {"event": change, "moment": moment("2026-02-01"), "scheduled_by": "tester", "scheduled_at": moment("2026-01-10")}
    assert named.items() <= refused.value.facts.items()
    assert scheduled() == [("change_plan", "2026-02-01", "scheduled")]
