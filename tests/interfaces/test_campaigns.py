"""Campaigns: drafted, looked at, sent by consent alone; what each mail came to; and a way to say no that always works."""

from __future__ import annotations

import re
import smtplib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone

from accounts.crm.models import Contact, Segment
from billing import delivery
from billing.crm.audience import audience
from billing.crm.returned import Returned, returned
from billing.models import Bounce, Campaign, CampaignMail, Consent, Effect, JournalEvent
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
    assert set(Effect.objects.filter(kind="campaign.mail").values_list("state", "last_error")) == {
        ("failed", "the mail server refused: 550 no such user")
    }
    assert sorted(Bounce.objects.values_list("contact", "code")) == [("", "550"), (CampaignMail.objects.get(contact__gt="").contact, "550")]


def came_back(to: str, campaign: str = "spring", action: str = "failed") -> bytes:
    """As a mail server says it (RFC 3464)."""
    return f"""From: MAILER-DAEMON@mx.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {to}
Action: {action}
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <1@x>
X-Campaign: {campaign}

--b--
""".encode()


def test_a_mail_that_comes_back_marks_the_address_and_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, second = sent()
    assert second.extra_headers["X-Campaign"] == "spring"
    failed = [came_back(to) for to in ("BEN@example.com", "ben@example.com", "no@x.example")]
    files = [tmp_path / str(number) for number in range(4)]
    for file, content in zip(files, [*failed, came_back("ana@example.com", action="delayed")], strict=True):
        file.write_bytes(content)
    call_command("bounces", *map(str, files))
    assert "2 marked, 1 addresses that nobody has" in capsys.readouterr().out
    held = Bounce.objects.get()
    assert (held.account, held.code, held.campaign) == ("ana", "5.1.1", "spring")
    assert JournalEvent.objects.filter(kind="mail.bounced").count() == 1
    assert "ben@" not in str(JournalEvent.objects.get(kind="mail.bounced").data)
    assert audience({}, purpose="news", seller="main", at=NOW).recipients[-1].email == "ana@example.com"
    assert CampaignMail.objects.get(contact=held.contact).bounced_at == JournalEvent.objects.get(kind="mail.bounced").effective_at
    clerk = staff("clerk")
    for address in ("account/ana/change/", "campaign/spring/change/", "account/work/bounced-mail/"):
        assert "5.1.1" in clerk.get(f"/admin/billing/{address}").content.decode(), address
    assert compare(["ana", "campaign:spring"]) == []
    do("change_contact", NOW, account="ana", contact=held.contact, phone="1")
    assert Bounce.objects.exists()
    do("change_contact", NOW, account="ana", contact=held.contact, email="ben@example.org")
    assert not Bounce.objects.exists()
    assert compare(["ana"]) == []


@pytest.mark.parametrize(
    ("said", "read"),
    [("aña@example.com", "aña@example.com"), ("a\x00na@example.com", "ana@example.com"), ("\udcff@example.com", "\ufffd@example.com")],
)
def test_a_mail_that_comes_back_may_say_anything(said: str, read: str) -> None:
    mail = came_back("TO", campaign="TO").replace(b"TO", said.encode("utf-8", "surrogateescape"))
    assert returned(mail) == [Returned(read, "5.1.1", read)]


def test_what_a_mail_calls_a_campaign_is_kept_only_if_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(came_back("ana@example.com", campaign="Ana García, Calle Mayor 1"))
    call_command("bounces", str(tmp_path / "mail"))
    assert JournalEvent.objects.get(kind="mail.bounced").data["campaign"] == ""


def test_a_contact_that_takes_the_address_of_another_takes_its_mark() -> None:
    first = do("add_contact", NOW, account="ana", name="Cy", email="cy@example.com", role="billing").made["contact"]
    second = do("add_contact", NOW, account="ana", name="Cy", phone="1", role="billing").made["contact"]
    for contact, code in ((first, "5.1.1"), (second, "550")):
        do("record_bounce", NOW, account="ana", contact=contact, code=code)
    do("merge_contacts", NOW, account="ana", contact=first, into=second)
    assert list(Bounce.objects.values_list("contact", "code")) == [(second, "5.1.1")]
    assert compare(["ana"]) == []


def test_no_campaign_goes_to_an_address_that_sends_mail_back() -> None:
    draft()
    do("send_campaign", NOW, campaign="spring")
    do("record_bounce", NOW, account="ana", code="5.1.1")
    deliver()
    assert [one.to for one in mail.outbox] == [["ben@example.com"]]
    assert CampaignMail.objects.get(contact="").code == "bounced"
    Contact.objects.all().delete()
    assert audience({}, purpose="news", seller="main", at=NOW).left_out["bounced"] == ("ana",)
    clerk = staff("clerk")
    clerk.post("/admin/billing/account/work/bounced-mail/", {"_action": "0", "row": ["ana "], "reason": "it was full"})
    assert [one.email for one in audience({}, purpose="news", seller="main", at=NOW).recipients] == ["ana@example.com"]
    with pytest.raises(NotFound, match="no mail to this person"):
        do("clear_bounce", NOW, account="ana")
    with pytest.raises(Invalid, match="code of a mail server"):
        do("record_bounce", NOW, account="ana", code="user unknown")
    with pytest.raises(NotFound):
        do("record_bounce", NOW, account="ana", contact="ana/99")


def test_a_mark_goes_with_its_address_when_contacts_become_one() -> None:
    nobody, ben = do("add_contact", NOW, account="ana", name="B.").made["contact"], Contact.objects.get(name="Ben").contact
    do("record_bounce", NOW, account="ana", contact=ben)
    do("merge_contacts", NOW, account="ana", contact=ben, into=nobody)
    assert Bounce.objects.get().contact == nobody
    ann = do("add_contact", NOW, account="ana", name="Ann", email="ann@example.com").made["contact"]
    do("merge_contacts", NOW, account="ana", contact=nobody, into=ann)
    assert not Bounce.objects.exists()
    assert compare(["ana"]) == []


def test_a_campaign_sends_so_many_mails_a_minute() -> None:
    draft()
    with pytest.raises(Invalid, match="mails a minute"):
        do("send_campaign", NOW, campaign="spring", per_minute="100001")
    do("send_campaign", NOW, campaign="spring", per_minute="1")
    due = Effect.objects.filter(kind="campaign.mail").order_by("due_at").values_list("due_at", flat=True)
    assert list(due) == [NOW, NOW + timedelta(minutes=1)]
    late = NOW + timedelta(hours=1)  # both are late: they do not go at once either
    delivery.deliver(until=late, known_at=late, accounts=["ana"])
    assert [one.to for one in mail.outbox] == [["ana@example.com"]]
    delivery.deliver(until=late + timedelta(minutes=1), known_at=late, accounts=["ana"])
    assert [one.to for one in mail.outbox] == [["ana@example.com"], ["ben@example.com"]]


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
