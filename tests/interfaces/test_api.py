"""The API: exact answers, problems for errors."""

from __future__ import annotations

import gzip
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from billing.keys.making import make_key
from billing.models import Invoice
from tests.books import do, open_account
from tests.interfaces.callers import customer
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


def test_accounts_are_found_by_their_name_and_their_id_elsewhere(world: None, staff: Client) -> None:
    open_account("zoe", NOW, name="Zoe Blum", external_id="crm-17")

    def found(**asked: str) -> list[dict[str, Any]]:
        return list(staff.get("/api/v1/accounts", asked | {"fields": "account,external_id"}).json()["results"])

    zoe = [{"account": "zoe", "external_id": "crm-17"}]
    assert found(external_id="crm-17") == found(search="blum") == found(search="CRM-1") == zoe
    assert [row["account"] for row in found(search="ana", seller="main", currency="EUR")] == ["ana"]
    assert found(seller="other") == found(external_id="crm-18") == found(search="100%") == []
    assert problem(staff.get("/api/v1/accounts?fields=name,colour")) == (422, "unknown_field", "fields")
    assert problem(staff.get("/api/v1/accounts?external_ids=x")) == (422, "unknown_parameter", "external_ids")
    stranger = customer("sam", "bob", "owner")
    assert stranger.get("/api/v1/accounts", {"search": "blum"}).json()["results"] == []


def test_one_account(world: None, staff: Client) -> None:
    do("change_details", NOW, account="ana", country="PT", city="Porto")
    answer = staff.get("/api/v1/accounts/ana")
    body = answer.json()
    assert (body["name"], body["zone"], body["status"], body["closed_at"]) == ("Ana Ruiz", "Europe/Madrid", "open", None)
    assert (body["place"]["country"], body["place"]["city"], answer["ETag"]) == (
        "PT",
        "Porto",
        staff.get("/api/v1/accounts/ana/status")["ETag"],
    )
    assert staff.get("/api/v1/accounts/ana?as_of=2026-02-19").json()["place"]["country"] == "ES"
    assert problem(staff.get("/api/v1/accounts/ana?known_at=2025-12-31")) == (404, "unknown_account", "account")


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
        ("/api/v1/accounts/", (404, "not_found", "")),
        ("/api/v1/invoices/INV-000005%0aX-Evil:%201", (404, "not_found", "")),
        ("/api/v1/accounts/ana/documents/INV-000005%0d%0a", (404, "not_found", "")),
        ("/api/v1/accounts/ana/status?as_of=0001-01-01", (422, "out_of_range", "as_of")),
        ("/api/v1/accounts/ana/statement?from=9999-12-31", (422, "out_of_range", "from")),
    ],
)
def test_errors_are_problems(world: None, staff: Client, path: str, expected: tuple[int, str, str]) -> None:
    assert problem(staff.get(path)) == expected


def test_an_address_that_is_none_is_no_problem_of_cookies(staff: Client) -> None:
    outside = Client(enforce_csrf_checks=True)
    assert problem(outside.post("/api/v1/commands/pay/", {}, content_type="application/json")) == (404, "not_found", "")
    assert problem(outside.put("/api/v1/nothing", "{}", content_type="application/json")) == (404, "not_found", "")


def test_what_fails_is_a_problem_too(world: None, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word of what it was: the log has it, under the id of the request."""
    monkeypatch.setattr("billing.api.views.status", lambda *_, **__: 1 / 0)
    staff.raise_request_exception = False
    answer = staff.get("/api/v1/accounts/ana/status")
    assert problem(answer) == (500, "internal", "")
    assert (b"division" in answer.content, len(answer["X-Request-Id"]) > 8) == (False, True)
    assert problem(staff.get("/api/v1/accounts", headers={"Host": "evil.example"})) == (400, "bad_request", "")
    assert staff.get("/elsewhere").headers["Content-Type"].startswith("text/html")


def test_the_number_of_a_document_is_looked_for_among_those_that_are_seen(world: None, staff: Client) -> None:
    """Two sellers may give one number: who sees one of the documents learns nothing of the other."""
    first = Invoice.objects.filter(account="eve").earliest("sequence").invoice
    Invoice.objects.filter(invoice=first).update(number="INV-000005", seller="other")
    assert customer("olga", "ana", "owner").get("/api/v1/invoices/INV-000005").json()["account"] == "ana"
    assert problem(customer("sam", "nobody", "owner").get("/api/v1/invoices/INV-000005")) == (404, "unknown_invoice", "invoice")
    assert problem(staff.get("/api/v1/invoices/INV-000005")) == (409, "which_invoice", "invoice")


@pytest.mark.parametrize("kind", ["application/json", "application/cloudevents+json"])
def test_a_body_that_is_packed_is_not_unpacked(world: None, staff: Client, kind: str) -> None:
    key = {"Authorization": f"Bearer {make_key('switch', ['usage', 'money'], at=NOW)}", "Content-Encoding": "gzip"}
    for path, expected in (("commands/pay", (415, "unsupported_media_type", "")), ("events", (400, "unknown_choice", "content-encoding"))):
        if path == "events" or kind == "application/json":
            assert problem(Client().post(f"/api/v1/{path}", gzip.compress(b"{}" * 1000), content_type=kind, headers=key)) == expected


def test_a_body_that_is_too_long(world: None, staff: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    body = {"account": "ana", "amount": "1", "reference": "x" * 100}
    answer = staff.post("/api/v1/commands/pay", body, content_type="application/json")
    assert (problem(answer), "100 bytes" in answer.json()["detail"]) == ((413, "too_large", "body"), True)


def test_nothing_is_written(staff: Client) -> None:
    assert problem(staff.post("/api/v1/accounts", {})) == (405, "method_not_allowed", "")
