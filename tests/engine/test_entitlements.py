"""Entitlements: what an account may do now, and why; right at the moment of asking, in few statements."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from billing.entitlements import Entitlement, check, check_all
from billing.entitlements.views import Entitled, entitled
from plans.errors import Invalid, NotFound
from tests.books import advance, do, moment, open_account, publish, use

pytestmark = pytest.mark.django_db
D = Decimal

SOFTWARE = """
catalogue: software
currency: EUR
meters:
  calls: {aggregate: count}
  messages: {aggregate: sum}
features:
  sso: {name: Single sign-on}
  export: {credit: suspended}
  projects: {kind: limit, unit: projects}
  calls: {kind: limit, meter: calls, period: month}
  storage: {kind: limit, soft: true}
  messages: {kind: limit, meter: messages}
  support: {kind: text, credit: grace}
  audit: {}
plans:
  team:
    period: month
    trial: 14 days
    features: {sso: true, export: true, projects: 25, calls: 3, storage: 10, support: by mail}
    items:
      seat: {name: Seat, price: "12.00"}
      more-projects: {price: "5.00", optional: true, features: [projects]}
      audit-log: {price: "40.00", optional: true, features: [audit]}
  solo:
    period: month
    features: {sso: false, projects: 1, calls: unlimited}
    items: {seat: {name: Seat, price: "2.00"}}
  prepaid:
    period: month
    features: {messages: unlimited}
    items: {messages: {meter: messages, price: "1.00", timing: tick, draws: tick}}
  ramp:
    period: month
    phases: [{name: start, length: 1 month, only: [seat]}]
    items: {seat: {price: "1.00"}, extra: {price: "1.00", features: [audit]}}
