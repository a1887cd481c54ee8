"""Contacts with roles, which mails go to whom, and what people agreed to: by the office and by customers themselves."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core import mail
from django.utils import timezone

from accounts.crm.contacts import addresses
from accounts.crm.models import Contact, Interaction
from billing import delivery
from billing.models import Consent, JournalEvent
from billing.rebuilding import compare
from plans.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.books import do
from tests.interfaces.callers import customer, staff
from tests.interfaces.test_portal import hidden, text
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def added(**given: object) -> str:
    return str(do("add_contact", NOW, **({"account": "ana", "name": "Ben"} | given)).made["contact"])


def test_a_mail_goes_to_who_receives_its_topic_else_to_the_account() -> None:
    assert addresses("ana", "documents") == []
    do("change_details", NOW, account="ana", email="ana@example.com")
    assert addresses("ana", "documents") == ["ana@example.com"]
    added(email="ben@example.com", role="billing")
    added(name="Tess", email="tess@example.com", role="technical")
    added(name="Olaf", email="olaf@example.com", role="other", receives=["documents"])
    assert addresses("ana", "documents") == ["ben@example.com", "olaf@example.com"]
    assert addresses("ana", "usage") == ["tess@example.com"]
    assert addresses("ana", "contracts") == ["ana@example.com"]


def test_documents_reach_the_contacts_that_receive_them() -> None:
    added(email="ben@example.com", role="billing")
    added(name="Tess", email="tess@example.com", role="technical")
    mail.outbox.clear()
    delivery.deliver(until=NOW, known_at=NOW, accounts=["ana"])
    assert mail.outbox
    assert {tuple(one.to) for one in mail.outbox} == {("ben@example.com",)}


def test_events_hold_no_name_and_the_vault_holds_it() -> None:
    contact = added(email="ben@example.com", phone="+34 600 000 000", note="prefers mornings")
    row = Contact.objects.get(contact=contact)
    assert (row.name, row.email, row.receives) == ("Ben", "ben@example.com", ["documents", "reminders", "payments", "contracts", "usage"])
    event = JournalEvent.objects.get(stream="ana", kind="contact.added")
    assert event.data["fields"] == ["email", "name", "note", "phone"]
    assert "Ben" not in str(event.data)
    do("change_contact", NOW, account="ana", contact=contact, role="legal", clear=["phone"])
    row.refresh_from_db()
    assert (row.phone, row.receives, row.email) == ("", ["contracts"], "ben@example.com")
    do("remove_contact", NOW, account="ana", contact=contact)
    assert not Contact.objects.filter(account="ana").exists()


def test_a_dry_run_leaves_the_vault_alone() -> None:
    do("add_contact", NOW, account="ana", name="Ben", dry_run=True)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"email": "ben@example.com, eve@example.com"}, "bad_address"),
        ({"role": "boss"}, "unknown_role"),
        ({"receives": ["gossip"]}, "unknown_topic"),
        ({"name": "  "}, "wrong_type"),
    ],
)
def test_what_is_wrong_with_a_contact_is_said(given: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        added(**given)
    assert (refused.value.code, Contact.objects.count()) == (code, 0)


def test_another_accounts_contact_does_not_exist() -> None:
    contact = added()
    for command in ("change_contact", "remove_contact"):
        with pytest.raises(NotFound) as refused:
            do(command, NOW, account="bob", contact=contact)
        assert refused.value.code == "unknown_contact"
    with pytest.raises(Invalid) as same:
        do("change_contact", NOW, account="ana", contact=contact, name="Ben")
    assert same.value.code == "nothing_to_change"


def test_two_contacts_that_are_one_person_become_one() -> None:
    kept, gone = added(name="Ben", email="ben@example.com", role="other"), added(name="Benjamin", phone="600", role="technical")
    Interaction.objects.create(account="ana", kind="call", at=NOW, text="x", by="y", contact=Contact.objects.get(contact=gone))
    do("give_consent", "2026-02-20", account="ana", contact=kept, purpose="news", how="paper")
    do("give_consent", "2026-02-21", account="ana", contact=gone, purpose="news", how="phone")
    do("withdraw_consent", "2026-02-22", account="ana", contact=gone, purpose="news", how="phone")
    do("give_consent", "2026-02-21", account="ana", contact=gone, purpose="offers", how="phone")
    do("merge_contacts", "2026-02-23", account="ana", contact=gone, into=kept)
    row = Contact.objects.get()
    assert (row.contact, row.name, row.phone, row.receives) == (kept, "Ben", "600", ["usage"])
    assert Interaction.objects.get().contact == row
    assert {(one.contact, one.purpose, one.given) for one in Consent.objects.all()} == {(kept, "news", False), (kept, "offers", True)}
    assert compare(["ana"]) == []
    with pytest.raises(Invalid) as refused:
        do("merge_contacts", NOW, account="ana", contact=kept, into=kept)
    assert refused.value.code == "same_contact"


def test_consent_keeps_who_when_how_and_which_words() -> None:
    policy = "currency: EUR\nconsents:\n  tips: {version: '7', text: {en: Write me tips.}}\n"
    do("publish_policy", "2026-02-01", source=policy)
    do("give_consent", NOW, account="ana", purpose="tips", how="phone")
    row = Consent.objects.get()
    assert (row.given, row.since, row.version, row.how, row.by) == (True, NOW, "7", "phone", "tester")
    assert JournalEvent.objects.get(kind="consent.given").data["words"] == "Write me tips."
    with pytest.raises(Conflict) as again:
        do("give_consent", NOW, account="ana", purpose="tips")
    assert again.value.code == "consent_stands"
    do("withdraw_consent", NOW, account="ana", purpose="tips")
    with pytest.raises(Conflict) as twice:
        do("withdraw_consent", NOW, account="ana", purpose="tips")
    assert twice.value.code == "consent_withdrawn"
    with pytest.raises(NotFound) as unknown:
        do("give_consent", NOW, account="ana", purpose="news")
    assert unknown.value.code == "unknown_purpose"
    with pytest.raises(Invalid) as channel:
        do("give_consent", NOW, account="ana", purpose="tips", channel="pigeon")
    assert channel.value.code == "unknown_channel"
    with pytest.raises(NotFound) as nothing:
        do("withdraw_consent", NOW, account="ana", purpose="offers")
    assert nothing.value.code == "unknown_consent"
    assert compare(["ana"]) == []


def test_a_closed_account_agrees_to_nothing_and_may_still_say_no() -> None:
    do("open_account", NOW, account="zoe")
    do("give_consent", NOW, account="zoe", purpose="news")
    do("close_account", NOW, account="zoe")
    with pytest.raises(NotAllowed):
        do("give_consent", NOW, account="zoe", purpose="offers")
    do("withdraw_consent", NOW, account="zoe", purpose="news")


def test_customers_edit_their_own_contacts_and_answers() -> None:
    owner = customer("olga", "ana", "owner")
    page = owner.get("/my/ana/do/add_contact")
    assert 'type="checkbox" name="receives"' in page.content.decode()
    given = {"name": "Ben", "email": "ben@example.com", "role": "billing", "receives": ["documents"]}
    shown = owner.post("/my/ana/do/add_contact", given | {"_step": "preview"})
    owner.post("/my/ana/do/add_contact", hidden(shown) | {"_step": "confirm"})
    row = Contact.objects.get()
    assert (row.name, row.receives) == ("Ben", ["documents"])
    address = f"/my/ana/do/change_contact?contact={row.contact}"
    assert 'value="ben@example.com"' in owner.get(address).content.decode()
    shown = owner.post(address, {"contact": row.contact, "name": "Ben", "email": "", "role": "billing", "_step": "preview"})
    owner.post(address, hidden(shown) | {"_step": "confirm"})
    row.refresh_from_db()
    assert (row.email, row.receives) == ("", [])
    shown = owner.post("/my/ana/do/give_consent?purpose=news", {"purpose": "news", "_step": "preview"})
    owner.post("/my/ana/do/give_consent?purpose=news", hidden(shown) | {"_step": "confirm"})
    assert Consent.objects.get().how == "self_service"
    people = text(owner.get("/my/ana/people"))
    assert "Ben" in people
    assert "Do not write to me any more" in people
    assert customer("carl", "ana", "viewer").get(address).status_code == 404
    assert customer("sam", "bob", "owner").get(address).status_code == 404


def test_the_office_sees_contacts_and_answers_on_the_account() -> None:
    contact = added(email="ben@example.com")
    do("give_consent", NOW, account="ana", contact=contact, purpose="news", how="phone")
    shown = staff("clerk").get("/admin/billing/account/ana/change/").content.decode()
    assert "agrees to news" in shown
    assert f"change_contact/?account=ana&amp;contact={contact}" in shown
    assert staff("viewer").get("/admin/accounts/contact/").status_code == 200
    assert staff("administrator").get("/admin/accounts/contact/add/").status_code == 403
