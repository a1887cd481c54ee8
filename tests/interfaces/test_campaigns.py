"""Campaigns: drafted, looked at, sent by consent alone; what each mail came to; and a way to say no that always works."""

from __future__ import annotations

import re
import smtplib
from datetime import datetime
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client, override_settings
from django.utils import timezone

from accounts.crm.models import Segment
from billing import delivery
from billing.crm.audience import audience
from billing.models import Campaign, CampaignMail, Consent, Effect, JournalEvent
from billing.rebuilding import compare
from plans.errors import Conflict, Invalid, NotFound
from tests.books import do
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
TEXT = "Dear {name},\n\nsee https://shop.example/spring?x=1&y=2.\n\nThe shop"


class Refusing(BaseEmailBackend):
    """A mail server that knows nobody."""

    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (550, b"no such user")})


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """ana agreed with her own address and her contact's, bob said no after yes, eve agreed and has no address."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    deliver()  # documents, of before anybody had an address
    Segment.objects.create(name="everybody", filters={})
    do("change_details", NOW, account="ana", email="ana@example.com")
    do("change_details", NOW, account="bob", email="bob@example.com")
    contact = do("add_contact", NOW, account="ana", name="Ben", email="ben@example.com").made["contact"]
    do("give_consent", NOW, account="ana", purpose="news")
    do("give_consent", NOW, account="ana", contact=contact, purpose="news")
    do("give_consent", NOW, account="bob", purpose="news")
    do("withdraw_consent", NOW, account="bob", purpose="news")
    do("give_consent", NOW, account="eve", purpose="news")
    mail.outbox.clear()
    return NOW


def draft(**given: str) -> Any:
    asked = {"campaign": "spring", "segment": "everybody", "purpose": "news", "subject": "Spring, {name}", "text": TEXT}
    return do("draft_campaign", NOW, **(asked | given))


def sent() -> list[Any]:
    draft()
    do("send_campaign", NOW, campaign="spring")
    deliver()
    return sorted(mail.outbox, key=lambda one: one.to)


def deliver() -> None:
    delivery.deliver(until=NOW, known_at=NOW, accounts=["ana", "bob", "eve"])


def path_of(text: str, page: str) -> str:
    found = re.search(rf"(/my/-/{page}/[\w:-]+)", text)
    assert found is not None
    return found.group(1)


def test_the_preview_says_how_many_and_who_is_left_out_and_why() -> None:
    draft()
    found = audience({}, purpose="news", seller="main", at=NOW)
    assert [one.email for one in found.recipients] == ["ana@example.com", "ben@example.com"]
    assert found.left_out == {"withdrawn": ("bob",), "no_address": ("eve",)}
    preview = do("send_campaign", NOW, campaign="spring", dry_run=True)
    event = preview.events[-1].event
    assert (event.accounts, event.recipients, event.left_out) == (3, 2, {"withdrawn": 1, "no_address": 1})
    assert not Effect.objects.filter(kind="campaign.mail").exists()
    do("withdraw_consent", NOW, account="ana", purpose="news")
    Consent.objects.filter(account="eve").delete()
    assert audience({}, purpose="news", seller="main", at=NOW).counts == {"withdrawn": 1, "no_consent": 1}


def test_one_address_gets_one_mail() -> None:
    do("change_details", NOW, account="eve", email="ANA@example.com")
    found = audience({}, purpose="news", seller="main", at=NOW)
    assert [one.email for one in found.recipients] == ["ana@example.com", "ben@example.com"]
    assert found.left_out["same_address"] == ("eve",)


def test_each_mail_is_an_event_of_its_account() -> None:
    first, second = sent()
    assert (first.to, first.subject) == (["ana@example.com"], "Spring, Ana Ruiz")
    assert second.to == ["ben@example.com"]
    assert "shop.example" not in first.body
    assert "https://shop.example/spring" not in first.alternatives[0][0].split('href="')[1].split('"')[0]
    assert {row.contact == "": row.state for row in CampaignMail.objects.all()} == {True: "sent", False: "sent"}
    assert JournalEvent.objects.filter(stream="ana", kind="campaign.mailed").count() == 2
    assert compare(["ana", "campaign:spring"]) == []
    deliver()
    assert len(mail.outbox) == 2


def test_a_mail_that_is_tried_again_after_a_crash_is_recorded_once() -> None:
    sent()
    Effect.objects.filter(kind="campaign.mail").update(state="owed")
    deliver()
    assert (len(mail.outbox), CampaignMail.objects.count()) == (2, 2)


def test_nobody_who_said_no_meanwhile_is_mailed() -> None:
    draft()
    do("send_campaign", NOW, campaign="spring")
    do("withdraw_consent", NOW, account="ana", purpose="news")
    deliver()
    assert [one.to for one in mail.outbox] == [["ben@example.com"]]
    assert CampaignMail.objects.get(contact="").code == "no_consent"


@override_settings(EMAIL_BACKEND="tests.interfaces.test_campaigns.Refusing")
def test_what_the_mail_server_refuses_is_kept() -> None:
    draft()
    do("send_campaign", NOW, campaign="spring")
    deliver()
    assert {row.code for row in CampaignMail.objects.all()} == {"refused"}
    assert set(Effect.objects.filter(kind="campaign.mail").values_list("state", flat=True)) == {"failed"}


def test_one_click_says_no_without_signing_in() -> None:
    first, _ = sent()
    assert first.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = first.extra_headers["List-Unsubscribe"]
    assert address.startswith("<http")
    assert address.endswith(">")
    page = path_of(address, "unsubscribe")
    assert page in first.body
    strict = Client(enforce_csrf_checks=True)
    assert b"Do not write to me any more" in strict.get(page).content
    assert Consent.objects.get(account="ana", contact="").given
    for _ in range(2):
        assert strict.post(page, {"List-Unsubscribe": "One-Click"}).status_code == 200
    row = Consent.objects.get(account="ana", contact="")
    assert (row.given, row.how, row.by) == (False, "link", "link")
    assert JournalEvent.objects.filter(stream="ana", kind="consent.withdrawn").count() == 1
    assert CampaignMail.objects.get(account="ana", contact="").unsubscribed_at == NOW
    assert Consent.objects.get(account="ana", contact__gt="").given
    assert compare(["ana"]) == []


def test_saying_no_counts_for_every_account_of_the_address() -> None:
    do("change_details", NOW, account="eve", email="ana@example.com")
    first, _ = sent()
    Client().post(path_of(first.body, "unsubscribe"))
    assert not Consent.objects.get(account="eve").given


def test_a_link_of_ours_leads_on_and_is_kept_once() -> None:
    first, _ = sent()
    page = path_of(first.body, "go")
    for _ in range(2):
        assert Client().get(page)["location"] == "https://shop.example/spring?x=1&y=2"
    row = CampaignMail.objects.get(account="ana", contact="")
    assert (row.followed_at, row.links) == (NOW, ["https://shop.example/spring?x=1&y=2"])
    assert JournalEvent.objects.filter(stream="ana", kind="campaign.followed").count() == 1
    for broken in (page[:-3], path_of(first.body, "unsubscribe").replace("unsubscribe", "go"), "/my/-/go/x"):
        assert Client().get(broken).status_code == 404, broken
    assert Client().get("/my/-/unsubscribe/x").status_code == 404


def test_an_account_reads_the_language_it_speaks() -> None:
    do("change_details", NOW, account="ana", locale="es-ES")
    draft()
    draft(language="es", subject="Primavera", text="Hola {name}")
    do("send_campaign", NOW, campaign="spring")
    deliver()
    assert {one.subject for one in mail.outbox} == {"Primavera"}
    assert "Recibe este correo porque lo aceptó" in str(mail.outbox[0].body)


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        ({"segment": "nobody"}, NotFound, "unknown_segment"),
        ({"purpose": "spam"}, NotFound, "unknown_purpose"),
        ({"text": "Dear {title}"}, Invalid, "unknown_placeholder"),
        ({"campaign": "Spring!"}, Invalid, "out_of_range"),
        ({"subject": "a\nb"}, Invalid, "out_of_range"),
        ({"language": "english"}, Invalid, "wrong_type"),
    ],
)
def test_what_is_wrong_with_a_draft_is_said(given: dict[str, str], error: type[Exception], code: str) -> None:
    with pytest.raises(error) as refused:
        draft(**given)
    assert (refused.value.code, Campaign.objects.count()) == (code, 0)  # type: ignore[attr-defined]


def test_a_campaign_is_sent_once_and_to_somebody() -> None:
    with pytest.raises(NotFound) as unknown:
        do("send_campaign", NOW, campaign="spring")
    assert unknown.value.code == "unknown_campaign"
    draft(campaign="sale", purpose="offers")
    with pytest.raises(Conflict) as nobody:
        do("send_campaign", NOW, campaign="sale")
    assert (nobody.value.code, "3 no consent" in nobody.value.message) == ("nobody_to_mail", True)
    sent()
    for again in (draft, lambda: do("send_campaign", NOW, campaign="spring")):
        with pytest.raises(Conflict) as twice:
            again()
        assert twice.value.code == "campaign_sent"
    with pytest.raises(Conflict) as known:
        do("record_campaign_mail", NOW, account="ana", campaign="spring")
    assert known.value.code == "campaign_mailed"


def test_the_office_sees_who_would_get_it_and_what_became_of_it() -> None:
    draft()
    clerk = staff("clerk")
    page = clerk.get("/admin/billing/campaign/spring/change/").content.decode()
    assert "Would go to 2 people of 3 accounts" in page
    assert "who agreed has no mail address" in page
    sent()
    page = clerk.get("/admin/billing/campaign/spring/change/").content.decode()
    assert "What became of each mail" in page
    assert page.count("<td>sent</td>") == 2
    assert clerk.get("/admin/billing/campaign/").status_code == 200
