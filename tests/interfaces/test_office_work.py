"""The dashboard and the lists of what waits: right sums, a fixed number of statements, and many rows at once."""

from __future__ import annotations

import html
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from billing import bulk
from billing.accounting.ageing import ageing
from billing.admin import figures
from billing.admin.charts import Value, bar_chart
from billing.admin.worklists import LISTS, counts, rows
from billing.models import CorrectionRequest, JournalEvent
from billing.queries import metrics
from tests.books import do, moment, open_account, publish
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
MONTHS = [date(2026, 1, 1), date(2026, 2, 1)]
POLICY = "currency: EUR\nlimits:\n  clerk: {adjust: 1}\n  supervisor: {any: {each: 20, day: 500}}\n"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def text(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def ask(account: str, amount: str) -> str:
    made = do("request_correction", NOW, account=account, wanted="adjust", arguments={"amount": amount, "reason": "sorry"})
    return str(made.made["request"])


# --- figures ----------------------------------------------------------------------------------------------------------------------


def test_money_in_is_payments_less_refunds() -> None:
    assert figures.money_in("EUR", MONTHS) == {MONTHS[0]: 0, MONTHS[1]: Decimal("320")}
    do("refund", NOW, account="bob", amount="50.25", channel="transfer")
    assert figures.money_in("EUR", MONTHS)[MONTHS[1]] == Decimal("269.75")
    assert figures.money_in("USD", MONTHS) == {MONTHS[0]: 0, MONTHS[1]: 0}


def test_overdue_is_what_the_ageing_report_says() -> None:
    """ana's 76.25 and eve's 7.00; the buckets are those of the report at the same day."""
    found = figures.overdue("EUR", NOW.date())
    reported = [one for one in ageing("main", day=NOW.date(), end=NOW) if one.currency == "EUR"]
    assert found == {bucket: sum((one.amounts[bucket] for one in reported), Decimal(0)) for bucket in found}
    assert sum(found.values()) == Decimal("83.25")
    do("dispute", NOW, account="ana", invoice="INV-000005", amount="10", reason="wrong")
    assert sum(figures.overdue("EUR", NOW.date()).values()) == Decimal("73.25")


def test_contracts_begin_end_and_run() -> None:
    do("cancel", NOW, account="bob", when="now")
    december, january, february = figures.contracts([date(2025, 12, 1), *MONTHS])
    assert (december.began, december.ended, december.running) == (0, 0, 0)
    assert (january.began, january.ended, january.running) == (3, 0, 3)
    assert (february.began, february.ended, february.running) == (0, 1, 2)


def test_sold_units_and_used_meters() -> None:
    assert figures.sold("EUR", moment("2026-01-31")) == [("router", "Router", Decimal(1), Decimal(80))]
    assert figures.sold("EUR", moment("2026-03-31")) == []
    assert figures.used(moment("2026-01-31")) == [("calls", 9, 2)]


def test_recurring_revenue_is_what_the_metrics_say_and_what_was_lost() -> None:
    """Five seats at 7.00 (a cent less in January, whose period a change cut) and the basic fee of 19.95; bob's is lost when he leaves. A
    month that is over is not asked for again."""
    do("cancel", NOW, account="bob", when="now")
    found = figures.recurring(MONTHS, moment("2026-02-21"))
    january, february = (found[month]["EUR"] for month in MONTHS)
    assert (january.recurring, january.new) == (Decimal("54.94"), Decimal("54.94"))
    assert (february.recurring, february.churned, february.contracts_churned) == (Decimal("35.00"), Decimal("19.95"), 1)
    assert january == metrics.recurring(moment("2026-01-01"), moment("2026-02-01"))[0]
    bulk.fetch("DELETE FROM read_period RETURNING 1")
    assert figures.recurring(MONTHS, moment("2026-02-21")) == found


def test_the_rows_behind_sales_and_usage() -> None:
    viewer = staff("viewer")
    assert "bob" not in text(viewer.get("/admin/billing/account/behind/sold/router/"))
    do("sell", NOW, account="bob", item="ticket", quantity="2")
    assert "bob/" in text(viewer.get("/admin/billing/account/behind/sold/ticket/"))
    assert "ana test:late1 2026-01-25 09:00 usage 3" in text(viewer.get("/admin/billing/account/behind/used/calls/"))
    assert viewer.get("/admin/billing/account/behind/other/calls/").status_code == 404
    assert staff().get("/admin/billing/account/behind/used/calls/").status_code == 403


@pytest.mark.parametrize(
    ("day", "found"), [("2026-01-31", 3), ("2025-12-31", 0), ("today", 3), ("nonsense", 0), ("9999-12-31", 0), ("", 3)]
)
def test_contracts_that_run_on_a_day(day: str, found: int) -> None:
    assert staff("viewer").get("/admin/billing/contract/", {"running_on": day}).context["cl"].result_count == found


def test_a_chart_is_to_scale() -> None:
    chart = bar_chart(
        [Value("a", Decimal(10), "10"), Value("b", Decimal(-5), "-5"), Value("c", Decimal(0), "0"), Value("d", Decimal("0.01"), "")]
    )
    assert [(bar.y, bar.height) for bar in chart.bars] == [(14, 96), (110, 48), (110, 0), (109, 1)]
    assert bar_chart([]).bars == ()


def test_the_dashboard_shows_them_at_a_fixed_cost(django_assert_max_num_queries: Any) -> None:
    viewer = staff("viewer")
    shown = text(viewer.get("/admin/"))
    for words in ("Money in", "320.00", "83.25", "Contracts running", "calls", "Recurring revenue, a month", "54.95"):
        assert words in shown
    with django_assert_max_num_queries(20) as few:
        page = viewer.get("/admin/").content.decode()
    for link in set(re.findall(r'<a href="(/admin/billing/[^"]+)" aria-label', page)):
        assert viewer.get(html.unescape(link)).status_code == 200, link
    for i in range(5):
        open_account(f"more-{i}")
        do("subscribe", account=f"more-{i}", plan="basic")
    with django_assert_max_num_queries(20) as many:
        viewer.get("/admin/")
    assert len(many) == len(few)


def test_the_bars_lead_to_their_rows() -> None:
    page = staff("viewer").get("/admin/").content.decode()
    overdue = [html.unescape(link) for link in re.findall(r'<a href="([^"]+)" aria-label="[0-9+-]+: [0-9.]+"', page)]
    client = staff("clerk")
    found = [client.get(link).context["cl"].queryset for link in overdue if "due__lte" in link]
    assert sum((row.open for query in found for row in query), Decimal(0)) == Decimal("83.25")


def test_staff_without_a_role_sees_nothing() -> None:
    assert "You have no role yet" in text(staff().get("/admin/"))
    assert staff("viewer").get("/admin/billing/account/work/nothing/").status_code == 404


# --- lists ------------------------------------------------------------------------------------------------------------------------


def test_every_list_opens_and_its_count_is_its_rows() -> None:
    boss = staff("administrator")
    ask("ana", "-3")
    found = counts(NOW)
    for name, work in LISTS.items():
        assert boss.get(f"/admin/billing/account/work/{name}/").status_code == 200, name
        assert len(rows(work, at=NOW)) == found[name], name
    assert found["approvals"] == 1


@pytest.fixture
def asked() -> list[str]:
    do("publish_policy", source=POLICY)
    return [ask("ana", "-3"), ask("bob", "-4"), ask("eve", "-300")]


def act(client: Client, name: str, **given: Any) -> str:
    address = f"/admin/billing/account/work/{name}/"
    return text(client.post(address, given, follow=True))


def test_many_at_once_say_what_was_done_and_what_was_refused(asked: list[str]) -> None:
    said = act(staff("supervisor"), "approvals", row=asked, _action="0", _key="k")
    assert "Approve and carry out: done 2, refused 1: " in said
    assert "may not decide adjust of 300.00 EUR today" in said
    assert list(CorrectionRequest.objects.order_by("request").values_list("status", flat=True)) == [
        "executed",
        "executed",
        "pending",
    ]
    assert AccessRecord.objects.get(action="refused").code == "over_limit"
    again = act(staff("supervisor", "finance"), "approvals", row=asked[:1], _action="0")
    assert f"{asked[0]} is not on the list any more" in again


def test_nobody_approves_his_own(asked: list[str]) -> None:
    supervisor = staff("supervisor")
    do_ask = {"wanted": "adjust", "arguments": "amount: '-30'\nreason: mine"}
    shown = supervisor.post("/admin/billing/account/do/request_correction/?account=bob", do_ask | {"_step": "preview"})
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', shown.content.decode())
    }
    supervisor.post("/admin/billing/account/do/request_correction/?account=bob", fields | {"_step": "confirm"})
    mine = CorrectionRequest.objects.get(asked_by="user:staff-supervisor")
    assert mine.status == "pending"
    assert "somebody else must decide" in act(supervisor, "approvals", row=[mine.request], _action="0")
    assert CorrectionRequest.objects.get(request=mine.request).status == "pending"


