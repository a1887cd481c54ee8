"""Lists of the API: filters, search, stable pages, chosen fields; wrong parameters are refused by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.books import do, open_account
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def viewer() -> Client:
    return staff("viewer")


def rows(client: Client, resource: str, **asked: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/{resource}", asked)
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_filters_combine(viewer: Client) -> None:
    found = rows(viewer, "invoices", account="ana", status="open", document="invoice")
    assert [(row["number"], row["open"]) for row in found] == [("INV-000003", "14.14"), ("INV-000005", "62.11")]
    later = rows(viewer, "invoices", account="ana", issued_from=found[1]["issued"])
    assert {row["number"] for row in later} >= {"INV-000005"}
    assert "INV-000003" not in {row["number"] for row in later}
    assert rows(viewer, "invoices", account="ana", issued_before="2000-01-01") == []


def test_search_and_fields(viewer: Client) -> None:
    assert rows(viewer, "invoices", search="000005", fields="number,total") == [{"number": "INV-000005", "total": "62.11"}]


def test_pages_are_stable_while_rows_are_added(viewer: Client) -> None:
    whole = rows(viewer, "charges")
    first = viewer.get("/api/v1/charges", {"limit": "2"}).json()
    open_account("aaa-first-in-order", at=NOW)
    do("adjust", NOW, account="aaa-first-in-order", amount="1.00", reason="test")
    found, following = first["results"], first["next"]
    while following:
        page = viewer.get(following).json()
        found, following = found + page["results"], page["next"]
    assert found == whole


def test_newest_first_is_the_other_way_round(viewer: Client) -> None:
    whole = rows(viewer, "charges")
    found, following = [], "/api/v1/charges?newest=1&limit=3"
    while following:
        page = viewer.get(following).json()
        found, following = found + page["results"], page["next"]
    assert found == whole[::-1]


@pytest.mark.parametrize(
    ("query", "code", "at"),
    [
        ("colour=red", "unknown_parameter", "colour"),
        ("fields=numbr", "unknown_field", "fields"),
        ("limit=0", "out_of_range", "limit"),
        ("after=%21%21", "bad_cursor", "after"),
        ("after=WzFd", "bad_cursor", "after"),
        ("after=WyJhIiwiYiJd", "bad_cursor", "after"),
        ("after=WyJhXHUwMDAwIiwxXQ", "bad_cursor", "after"),
        ("issued_from=soon", "not_a_time", "issued_from"),
        ("account=%00", "out_of_range", "account"),
        ("account=a&account=b", "given_twice", "account"),
        ("newest=perhaps", "wrong_type", "newest"),
    ],
)
def test_wrong_parameters_are_refused_by_name(viewer: Client, query: str, code: str, at: str) -> None:
    answer = viewer.get(f"/api/v1/invoices?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["at"]) == (422, code, at)


def test_the_journal_by_kind(viewer: Client) -> None:
    found = rows(viewer, "events", stream="ana", kind="payment.received")
    assert found
    assert {row["kind"] for row in found} == {"payment.received"}


def test_the_journal_of_an_account_by_kind_command_and_time(viewer: Client) -> None:
    whole = rows(viewer, "events", account="ana")
    assert whole == rows(viewer, "events", stream="ana") != []
    paid = rows(viewer, "events", account="ana,bob", command="pay", kind="payment.received", fields="stream,kind")
    assert paid == [{"stream": "ana", "kind": "payment.received"}, {"stream": "bob", "kind": "payment.received"}]
    assert rows(viewer, "events", account="ana", recorded_at_before="2026-01-01") == []
    wrong = viewer.get("/api/v1/events?kind=payment.recieved")
    assert (wrong.status_code, wrong.json()["at"], "payment.received" in wrong.json()["detail"]) == (422, "kind", True)


def test_amounts_of_money_have_its_decimals_and_units_have_none(viewer: Client) -> None:
    do("top_up", NOW, account="bob", amount="20")
    do("grant", NOW, account="bob", unit="minutes", amount="300")
    do("reserve", NOW, account="bob", amount="15.5")
    assert {row["unit"]: row["amount"] for row in rows(viewer, "lots", account="bob")} == {"EUR": "20.00", "minutes": "300"}
    assert [row["amount"] for row in rows(viewer, "reservations", account="bob")] == ["15.50"]


def test_a_page_costs_the_same_whatever_its_rows(viewer: Client, django_assert_num_queries: Any) -> None:
    for limit in ("1", "100"):
        with django_assert_num_queries(4):
            viewer.get("/api/v1/charges", {"limit": limit})
