"""Keys of programs by commands: shown once and kept nowhere, rotated without a gap, ended at once; by the office, customers and the command
line."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.access import Caller
from accounts.models import ApiKey
from accounts.roles import ACCOUNT_ROLES, UNATTENDED
from billing.api.keys import BadKey, find_key
from billing.engine import Request, execute
from billing.models import IdempotencyKey, JournalEvent
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


def created(**given: Any) -> tuple[str, str]:
    """The prefix and the text of a new key."""
    outcome = do("create_api_key", NOW, **({"name": "meter", "scopes": ["usage"], "account": "ana"} | given))
    return str(outcome.made["prefix"]), outcome.shown_once["secret"]


def test_the_text_is_in_the_first_answer_alone() -> None:
    asked = {"name": "meter", "scopes": ["usage"], "account": "ana"}
    first = do("create_api_key", NOW, key="k1", **asked)
    again = do("create_api_key", NOW, key="k1", **asked)
    secret = first.shown_once["secret"]
    assert find_key(secret, at=NOW).account == "ana"
    assert (again.replayed, again.made, again.shown_once) == (True, first.made, {})
    event = JournalEvent.objects.get(kind="api_key.created")
    assert (event.stream, event.data["scopes"], event.data["key"]) == ("ana", ["usage"], first.made["prefix"])
    part = secret.rpartition("_")[2]
    assert part not in str(event.data)
    assert part not in str(IdempotencyKey.objects.get(key="k1").answer)
    preview = do("create_api_key", NOW, dry_run=True, **asked)
    assert preview.shown_once == {}
    webhook = do("add_webhook", NOW, endpoint="crm", url="https://crm.example/in", key="w1")
    assert webhook.shown_once["secret"].startswith("whsec_")
    assert "whsec_" not in str(IdempotencyKey.objects.get(key="w1").answer)


def test_a_new_secret_and_the_old_one_for_a_day() -> None:
    prefix, old = created()
    new = do("rotate_api_key", NOW, prefix=prefix).shown_once["secret"]
    for text_of_key in (old, new):
        assert find_key(text_of_key, at=NOW).prefix == prefix
    with pytest.raises(BadKey):
        find_key(old, at=NOW + timedelta(days=1))
    assert find_key(new, at=NOW + timedelta(days=1)).prefix == prefix
    do("revoke_api_key", NOW, prefix=prefix, reason="lost")
    for text_of_key in (old, new):
        with pytest.raises(BadKey):
            find_key(text_of_key, at=NOW)
    assert [one.kind for one in JournalEvent.objects.filter(kind__startswith="api_key").order_by("sequence")] == [
        "api_key.created",
        "api_key.rotated",
        "api_key.revoked",
    ]


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        ({"scopes": ["usag"]}, Invalid, "unknown_choice"),
        ({"scopes": []}, Invalid, "missing_field"),
        ({"seller": "main"}, Invalid, "conflict"),
        ({"expires": "2026-01-01"}, Invalid, "out_of_range"),
        ({"account": "nobody"}, NotFound, "unknown_account"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_made(given: dict[str, Any], error: type[Exception], code: str) -> None:
    with pytest.raises(error) as refused:
        created(**given)
    assert (refused.value.code, ApiKey.objects.count()) == (code, 0)  # type: ignore[attr-defined]


def test_nobody_gets_further_by_a_key_than_by_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"name": "x", "scopes": ["read"], "account": "ana"}
    with pytest.raises(NotAllowed) as by_key:
        execute(Request("create_api_key", asked, NOW, actor="key:abc", known_at=NOW))
    assert "a key makes no keys" in by_key.value.message
    with pytest.raises(NotAllowed) as alone:
        execute(Request("create_api_key", asked | {"scopes": ["privacy"]}, NOW, actor="user:boss", known_at=NOW))
    assert "two people" in alone.value.message
    prefix, _ = created()
    with pytest.raises(NotFound):
        do("revoke_api_key", NOW, prefix=prefix, account="bob")
    monkeypatch.setattr("billing.keys.commands.MOST", 1)
    with pytest.raises(Conflict):
        created()


@pytest.mark.parametrize("scope", sorted(UNATTENDED))
def test_nobody_sees_the_new_secret_of_a_key_that_does_alone_what_takes_two_people(scope: str) -> None:
    prefix, secret = created(scopes=[scope, "read"])
    with pytest.raises(NotAllowed) as refused:
        execute(Request("rotate_api_key", {"prefix": prefix}, NOW, actor="user:boss", known_at=NOW))
    assert (refused.value.code, refused.value.at) == ("no_right", "prefix")
    assert (find_key(secret, at=NOW).prefix, ApiKey.objects.get(prefix=prefix).old_digest) == (prefix, None)
    execute(Request("revoke_api_key", {"prefix": prefix}, NOW, actor="user:boss", known_at=NOW))


def test_a_key_whose_time_is_over_is_not_counted_and_gets_no_new_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.keys.commands.MOST", 1)
    end = NOW + timedelta(days=1)
    prefix, _ = created(expires=end)
    with pytest.raises(Conflict):
        created()
    with pytest.raises(Conflict) as refused:
        do("rotate_api_key", end, prefix=prefix)
    assert refused.value.code == "key_expired"
    do("create_api_key", end, name="another", scopes=["usage"], account="ana")
    do("revoke_api_key", end, prefix=prefix)


def test_customers_make_keys_of_their_own_account_and_see_each_once() -> None:
    owner = customer("olga", "ana", "owner")
    address = "/my/ana/do/create_api_key"
    assert owner.post(address, {"name": "x", "scopes": ["money"], "_step": "preview"}).status_code in (200, 403)
    shown = owner.post(address, {"name": "our meter", "scopes": ["read", "usage"], "_step": "preview"})
    done = owner.post(address, hidden(shown) | {"_step": "confirm"})
    [secret] = re.findall(r'value="(bea_[^"]+)"', done.content.decode())
    assert (find_key(secret, at=NOW).account, done["Cache-Control"]) == ("ana", "private, no-store")
    assert "our meter" in text(owner.get("/my/ana/keys"))
    again = owner.post(address, hidden(shown) | {"_step": "confirm"}, follow=True)
    assert "bea_" not in again.content.decode()
    assert ApiKey.objects.count() == 1
    assert customer("bea", "ana", "billing").get("/my/ana/keys").status_code == 404
    with pytest.raises(NotAllowed):
        execute_as_owner({"account": "ana", "name": "x", "scopes": ["money"]})


def execute_as_owner(arguments: dict[str, Any]) -> None:
    """What must_run says to a person of the account."""
    Caller(actor="user:olga", accounts={"ana": ACCOUNT_ROLES["owner"]}).must_run("create_api_key", arguments)


def test_the_office_makes_and_ends_keys_and_never_sees_their_secrets() -> None:
    boss = staff("administrator")
    address = "/admin/billing/account/do/create_api_key/"
    shown = boss.post(address, {"name": "erp", "scopes": "read\nmoney", "_step": "preview"})
    done = boss.post(address, hidden(shown) | {"_step": "confirm"})
    [secret] = re.findall(r'value="(bea_[^"]+)"', done.content.decode())
    prefix = find_key(secret, at=NOW).prefix
    page = boss.get(f"/admin/accounts/apikey/{prefix}/change/").content.decode()
    assert "New secret" in page
    assert "digest" not in page
    assert boss.get("/admin/accounts/apikey/").status_code == 200
    assert staff("clerk").get(address).status_code == 403
    assert JournalEvent.objects.get(kind="api_key.created").stream == "keys:house"


def test_the_command_line_makes_rotates_and_revokes() -> None:
    def said(*arguments: str) -> str:
        out = io.StringIO()
        call_command("apikey", *arguments, stdout=out)
        return out.getvalue().strip()

    key = said("make", "meter", "--scope", "usage")
    prefix = find_key(key, at=NOW).prefix
    assert find_key(said("rotate", prefix), at=NOW).prefix == prefix
    assert prefix in said("list")
    said("revoke", prefix)
    with pytest.raises(BadKey):
        find_key(key, at=NOW)