def test_rejecting_takes_the_reason_that_was_typed(asked: list[str]) -> None:
    assert "refused 1" in act(staff("finance"), "approvals", row=asked[:1], _action="2", reason="")
    do("publish_policy", source=POLICY + "  finance: {any: unlimited}\n")
    assert "Reject: done 1." in act(staff("finance", "clerk"), "approvals", row=asked[:1], _action="2", reason="not agreed")
    assert JournalEvent.objects.get(kind="request.rejected").data["reason"] == "not agreed"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("clerk", 403), ("supervisor", 302)])
def test_who_may_not_run_it_is_refused(role: str, status: int) -> None:
    answer = staff(role).post("/admin/billing/account/work/approvals/", {"row": ["ana/1"], "_action": "0"})
    assert answer.status_code == status
    assert AccessRecord.objects.filter(action="refused", code="no_right").exists() == (status == 403)


@pytest.mark.parametrize("action", ["", "-1", "9", "x", "²"])
def test_actions_that_no_page_offers(action: str) -> None:
    assert staff("administrator").post("/admin/billing/account/work/approvals/", {"row": ["x"], "_action": action}).status_code == 404


def test_parked_accounts_are_released_and_failed_effects_tried_again() -> None:
    boss = staff("administrator")
    bulk.fetch("UPDATE effect SET state = 'failed', last_error = 'no such mailbox' WHERE id = (SELECT min(id) FROM effect) RETURNING id")
    shown = text(boss.get("/admin/billing/account/work/failed-effects/"))
    [failed] = rows(LISTS["failed-effects"], at=NOW)
    assert "no such mailbox" in shown
    assert "Try again: done 1." in act(boss, "failed-effects", row=[failed["key"]], _action="0")
    assert rows(LISTS["failed-effects"], at=NOW) == []


