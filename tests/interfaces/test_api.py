"""The API: exact answers, problems for errors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.books import do, open_account
from tests.interfaces.worlds import NOW, document

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("staff", is_staff=True, is_superuser=True))
    return client


def problem(response: Any) -> tuple[int, str, str]:
    assert response["Content-Type"].startswith("application/problem+json")
    body = response.json()
    assert body["status"] == response.status_code
    return response.status_code, body["code"], body.get("at", "")


def test_the_status_of_an_account(world: None, staff: Client) -> None:
    body = staff.get("/api/v1/accounts/ana/status").json()
    assert body["status"] == "overdue"
    assert body["amounts"] == [
        {
            "currency": "EUR",
            "owed": "76.25",
            "due": "76.25",
            "overdue": "76.25",
            "credit": "0.00",
            "balance": "76.25",
            "payable": "0.00",
            "unbilled": "1.00",
        }
    ]
    assert [(one["number"], one["open"]) for one in body["documents"]] == [("INV-000003", "14.14"), ("INV-000005", "62.11")]
    assert body["accrued"] == {"EUR": "7.00"}
    assert body["next"]["documents"] == [{"at": "2026-03-01T00:00:00Z", "document": "invoice", "currency": "EUR", "total": "50.82"}]


def test_the_status_says_the_credit_limit_and_what_is_left_of_it(world: None, staff: Client) -> None:
    assert "credit_limit" not in staff.get("/api/v1/accounts/ana/status").json()
    event = do("set_credit_limit", NOW, account="ana", amount="80").events[-1].address
    body = staff.get("/api/v1/accounts/ana/status").json()
    # 76.25 open and 1.00 on no document yet
    assert body["credit_limit"] == {"currency": "EUR", "amount": "80.00", "owed": "77.25", "left": "2.75", "event": event}


def test_the_status_of_then(world: None, staff: Client) -> None:
    body = staff.get("/api/v1/accounts/ana/status", {"as_of": "2026-02-10", "known_at": "2026-02-14"}).json()
    assert body["amounts"][0]["owed"] == "34.14"
    assert "next" not in body


def test_accounts_page_by_page(world: None, staff: Client) -> None:
    first = staff.get("/api/v1/accounts", {"limit": "2"}).json()
    assert [one["account"] for one in first["results"]] == ["ana", "bob"]
    second = staff.get(first["next"]).json()
    assert ([one["account"] for one in second["results"]], second["next"]) == (["eve"], None)


def test_the_cost_of_the_list_does_not_grow_with_its_rows(world: None, staff: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        staff.get("/api/v1/accounts")
    for i in range(20):
        open_account(f"more-{i}")
    with django_assert_max_num_queries(8):
        staff.get("/api/v1/accounts")


def test_an_invoice_by_number_and_by_id(world: None, staff: Client) -> None:
    by_number, by_id = (staff.get(f"/api/v1/invoices/{name}").json() for name in ("INV-000005", document("INV-000005")))
    assert by_number == by_id
    assert (by_id["total"], [(line["name"], line["amount"]) for line in by_id["lines"]]) == (
        "62.11",
        [("Calls", "16.33"), ("Seat", "35.00")],
    )


def test_why(world: None, staff: Client) -> None:
    body = staff.get("/api/v1/accounts/ana/why", {"what": "INV-000005"}).json()
    assert (body["kind"], body["amount"], body["because"][0]["amount"]) == ("document", "62.11", "62.11")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/accounts/nobody/status", (404, "unknown_account", "account")),
        ("/api/v1/accounts/%00/status", (404, "unknown_account", "account")),
        ("/api/v1/accounts/ana/status?as_of=tomorrow", (422, "not_a_time", "as_of")),
        ("/api/v1/accounts/ana/why?what=%00", (422, "out_of_range", "what")),
        ("/api/v1/accounts/ana/why?what=zzz", (404, "nothing_found", "what")),
        ("/api/v1/accounts?limit=0", (422, "out_of_range", "limit")),
        ("/api/v1/accounts?limit=1e3", (422, "out_of_range", "limit")),
        ("/api/v1/accounts?after=%00", (422, "out_of_range", "after")),
        ("/api/v1/invoices/none", (404, "unknown_invoice", "invoice")),
        ("/api/v1/invoices/%00", (404, "unknown_invoice", "invoice")),
        ("/api/v1/nothing", (404, "not_found", "")),
        ("/api", (404, "not_found", "")),
        ("/api/v2/accounts", (404, "not_found", "")),
    ],
)
def test_errors_are_problems(world: None, staff: Client, path: str, expected: tuple[int, str, str]) -> None:
    assert problem(staff.get(path)) == expected


def test_nothing_is_written(staff: Client) -> None:
    assert problem(staff.post("/api/v1/accounts", {})) == (405, "method_not_allowed", "")
