"""What an account may do changes: shown ahead in the schedule, and explained backwards, each with the event that did it."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from billing.entitlements.changes import changed
from billing.queries.forecast import timeline
from billing.queries.why import why
from tests.books import advance, do, moment, open_account, publish

pytestmark = pytest.mark.django_db

SOFTWARE = """
catalogue: software
currency: EUR
meters: {calls: {aggregate: count}}
features:
  sso: {}
  projects: {kind: limit, unit: projects}
  calls: {kind: limit, meter: calls, period: month}
  support: {kind: text, credit: grace}
  audit: {}
plans:
  solo: {period: month, features: {projects: 1}, items: {seat: {price: "2.00"}}}
  team:
    period: month
    features: {sso: true, projects: 25, calls: 1000, support: by mail}
    items: {seat: {price: "12.00"}, calls: {meter: calls, price: "0.01"}, log: {price: "40.00", optional: true, features: [audit]}}
  ramp:
    period: month
    phases: [{name: start, length: 1 month, only: [seat]}]
    items: {seat: {price: "1.00"}, extra: {price: "1.00", features: [audit]}}
"""


@pytest.fixture(autouse=True)
def software(db: None) -> None:
    publish(SOFTWARE)
    open_account()


def access(at: str) -> list[tuple[str, str, str]]:
    return [(f"{one.at:%Y-%m-%d}", one.what, one.source) for one in timeline("ana", at=moment(at)) if one.kind == "access"]


def past(until: str = "2026-12-31") -> list[tuple[str, str, str]]:
    return [(f"{one.at:%Y-%m-%d}", one.title, one.address) for one in changed("ana", until=moment(until))]


def test_the_schedule_says_what_a_change_will_give_and_take() -> None:
    contract = do("subscribe", account="ana", plan="solo").made["contract"]
    up = do("change_plan", "2026-01-10", account="ana", plan="team", when="2026-02-01").made["change"]
    do("cancel", "2026-01-11", account="ana", when="2026-04-01")
    assert access("2026-01-12") == [
        ("2026-02-01", "may use calls: no → 1000", up),
        ("2026-02-01", "may use projects: 1 projects → 25 projects", up),
        ("2026-02-01", "may use sso: no → yes", up),
        ("2026-02-01", "may use support: no → by mail", up),
        ("2026-04-01", "may use calls: 1000 → no", contract),
        ("2026-04-01", "may use projects: 25 projects → no", contract),
        ("2026-04-01", "may use sso: yes → no", contract),
        ("2026-04-01", "may use support: by mail → no", contract),
    ]
    out = io.StringIO()
    call_command("schedule", "ana", "--at", "2026-01-12", stdout=out)
    assert "access   may use sso: no → yes" in out.getvalue()


def test_a_phase_that_ends_gives_what_it_had_left_out() -> None:
    contract = do("subscribe", account="ana", plan="ramp").made["contract"]
    assert access("2026-01-12") == [("2026-02-01", "may use audit: no → yes", contract)]
    assert past() == [("2026-02-01", "audit: no → yes", "")]


def test_a_change_of_credit_status_that_is_scheduled() -> None:
    do("subscribe", account="ana", plan="team")
    change = do("set_credit_status", "2026-01-05", account="ana", status="limited", reason="notice", when="2026-01-20").made["change"]
    assert access("2026-01-12") == [("2026-01-20", "may use support: by mail → no", change)]


def test_what_gave_and_took_is_named_with_its_event() -> None:
    contract = do("subscribe", account="ana", plan="solo").made["contract"]
    plan = do("change_plan", "2026-01-10", account="ana", plan="team").events[0].address
    limited = do("set_credit_status", "2026-01-12", account="ana", status="limited", reason="late").events[0].address
    good = do("set_credit_status", "2026-01-13", account="ana", status="good", reason="paid").events[0].address
    log = do("add_item", "2026-01-14", account="ana", item="log").events[0].address
    pause = do("pause", "2026-01-15", account="ana").events[0].address
    assert past()[:6] == [
        ("2026-01-01", "projects: no → 1 projects", contract),
        ("2026-01-10", "sso: no → yes", plan),
        ("2026-01-10", "projects: 1 projects → 25 projects", plan),
        ("2026-01-10", "calls: no → 1000", plan),
        ("2026-01-10", "support: no → by mail", plan),
        ("2026-01-12", "support: by mail → no", limited),
    ]
    assert past()[6:8] == [("2026-01-13", "support: no → by mail", good), ("2026-01-14", "audit: no → yes", log)]
    assert {row[2] for row in past()[8:]} == {pause}
    assert len(past()) == 13


def test_why_a_feature_is_not_allowed_any_more() -> None:
    contract = do("subscribe", account="ana", plan="team").made["contract"]
    end = do("cancel", "2026-01-11", account="ana", when="2026-02-01").events[-1].address
    advance("2026-02-02")
    tree = why("ana", "sso", at=moment("2026-02-02"))
    assert tree.title == "ana may not use sso: no running contract allows it"
    assert [(one.title, one.address, one.facts["on"], one.facts["by"]) for one in tree.children] == [
        ("no → yes", contract, "2026-01-01 00:00", "tester"),
        ("yes → no", end, "2026-02-01 00:00", "tester"),
    ]


def test_why_of_an_event_says_what_it_gave() -> None:
    do("subscribe", account="ana", plan="solo")
    event = do("change_plan", "2026-01-10", account="ana", plan="team").events[0].address
    found = [one.title for one in why("ana", event, at=moment("2026-01-11")).children if one.kind == "access"]
    assert found[0] == "may use sso: no → yes"
    assert len(found) == 4


def test_an_item_of_the_same_name_is_asked_apart() -> None:
    do("subscribe", account="ana", plan="team")
    tree = why("ana", "feature:calls", at=moment("2026-01-11"))
    assert (tree.kind, tree.title) == ("entitlement", "ana may use calls: 0 of 1000 used")


def test_without_features_nothing_is_played_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(
        "catalogue: software\ncurrency: EUR\nplans: {bare: {period: month, trial: 1 month, items: {fee: {price: '1.00'}}}}", "2026-01-02"
    )
    do("subscribe", "2026-01-03", account="ana", plan="bare")
    monkeypatch.setattr("billing.entitlements.changes.undone", lambda *given: pytest.fail("played"))
    assert access("2026-01-12") == []
