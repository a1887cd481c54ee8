"""What meters show, asked as the public client asks; the books as streams."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tests.books import do
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
QUERY = "/api/v1/meters/calls/query"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def clerk() -> Client:
    return staff("clerk")


def test_the_meters(clerk: Client) -> None:
    assert clerk.get("/api/v1/meters").json() == [
        {"slug": "calls", "name": "", "aggregation": "sum", "unit": "", "catalogue": "test"},
        {"slug": "peak", "name": "", "aggregation": "max", "unit": "", "catalogue": "test"},
    ]


def test_a_meter_by_days(clerk: Client) -> None:
    body = clerk.get(QUERY, {"subject": ["ana", "eve"], "from": "2026-01-10", "to": "2026-01-12", "windowSize": "DAY"}).json()
    assert (body["from"], body["to"], body["windowSize"]) == ("2026-01-10T00:00:00Z", "2026-01-12T00:00:00Z", "DAY")
    assert [(row["subject"], row["windowStart"], row["windowEnd"], row["value"]) for row in body["data"]] == [
        ("ana", "2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z", "4"),
        ("ana", "2026-01-11T00:00:00Z", "2026-01-12T00:00:00Z", "4"),
        ("eve", "2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z", "7"),
        ("eve", "2026-01-11T00:00:00Z", "2026-01-12T00:00:00Z", "7"),
    ]


def test_the_whole_span_until_now_and_months_of_another_zone(clerk: Client) -> None:
    body = clerk.get(QUERY, {"subject": "ana", "from": "2026-01-01"}).json()
    assert (body["to"], [row["value"] for row in body["data"]]) == ("2026-02-20T00:00:00Z", ["33"])
    asked = {"subject": "ana", "from": "2026-01-01", "to": "2026-03-01", "windowSize": "MONTH", "windowTimeZone": "Asia/Tokyo"}
    assert [(row["windowStart"], row["value"]) for row in clerk.get(QUERY, asked).json()["data"]] == [
        ("2026-01-01T00:00:00Z", "27"),  # the span begins within Tokyo's January and ends within its March
        ("2026-01-31T15:00:00Z", "6"),
        ("2026-02-28T15:00:00Z", "0"),
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"from": "2026-01-01"}, (422, "missing_field", "subject")),
        ({"subject": "ana"}, (422, "missing_field", "from")),
        ({"subject": "nobody", "from": "2026-01-01"}, (404, "unknown_account", "account")),
        ({"subject": "ana", "from": "2026-02-01", "to": "2026-01-01"}, (422, "out_of_range", "to")),
        ({"subject": "ana", "from": "2020-01-01", "windowSize": "MINUTE"}, (422, "out_of_range", "windowSize")),
        ({"subject": "ana", "from": "2026-01-01", "windowSize": "WEEK"}, (422, "unknown_choice", "windowSize")),
        ({"subject": "ana", "from": "2026-01-01", "windowTimeZone": "Mars"}, (422, "unknown_zone", "windowTimeZone")),
        ({"subject": ["ana"] * 101, "from": "2026-01-01"}, (422, "out_of_range", "subject")),
        ({"subject": "ana", "from": "2026-01-01", "groupBy": "x"}, (422, "unknown_parameter", "groupBy")),
    ],
)
def test_wrong_questions_are_named(clerk: Client, asked: dict[str, Any], expected: tuple[int, str, str]) -> None:
    answer = clerk.get(QUERY, asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["at"]) == expected


def test_of_a_meter_that_is_none(clerk: Client) -> None:
    assert clerk.get("/api/v1/meters/cals/query", {"subject": "ana", "from": "2026-01-01"}).json()["code"] == "unknown_meter"


@pytest.mark.parametrize("kind", ["gl", "csv", "trial-balance", "ageing", "hledger"])
def test_an_export_is_what_the_command_line_writes(kind: str) -> None:
    answer = staff("finance").get(f"/api/v1/exports/{kind}", {"to": "2026-02"})
    out = io.StringIO()
    call_command("export", kind, "--to", "2026-02", stdout=out)
    assert answer.streaming
    assert answer.getvalue().decode() == out.getvalue() != ""
    assert answer["Content-Type"].startswith("text/plain" if kind == "hledger" else "text/csv")


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("gl", {}, (422, "not_a_time", "to")),
        ("gl", {"to": "2026-01", "from": "2026-02"}, (422, "out_of_range", "from")),
        ("gl", {"to": "2026-01", "seller": "mian"}, (404, "unknown_seller", "seller")),
        ("gl", {"to": "2026-01", "known_at": "2026-01-01"}, (422, "unknown_parameter", "known_at")),
        ("glx", {"to": "2026-01"}, (404, "unknown_export", "kind")),
    ],
)
def test_a_wrong_export_is_a_problem_and_no_broken_stream(kind: str, asked: dict[str, str], expected: tuple[int, str, str]) -> None:
    answer = staff("finance").get(f"/api/v1/exports/{kind}", asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["at"]) == expected


def test_the_books_are_for_those_who_keep_them() -> None:
    path = "/api/v1/exports/gl?to=2026-02"
    people = {"clerk": staff("clerk"), "owner": customer("olga", "ana", "owner"), "nobody": Client(), "finance": staff("finance")}
    seen = {who: client.get(path).status_code for who, client in people.items()}
    assert seen == {"clerk": 403, "owner": 403, "nobody": 401, "finance": 200}


def test_metrics_say_what_the_command_line_says(clerk: Client) -> None:
    out = io.StringIO()
    call_command("metrics", "--from", "2026-01-01", "--to", "2026-02-20", "--json", stdout=out)
    told = json.loads(out.getvalue())
    body = clerk.get("/api/v1/metrics", {"from": "2026-01-01", "to": "2026-02-20"}).json()
    assert set(body) == {"start", "end", "sold", "recurring", "usage", "money"}
    assert [(row["meter"], row["records"], row["value"]) for row in body["usage"]] == [
        (row["meter"], row["records"], row["value"]) for row in told["usage"]
    ]
    assert [row["recurring"] for row in body["recurring"]] == [row["recurring"] for row in told["recurring"]]
    assert [len(body[name]) for name in ("sold", "money")] == [len(told[name]) for name in ("sold", "money")]
    assert body["recurring"]


def test_metrics_by_part_currency_and_seller(clerk: Client) -> None:
    asked = {"from": "2026-01-01", "to": "2026-02-20"}
    alone = clerk.get("/api/v1/metrics", asked | {"part": "usage"}).json()
    assert set(alone) == {"start", "end", "usage"}
    assert clerk.get("/api/v1/metrics", asked | {"currency": "JPY"}).json()["recurring"] == []
    all_of_it = clerk.get("/api/v1/metrics", asked).json()
    assert clerk.get("/api/v1/metrics", asked | {"seller": "main"}).json() == all_of_it
    nothing = clerk.get("/api/v1/metrics", asked | {"seller": "north"}).json()
    assert [nothing[part] for part in ("sold", "recurring", "usage", "money")] == [[], [], [], []]


@pytest.mark.parametrize(
    ("asked", "code", "at"),
    [
        ({"part": "profit"}, "unknown_choice", "part"),
        ({"zone": "Mars/Base"}, "unknown_zone", "zone"),
        ({"from": "2026-03-01", "to": "2026-02-01"}, "out_of_range", "to"),
        ({"from": "1990-01-01", "to": "2026-02-01"}, "out_of_range", "to"),
        ({"month": "2026-01"}, "unknown_parameter", "month"),
    ],
)
def test_wrong_questions_of_metrics_are_refused(clerk: Client, asked: dict[str, str], code: str, at: str) -> None:
    response = clerk.get("/api/v1/metrics", asked)
    assert (response.status_code, response.json()["code"], response.json()["at"]) == (422, code, at)


def test_stock_is_listed_with_its_movements(clerk: Client) -> None:
    do("restock", NOW, item="router", quantity="5", cost="250.00", location="north")
    do("write_off_stock", NOW, item="router", quantity="1", reason="broken", location="north")
    row = clerk.get("/api/v1/stock", {"location": "north"}).json()["results"][0]
    assert (row["level"], row["value"]) == ("4", "200")
    moves = clerk.get("/api/v1/stock_moves", {"item": "router", "reason": "written_off"}).json()["results"]
    assert [(one["quantity"], one["cost"], one["note"]) for one in moves] == [("-1", "50.00", "broken")]
    text = b"".join(staff("finance").get("/api/v1/exports/stock", {"to": "2026-02"}).streaming_content).decode()
    assert text.splitlines()[0].startswith("item,location,level,")
    assert text.splitlines()[2].startswith("router,north,4,250.00,50.00,200.00,EUR,")
