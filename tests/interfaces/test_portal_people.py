"""Several people of one account: invited by mail, joining once, with roles; and all their data to take away."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import people
from accounts.models import AccessRecord, Invitation, Membership
from plans.errors import Conflict, Invalid, NotFound
from tests.interfaces.callers import client_of, customer
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def person(name: str) -> tuple[User, Client]:
    user = User.objects.create_user(name, email=f"{name}@example.com")
    return user, client_of(user)


def invited(owner: Client, email: str, role: str = "billing") -> str:
    """The path of the link in the mail that goes out."""
    mail.outbox.clear()
    owner.post("/my/ana/people", {"step": "invite", "email": email, "role": role})
    [sent] = mail.outbox
    assert sent.to == [email]
    link = re.search(r"http://testserver(/my/-/join/\S+)", str(sent.body))
    assert link is not None
    return link.group(1)


@pytest.mark.usefixtures("now")
def test_a_colleague_is_invited_by_mail_and_joins_once() -> None:
    owner = customer("olga", "ana", "owner")
    link = invited(owner, "Bea@example.com")
    assert Client().get(link)["location"].startswith("/account/login/?next=")
    _, bea = person("bea")
    _, eve = person("eve")
    assert "You are invited to the account of Ana Ruiz: invoices and payments." in bea.get(link).content.decode()
    assert eve.post(link).status_code == 403
    assert bea.post(link)["location"] == "/my/ana/"
    assert bea.get("/my/ana/pay").status_code == 200
    assert bea.get("/my/ana/do/cancel").status_code == 404
    assert bea.post(link).status_code == 404
    assert [row.action for row in AccessRecord.objects.filter(account="ana").order_by("pk")] == ["invited", "joined"]


@pytest.mark.usefixtures("now")
def test_links_that_are_withdrawn_replaced_too_old_or_invented_open_nothing() -> None:
    owner = customer("olga", "ana", "owner")
    _, bea = person("bea")
    first = invited(owner, "bea@example.com")
    second = invited(owner, "bea@example.com", "viewer")
    assert bea.get(first).status_code == 404
    owner.post("/my/ana/people", {"step": "withdraw", "who": str(Invitation.objects.get(withdrawn_at=None).pk)})
    assert bea.get(second).status_code == 404
    third = invited(owner, "bea@example.com")
    Invitation.objects.filter(withdrawn_at=None).update(expires_at=NOW - timedelta(seconds=1))
    assert bea.post(third).status_code == 404
    assert bea.post("/my/-/join/nothing").status_code == 404
    assert not Membership.objects.filter(user__username="bea").exists()


@pytest.mark.usefixtures("now")
def test_only_owners_of_this_account_say_who_belongs_to_it() -> None:
    owner, viewer, stranger = customer("olga", "ana", "owner"), customer("carl", "ana", "viewer"), customer("sam", "bob", "owner")
    member = Membership.objects.get(user__username="carl").pk
    foreign = Membership.objects.get(user__username="sam").pk
    for step in (
        {"step": "remove", "who": member},
        {"step": "role", "who": member, "role": "owner"},
        {"step": "invite", "email": "x@example.com"},
    ):
        assert viewer.post("/my/ana/people", step).status_code == 404
        assert stranger.post("/my/ana/people", step).status_code == 404
        assert Client().post("/my/ana/people", step).status_code == 302
    assert "nobody like that belongs to the account" in owner.post("/my/ana/people", {"step": "remove", "who": foreign}).content.decode()
    assert owner.post("/my/ana/people", {"step": "fly"}).status_code == 404
    owner.post("/my/ana/people", {"step": "role", "who": member, "role": "billing"})
    assert viewer.get("/my/ana/pay").status_code == 200
    owner.post("/my/ana/people", {"step": "remove", "who": member})
    assert viewer.get("/my/ana/").status_code == 404


@pytest.mark.usefixtures("now")
def test_an_account_keeps_an_owner_and_few_open_invitations() -> None:
    owner = customer("olga", "ana", "owner")
    mine = Membership.objects.get(user__username="olga").pk
    for step in ({"step": "remove", "who": mine}, {"step": "role", "who": mine, "role": "viewer"}):
        assert "an account needs an owner" in owner.post("/my/ana/people", step).content.decode()
    with pytest.raises(Invalid, match="unknown_role"):
        people.invite("ana", "x@example.com", "king", actor="user:olga", at=NOW)
    for number in range(people.MOST_OPEN):
        people.invite("ana", f"p{number}@example.com", "viewer", actor="user:olga", at=NOW)
    with pytest.raises(Conflict, match="too_many"):
        people.invite("ana", "more@example.com", "viewer", actor="user:olga", at=NOW)
    with pytest.raises(NotFound, match="unknown_invitation"):
        people.withdraw("bob", Invitation.objects.all()[0].pk, actor="user:sam", at=NOW)


@pytest.mark.usefixtures("now")
def test_a_mail_that_can_not_be_sent_leaves_no_open_invitation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise ConnectionRefusedError

    owner = customer("olga", "ana", "owner")
    monkeypatch.setattr("billing.portal.people.EmailMessage.send", broken)
    answer = owner.post("/my/ana/people", {"step": "invite", "email": "bea@example.com", "role": "viewer"}, follow=True)
    assert "The mail could not be sent; try again later." in answer.content.decode()
    assert not Invitation.objects.filter(withdrawn_at=None).exists()


@pytest.mark.usefixtures("now")
def test_all_their_data_in_one_file_and_nothing_of_others() -> None:
    owner = customer("olga", "ana", "owner")
    answer = owner.post("/my/ana/data")
    packed = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    about = json.loads(packed.read("account.json"))
    assert (about["person"]["name"], about["people"][0]["role"]) == ("Ana Ruiz", "owner")
    tables = {name: list(csv.DictReader(io.StringIO(packed.read(name).decode()))) for name in packed.namelist() if name.endswith(".csv")}
    assert [row["number"] for row in tables["invoices.csv"]] == ["INV-000001", "CN-000001", "INV-000003", "INV-000005"]
    assert sorted(row["record"] for row in tables["usage.csv"]) == ["c0", "c1", "c2", "c3", "c4", "c5", "f1", "late1"]
    assert {row["account"] for rows in tables.values() for row in rows} == {"ana"}
    assert b"INV-000003" in packed.read("documents/INV-000003.html")
    assert [(row.action, row.actor) for row in AccessRecord.objects.all()] == [("exported", "user:olga")]
    assert owner.get("/my/ana/data").status_code == 404
    assert customer("carl", "ana", "viewer").post("/my/ana/data").status_code == 404
    assert customer("sam", "bob", "owner").post("/my/ana/data").status_code == 404


@pytest.mark.usefixtures("now")
def test_nobody_is_called_by_the_code_that_the_journal_knows_them_by() -> None:
    user = User.objects.create_user("c-0123456789abcdef", email="nia@example.com")
    Membership.objects.create(user=user, account="ana", role="owner", since=NOW)
    owner = client_of(user)
    owner.post("/my/ana/people", {"step": "invite", "email": "bea@example.com", "role": "viewer"})
    assert "nia@example.com invites you" in str(mail.outbox[-1].body)
    Client().post("/account/password/reset/", {"email": "nia@example.com"})
    assert "Bill'em All" in str(mail.outbox[-1].body)
    assert "testserver!" not in str(mail.outbox[-1].body)
    assert "c-0123456789abcdef" not in owner.get("/my/ana/people").content.decode() + owner.get("/account/email/").content.decode()


@pytest.mark.usefixtures("now")
def test_recovery_codes_are_shown_to_who_sets_up_a_second_factor() -> None:
    user, client = person("olga")
    TOTP.activate(user, generate_totp_secret())
    codes = RecoveryCodes.activate(user).get_unused_codes()
    client.post("/account/2fa/reauthenticate/", {"code": codes[0]})
    page = client.get("/account/2fa/recovery-codes/").content.decode()
    assert len(codes) == 10
    assert [code in page for code in codes] == [False, *[True] * 9]