def test_unidentified_money_is_one_click_from_its_form() -> None:
    do("receive", NOW, amount="12.50", channel="transfer", reference="from somebody")
    clerk = staff("clerk")
    page = clerk.get("/admin/billing/account/work/receipts/").content.decode()
    [address] = re.findall(r'href="([^"]+do/identify/[^"]+)"', page)
    assert 'value="suspense-main/2"' in clerk.get(html.unescape(address)).content.decode()


@pytest.mark.parametrize(
    "model", ["billing/effect", "billing/correctionrequest", "payments/collection", "payments/bankline", "accounts/accessrecord"]
)
def test_rows_behind_it_are_searched_and_never_written(model: str) -> None:
    boss, viewer = staff("administrator"), staff("viewer")
    boss.get("/admin/billing/account/do/refund/?account=ana")
    assert viewer.get(f"/admin/{model}/", {"q": "ana"}).status_code == 200
    assert boss.get(f"/admin/{model}/add/").status_code == 403
    assert staff().get(f"/admin/{model}/").status_code == 403


TRIED = """catalogue: tried
currency: EUR
plans:
  free:
    period: month
    phases:
      - {name: trial, length: 14 days, prices: {fee: free}}
      - {name: regular}
    items:
      fee: {price: "10.00"}
"""


def test_trials_that_end_and_customers_who_left_are_listed() -> None:
    publish(TRIED, "2026-02-01")
    for name, since in (("tim", "2026-02-12"), ("tom", "2026-02-19"), ("tea", "2026-02-01")):
        open_account(name, zone="America/New_York")
        do("subscribe", since, account=name, plan="free")
    found = rows(LISTS["ending-trials"], at=NOW)
    assert [(row["account"], row["phase"], row["ends"].isoformat()) for row in found] == [
        ("tim", "trial", "2026-02-26T00:00:00+00:00"),
        ("tom", "trial", "2026-03-05T00:00:00+00:00"),
    ]
    assert rows(LISTS["ending-trials"], at=moment("2026-02-26")) == found[1:]
    assert (counts(NOW)["ending-trials"], rows(LISTS["win-back"], at=NOW)) == (2, [])
    do("cancel", NOW, account="bob", when="now")
    do("cancel", NOW, account="eve", when="now")
    do("subscribe", NOW, account="eve", plan="basic")
    [left] = rows(LISTS["win-back"], at=NOW)
    assert (left["account"], left["plan"]) == ("bob", "basic")
    assert "subscribe/?account=bob&plan=basic" in html.unescape(
        staff("clerk").get("/admin/billing/account/work/win-back/").content.decode()
    )
    assert rows(LISTS["win-back"], at=NOW + timedelta(days=91)) == []
