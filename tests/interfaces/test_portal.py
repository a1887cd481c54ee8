"""Customers' pages: what they show, to whom, and what they change: previewed, confirmed, refused in words."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.roles import CUSTOMER_COMMANDS
from billing.models import JournalEvent
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
PAGES = ("", "why", "documents", "contracts")


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def text(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def hidden(response: Any) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', response.content.decode())
    return {name: html.unescape(value) for name, value in found}


def test_the_overview_says_who_owes_how_much() -> None:
    page = text(customer("olga", "ana", "owner").get("/my/ana/"))
    assert "You owe 76.25 EUR of it overdue 76.25 EUR Not billed yet 1.00 EUR" in page
    assert "INV-000003" in page
    assert "the next invoice, over 50.82 EUR so far" in page


def test_why_leads_down_to_the_measurement() -> None:
    page = text(customer("olga", "ana", "owner").get("/my/ana/why?of=INV-000005"))
    assert "c5" in page or "test:c5" in page or "10:00" in page
    assert "62.11" in page


@pytest.mark.parametrize("page", [*PAGES, "do/pause"])
def test_every_page_by_everybody(page: str) -> None:
    people = {
        "owner": customer("olga", "ana", "owner"),
        "colleague": customer("carl", "ana", "viewer"),
        "stranger": customer("sam", "bob", "owner"),
        "nobody": Client(),
    }
    found = {who: client.get(f"/my/ana/{page}").status_code for who, client in people.items()}
    expected = 404 if page.startswith("do/") else 200
    assert found == {"owner": 200, "colleague": expected, "stranger": 404, "nobody": 302}


def test_commands_of_the_office_are_no_pages_here() -> None:
    owner = customer("olga", "ana", "owner")
    for command in ("refund", "adjust", "change_price", "publish_catalogue", "steal"):
        assert owner.get(f"/my/ana/do/{command}").status_code == 404, command
    for command in CUSTOMER_COMMANDS:
        assert owner.get(f"/my/ana/do/{command}").status_code == 200, command


def test_a_change_is_previewed_then_confirmed() -> None:
    owner = customer("olga", "ana", "owner")
    address = "/my/ana/do/change_quantity?contract=ana/2"
    shown = owner.post(address, {"contract": "ana/2", "item": "seat", "quantity": "6", "_step": "preview"})
    assert "This is exactly what will happen when you confirm." in text(shown)
    before = JournalEvent.objects.filter(stream="ana").count()
    done = owner.post(address, hidden(shown) | {"_step": "confirm"}, follow=True)
    assert "Done: Change how many of an item a contract has." in text(done)
    assert JournalEvent.objects.get(stream="ana", sequence__gt=before, kind="contract.quantity_changed").actor == "user:olga"


def test_a_customer_can_not_slip_in_a_price_of_their_own() -> None:
    owner = customer("olga", "ana", "owner")
    address = "/my/ana/do/change_plan?contract=ana/2"
    shown = owner.post(address, {"contract": "ana/2", "plan": "basic", "prices": "fee: 0", "_step": "preview"})
    fields = hidden(shown)
    assert "prices" not in fields.get("_asked", "")
    fields = hidden(owner.post("/my/ana/do/pause", {"contract": "ana/2", "_step": "preview"}))
    fields["_asked"] = fields["_asked"].replace('"ana"}', '"bob"}')
    assert owner.post("/my/ana/do/pause", fields | {"_step": "confirm"}).status_code in (403, 404)
    assert owner.post("/my/ana/do/pause", {"_asked": '{"account":"ana"}', "_step": "confirm"}).status_code == 404


def test_a_refusal_is_said_beside_the_field() -> None:
    owner = customer("olga", "ana", "owner")
    answer = owner.post("/my/ana/do/change_plan", {"contract": "ana/2", "plan": "gold", "_step": "preview"})
    assert answer.status_code == 404
    assert re.search(r'<div class="field wrong">\s*<label for="id_plan">', answer.content.decode())


def test_staff_and_customers_find_their_own_first_page() -> None:
    assert Client().get("/")["location"] == "/account/login/"
    assert staff("clerk").get("/")["location"] == "/admin/"
    assert customer("olga", "ana", "owner").get("/", follow=True).redirect_chain[-1][0] == "/my/ana/"


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    owner = customer("olga", "ana", "owner")
    for page in (*PAGES, "do/pause"):
        answer = owner.get(f"/my/ana/{page}")
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        body = answer.content.decode()
        assert "<script>" not in body
        assert " style=" not in body
        assert re.findall(r'(?:src|href)="(?:https?:)?//', body) == []
        assert answer["Cache-Control"] == "private, no-store"


def test_the_admin_gets_the_loosest_policy_that_its_theme_needs() -> None:
    policy = staff("viewer").get("/admin/billing/account/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_signing_up_wants_a_mail_that_was_read() -> None:
    stranger = Client()
    secret = "correct-horse-battery"
    answer = stranger.post("/account/signup/", {"email": "nia@example.com", "password1": secret, "password2": secret}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/account/confirm-email/")
    [sent] = mail.outbox
    link = re.search(r"https?://testserver(/account/confirm-email/\S+)", str(sent.body))
    assert link is not None
    stranger.post(link.group(1))
    signed_in = stranger.post("/account/login/", {"login": "nia@example.com", "password": secret}, follow=True)
    assert "No account is connected with you yet." in text(signed_in)


def test_pages_speak_the_language_that_is_asked_for() -> None:
    owner = customer("olga", "ana", "owner")
    owner.post("/language/", {"language": "es", "next": "/my/ana/"})
    assert 'lang="es"' in owner.get("/my/ana/").content.decode()
