"""Commands over HTTP: they run as the caller, once for a key, not at all in a preview; refusals are problems and leave nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import JournalEvent, Payment
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW

pytestmark = [pytest.mark.django_db]
PAY = {"account": "ana", "amount": "14.14", "invoices": ["INV-000003"]}


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def clerk() -> Client:
    return staff("clerk")


def post(client: Client, command: str, body: Any, query: str = "", **headers: str) -> Any:
    return client.post(f"/api/v1/commands/{command}{query}", body, content_type="application/json", headers=headers)


def test_a_command_runs_as_the_caller(clerk: Client) -> None:
    answer = post(clerk, "pay", PAY)
    assert answer.status_code == 201
    body = answer.json()
    [event] = [one for one in body["events"] if one["kind"] == "payment.received"]
    recorded = JournalEvent.objects.get(stream="ana", kind="payment.received", command="pay", actor="user:staff-clerk")
    assert (event["address"], body["replayed"], body["dry_run"]) == (f"ana/{recorded.sequence}", False, False)
    assert clerk.get("/api/v1/invoices/INV-000003").json()["open"] == "0.00"


def test_a_preview_records_nothing(clerk: Client) -> None:
    before = JournalEvent.objects.count()
    answer = post(clerk, "pay", PAY, "?dry_run=1")
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert [one["kind"] for one in answer.json()["events"]] == ["payment.received"]
    assert JournalEvent.objects.count() == before


def test_what_was_previewed_is_done_or_refused(clerk: Client) -> None:
    token = post(clerk, "pay", PAY, "?dry_run=1").json()["preview"]["token"]
    other = post(clerk, "pay", PAY | {"amount": "2.00"}, f"?token={token}")
    assert (other.status_code, other.json()["code"]) == (422, "wrong_token")
    done = post(clerk, "pay", PAY, f"?token={token}")
    assert done.status_code == 201
    stale = post(clerk, "pay", PAY, f"?token={token}")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_preview")
    assert stale.json()["facts"] == {"events": done.json()["events"][0]["address"]}


def test_the_same_key_twice_pays_once(clerk: Client) -> None:
    first = post(clerk, "pay", PAY, **{"Idempotency-Key": "k-1"})
    second = post(clerk, "pay", PAY, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, second.status_code, second.json()["replayed"]) == (201, 200, True)
    assert second.json()["events"] == first.json()["events"]
    assert Payment.objects.filter(account="ana", amount="14.14").count() == 1
    other = post(clerk, "pay", PAY | {"amount": "1.00"}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")


@pytest.mark.parametrize(
    ("body", "query", "status", "code", "at"),
    [
        ([1], "", 422, "wrong_type", "body"),
        ({"account": "ana"}, "", 422, "missing_field", "amount"),
        (PAY | {"amount": "many"}, "", 422, "not_a_number", "amount"),
        (PAY | {"amount": 1e400}, "", 400, "bad_json", ""),
        (PAY | {"amout": "1"}, "", 422, "unknown_field", "amout"),
        (PAY | {"account": "nobody"}, "", 404, "unknown_account", "account"),
        (PAY | {"invoices": ["INV-999"]}, "", 404, "unknown_invoice", "invoices"),
        (PAY, "?dry_run=perhaps", 422, "wrong_type", "dry_run"),
        (PAY, "?dryrun=1", 422, "unknown_parameter", "dryrun"),
    ],
)
def test_refusals_are_problems_and_leave_nothing(clerk: Client, body: Any, query: str, status: int, code: str, at: str) -> None:
    before = JournalEvent.objects.count()
    answer = post(clerk, "pay", body, query)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("at", "")) == (status, code, at)
    assert answer["Content-Type"].startswith("application/problem+json")
    assert JournalEvent.objects.count() == before


def test_a_body_that_is_no_json_is_a_problem(clerk: Client) -> None:
    answer = clerk.post("/api/v1/commands/pay", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_json")
    answer = clerk.post("/api/v1/commands/pay", {"account": "ana"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_command_that_nobody_knows(clerk: Client) -> None:
    assert post(clerk, "steal", {}).json()["code"] == "not_found"


def test_an_owner_changes_a_contract_but_not_its_price() -> None:
    owner = customer("olga", "ana", "owner")
    [contract] = [row for row in owner.get("/api/v1/contracts").json()["results"] if row["status"] == "active"][:1]
    body = {"account": "ana", "contract": contract["contract"]}
    assert post(owner, "pause", body, "?dry_run=1").status_code == 200
    refused = post(owner, "change_price", body | {"item": "seat", "price": {"model": "unit", "amount": "0"}})
    assert (refused.status_code, refused.json()["code"]) == (403, "no_right")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"account": "ana", "account": "bob"}', "stands twice"),
        ('{"amount": NaN}', "NaN is no number"),
        ("[" * 100_000, "no JSON that can be read"),
        (b'{"account": "\xff"}', "no JSON that can be read"),
    ],
)
def test_json_that_could_mean_two_things_is_refused(clerk: Client, body: Any, words: str) -> None:
    answer = clerk.post("/api/v1/commands/pay", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_json")
    assert words in answer.json()["detail"]


def test_a_number_with_a_point_is_exact(clerk: Client) -> None:
    body = '{"account": "ana", "amount": 0.29, "channel": "cash"}'
    assert clerk.post("/api/v1/commands/pay", body, content_type="application/json").status_code == 201
    assert Payment.objects.get(account="ana", amount="0.29")


def test_a_command_on_what_has_moved_is_refused(clerk: Client) -> None:
    tag = clerk.get("/api/v1/accounts/ana/status")["ETag"]
    head = JournalEvent.objects.filter(stream="ana").order_by("-sequence").values_list("sequence", flat=True)[0]
    assert tag == f'"ana/{head}"'
    first = post(clerk, "pay", PAY | {"amount": "1.00"}, **{"If-Match": tag})
    assert first.status_code == 201
    before = JournalEvent.objects.count()
    second = post(clerk, "pay", PAY | {"amount": "2.00"}, **{"If-Match": tag})
    assert (second.status_code, second.json()["code"], second.json()["at"]) == (412, "moved_on", "If-Match")
    assert JournalEvent.objects.count() == before
    now = clerk.get("/api/v1/accounts/ana/status")["ETag"]
    assert post(clerk, "pay", PAY | {"amount": "2.00"}, **{"If-Match": f"{tag}, {now}"}).status_code == 201


@pytest.mark.parametrize(("tag", "status"), [("*", 201), ('"bob/1"', 412), ("ana/1", 422), ('W/"ana/1"', 412), ('"ana/' + "9" * 2000, 422)])
def test_other_tags(clerk: Client, tag: str, status: int) -> None:
    assert post(clerk, "pay", PAY, **{"If-Match": tag}).status_code == status