"""


@pytest.fixture(autouse=True)
def software() -> None:
    publish(SOFTWARE)
    open_account()


def asked(feature: str, quantity: Any = 1, at: str = "2026-01-20", account: str = "ana") -> Entitlement:
    return check(account, feature, quantity, at=moment(at))


def told(feature: str, quantity: Any = 1, at: str = "2026-01-20") -> tuple[bool, str]:
    answer = asked(feature, quantity, at)
    return answer.allowed, answer.why


def team(at: str = "2026-01-10", **given: Any) -> str:
    return str(do("subscribe", at, account="ana", plan="team", **given).made["contract"])


def test_without_a_contract_nothing_is_allowed() -> None:
    assert told("sso") == (False, "no running contract allows it")
    assert asked("projects").remaining == 0


def test_a_switch_a_text_and_what_a_plan_says_no_to() -> None:
    team()
    assert told("sso") == (True, "team of ana/2 allows it")
    assert (asked("support").value, told("support")[1]) == ("by mail", "team of ana/2 says by mail")
    assert told("audit") == (False, "no running contract allows it")
    do("change_plan", "2026-01-25", account="ana", plan="solo")
    assert [asked("sso", at=at).allowed for at in ("2026-01-24", "2026-01-26")] == [True, False]


def test_a_limit_that_the_application_counts() -> None:
    team()
    assert told("projects", 25) == (True, "25 projects allowed")
    answer = asked("projects", 26)
    assert (answer.allowed, answer.remaining, answer.why) == (False, 25, "25 projects allowed; 26 wanted")
    do("add_item", "2026-01-15", account="ana", item="more-projects", quantity="5")
    assert asked("projects", 30).allowed
    assert told("storage", 11) == (True, "10 allowed; 11 wanted: beyond the limit, which is soft")


def test_a_limit_by_meter_counts_up_to_the_moment_and_starts_anew_with_its_period() -> None:
    team()
    use("ana", "calls", arrived="2026-01-12", records=[{"id": f"c{n}", "at": f"2026-01-12T10:0{n}"} for n in range(2)])
    answer = asked("calls")
    assert (answer.allowed, answer.used, answer.limit, answer.remaining) == (True, 2, 3, 1)
    assert answer.until == moment("2026-02-10")  # from the contract's anchor
    assert asked("calls", at="2026-01-12T10:00").used == 0
    assert told("calls", 2) == (False, "2 of 3 used; 2 wanted")
    use("ana", "calls", arrived="2026-01-13", records=[{"id": "v", "at": "2026-01-12T10:00", "voids": "test/c0"}])
    assert asked("calls").used == 1  # measured record by record where one was corrected
    assert asked("calls", 3, at="2026-02-10").allowed


def test_units_granted_on_top_count_and_several_contracts_add_up() -> None:
    team()
    do("grant", "2026-01-11", account="ana", amount="4", unit="calls", expires="2026-02-01", reason="launch")
    assert told("calls", 7) == (True, "0 of 3 used, 4 granted on top")
    assert asked("calls", 7, at="2026-02-02").allowed is False
    do("subscribe", "2026-01-12", account="ana", plan="solo")
    answer = asked("calls", 1000)
    assert (answer.allowed, answer.remaining, answer.why) == (True, None, "team of ana/2 sets no limit")
    assert asked("projects", 26).allowed


def test_the_credit_status_takes_away_what_the_feature_says() -> None:
    team()
    for status, allowed in (("grace", "sso export support"), ("limited", "sso export"), ("suspended", "")):
        do("set_credit_status", "2026-01-15", account="ana", status=status, reason="overdue")
        assert [one for one in ("sso", "export", "support") if asked(one).allowed] == allowed.split()
    assert told("sso") == (False, "the credit status is suspended; it needs limited or better")
    assert told("export") == (False, "the service of ana/2 is suspended")
    do("set_credit_status", "2026-01-16", account="ana", status="good", reason="paid")
    assert asked("sso").allowed


def test_an_empty_wallet_stops_what_draws_on_it() -> None:
    do("subscribe", "2026-01-10", account="ana", plan="prepaid")
    assert told("messages") == (False, "the wallet of EUR is empty")
    do("top_up", "2026-01-11", account="ana", amount="2.00")
    assert asked("messages").allowed
    use("ana", "messages", arrived="2026-01-12", records=[{"id": "m", "at": "2026-01-12", "value": "2"}])
    advance("2026-01-12")
    assert told("messages") == (False, "the wallet of EUR is empty")


def test_pauses_ends_and_phases_count_at_the_moment() -> None:
    team(until="2026-02-01")
    do("pause", "2026-01-15", account="ana")
    assert not asked("sso").allowed
    do("resume", "2026-01-16", account="ana")
    answer = asked("sso")
    assert (answer.allowed, answer.until) == (True, moment("2026-02-01"))
    assert not asked("sso", at="2026-02-01").allowed
    do("subscribe", "2026-02-01", account="ana", plan="ramp")
    assert [asked("audit", at=at).allowed for at in ("2026-02-15", "2026-03-01")] == [False, True]


def test_mistakes_are_refused() -> None:
    team()
    with pytest.raises(NotFound, match="did you mean 'sso'") as refused:
        asked("sso1")
    assert refused.value.code == "unknown_feature"
    with pytest.raises(NotFound, match="anna"):
        asked("sso", account="anna")
    with pytest.raises(Invalid):
        asked("projects", -1)


def test_few_statements_however_long_the_past() -> None:
    team()
    use("ana", "calls", arrived="2026-01-12", records=[{"id": f"c{n}", "at": "2026-01-12"} for n in range(50)])
    asked("calls")
    with CaptureQueriesContext(connection) as queries:
        asked("calls")
    assert len(queries) <= 4
    with CaptureQueriesContext(connection) as queries:
        asked("sso")
    assert len(queries) <= 2, [one["sql"][:90] for one in queries.captured_queries]


def page(request: Any, account: str) -> HttpResponse:
    return HttpResponse(f"hello {account}")


class Sso(APIView):
    authentication_classes = ()
    permission_classes = (Entitled,)
    entitled_feature = "sso"

    def get(self, request: Any, account: str) -> HttpResponse:
        return HttpResponse("in")


def test_the_decorator_the_permission_and_the_tag() -> None:
    do("subscribe", account="ana", plan="team")
    guarded = entitled("sso")(page)
    assert guarded(RequestFactory().get("/"), account="ana").content == b"hello ana"
    open_account("bob")
    answer = guarded(RequestFactory().get("/"), account="bob")
    assert (answer.status_code, answer.content) == (403, b"no running contract allows it")
    assert guarded(RequestFactory().get("/"), account="zoe").status_code == 404
    view = Sso.as_view()
    request = APIRequestFactory().get("/")
    assert [view(request, account=name).status_code for name in ("ana", "bob", "zoe")] == [200, 403, 403]
    text = "{% load entitlements %}{% entitled who 'projects' 30 as may %}{{ may.allowed }} {{ may.why }}"
    assert Template(text).render(Context({"who": "ana"})) == "False 25 projects allowed; 30 wanted"


def test_the_command_line_says_it_and_the_exit_status_too() -> None:
    team()
    out = io.StringIO()
    call_command("entitlements", "ana", "--at", "2026-01-20", stdout=out)
    assert "yes projects, 25 left: 25 projects allowed" in out.getvalue()
    assert "no  audit: no running contract allows it" in out.getvalue()
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("entitlements", "ana", "projects", "--quantity", "26", "--at", "2026-01-20", "--json", stdout=out)
    assert (ended.value.code, json.loads(out.getvalue())["remaining"]) == (1, "25")
    assert [
        one.feature for one in check_all("ana", at=moment("2026-01-20"))
    ] == "sso export projects calls storage messages support audit".split()
