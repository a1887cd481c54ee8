"""What the API says of people beside money; balances and statements at two dates; and asking for a credit."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.access import caller_of_user
from billing.models import CorrectionRequest, Invoice
from plans.errors import NotAllowed
from tests.books import CATALOGUE, do, publish
from tests.interfaces.callers import customer, staff
from tests.interfaces.test_portal import hidden, text
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def test_contacts_consents_alerts_and_keys_are_resources_without_secrets_and_notes() -> None:
    do("add_contact", NOW, account="ana", name="Ben", email="ben@example.com", note="of the office")
    do("give_consent", NOW, account="ana", purpose="news", how="phone")
    do("set_usage_alert", NOW, account="ana", item="calls", threshold="1000")
    do("create_api_key", NOW, account="ana", name="meter", scopes=["usage"])
    owner, stranger, viewer = customer("olga", "ana", "owner"), customer("sam", "bob", "owner"), staff("viewer")
    [contact] = owner.get("/api/v1/contacts").json()["results"]
    assert (contact["name"], contact["email"], "note" in contact) == ("Ben", "ben@example.com", False)
    [consent] = owner.get("/api/v1/consents?purpose=news&fields=purpose,given,how").json()["results"]
    assert consent == {"purpose": "news", "given": True, "how": "phone"}
    [alert] = owner.get("/api/v1/usage_alerts").json()["results"]
    assert alert["threshold"] == "1000"
    for name in ("contacts", "consents", "usage_alerts"):
        assert stranger.get(f"/api/v1/{name}").json()["results"] == [], name
    assert owner.get("/api/v1/keys").status_code == 403
    [key] = viewer.get("/api/v1/keys").json()["results"]
    assert (key["name"], [name for name in key if "digest" in name]) == ("meter", [])


def test_balances_and_statements_at_two_dates() -> None:
    owner = customer("olga", "ana", "owner")
    then = {row["ledger"]: row["amount"] for row in owner.get("/api/v1/accounts/ana/balances?as_of=2026-02-10").json()}
    known = {row["ledger"]: row["amount"] for row in owner.get("/api/v1/accounts/ana/balances?as_of=2026-02-10&known_at=2026-02-14").json()}
    status = owner.get("/api/v1/accounts/ana/status?as_of=2026-02-10&known_at=2026-02-14").json()
    assert known["receivable"] == status["amounts"][0]["owed"] == "34.14"
    assert sum(map(Decimal, then.values())) == 0
    closings = [
        owner.get(f"/api/v1/accounts/ana/statement{query}").json()[0]["closing"]
        for query in ("", "?known_at=2026-02-14", "?known_at=2026-01-02")
    ]
    assert closings[0] == "76.25"
    assert closings[1] != closings[0]
    assert owner.get("/api/v1/accounts/ana/statement?known_at=soon").status_code == 422


def test_what_was_sent_is_listed_as_openmeter_does() -> None:
    owner, stranger = customer("olga", "ana", "owner"), customer("sam", "bob", "owner")
    found = owner.get("/api/v1/events?from=2026-02-01&to=2026-02-20&limit=5").json()
    assert [(row["event"]["id"], row["event"]["type"], row["event"]["subject"], row["event"]["data"]) for row in found] == [
        ("f1", "calls", "ana", {"value": "6"})
    ]
    assert found[0]["ingestedAt"].startswith("2026-02-18")
    assert len(owner.get("/api/v1/events?subject=ana&from=2026-01-01").json()) == 8
    assert stranger.get("/api/v1/events?subject=ana&from=2026-01-01").json() == []
    assert owner.get("/api/v1/events?from=2026-01-01&kind=x").json()["code"] == "unknown_parameter"
    assert owner.get("/api/v1/events").status_code == 403
    assert staff("viewer").get("/api/v1/events?stream=ana").json()["results"] != []


def test_a_credit_is_asked_for_and_waits_for_the_office() -> None:
    owner = customer("olga", "ana", "owner")
    invoice = Invoice.objects.get(number="INV-000005")
    page = text(owner.post("/my/ana/credit", {"invoice": invoice.invoice, "amount": "5.00", "reason": "it was down"}, follow=True))
    assert "We have your request." in page
    row = CorrectionRequest.objects.get()
    assert (row.command, row.status, row.asked_by) == ("credit_note", "pending", "user:olga")
    too_much = owner.post("/my/ana/credit", {"invoice": invoice.invoice, "amount": "5000", "reason": "x"})
    assert 'role="alert"' in too_much.content.decode()
    assert customer("carl", "ana", "viewer").get("/my/ana/credit").status_code == 404
    with pytest.raises(NotAllowed, match="no_right"):
        caller_of_user(User.objects.get(username="olga")).must_run("request_correction", {"account": "ana", "wanted": "adjust"})


def test_an_offered_payment_plan_is_shown_and_its_parts_before_it_is_agreed() -> None:
    publish(f"{CATALOGUE}instalments:\n  three: {{name: Three parts, count: 3, public: true}}\n  inner: {{name: Inner, count: 2}}\n", NOW)
    owner = customer("olga", "ana", "owner")
    page = text(owner.get("/my/ana/pay"))
    assert "Three parts, in 3 parts" in page
    assert "Inner" not in page
    address = "/my/ana/do/instalments?offer=three"
    shown = owner.post(address, {"offer": "three", "_step": "preview"})
    assert "What you pay, and when" in text(shown)
    assert text(shown).count("€25.4") >= 2
    done = owner.post(address, hidden(shown) | {"_step": "confirm"}, follow=True)
    assert "Done: Pay in instalments." in text(done)
