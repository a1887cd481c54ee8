"""Staff sign in through the same door as everybody and need a second factor; administrators give roles, and that is kept."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from accounts.models import AccessRecord
from tests.interfaces.callers import client_of, customer, staff

pytestmark = pytest.mark.django_db
PASSWORD = "long-enough-for-a-test"
OFFICE = ("/admin/", "/admin/billing/account/", "/documents/ana/INV-000001", "/my/")


@pytest.fixture(autouse=True)
def _uncached(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "signing"}}
    cache.clear()


@pytest.fixture
def _second_factor(settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True


def clerk() -> User:
    user = User.objects.create_user("carla", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="clerk"))
    return user


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


@pytest.mark.parametrize("page", OFFICE)
@pytest.mark.usefixtures("_second_factor")
def test_without_a_second_factor_nothing_of_the_office_opens(page: str) -> None:
    answer = client_of(clerk()).get(page)
    assert (answer.status_code, answer["Location"]) == (302, "/account/2fa/totp/activate/")


@pytest.mark.usefixtures("_second_factor")
def test_the_api_says_so_too() -> None:
    answer = client_of(clerk()).get("/api/v1/accounts")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_missing")


@pytest.mark.usefixtures("_second_factor")
def test_it_can_be_set_up_and_customers_need_none() -> None:
    client = Client()
    clerk()
    client.post("/account/login/", {"login": "carla", "password": PASSWORD})
    led = client.get("/admin/", follow=True)  # to the page, or to the password first where the sign-in is no longer fresh
    assert (led.status_code, led.redirect_chain[0][0]) == (200, "/account/2fa/totp/activate/")
    assert customer("kim", "ana", "owner").get("/my/").status_code != 403
    assert customer("lee", "ana", "owner").get("/my/")["Location"].startswith("/my/")


def test_development_can_turn_it_off(settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = False
    assert client_of(clerk()).get("/admin/").status_code == 200


@pytest.mark.usefixtures("_second_factor")
def test_the_whole_way_in() -> None:
    """The office's door is that of all; the password alone opens nothing; the code does, and the sign-in is kept."""
    user, secret, client = clerk(), generate_totp_secret(), Client()
    TOTP.activate(user, secret)
    door = client.get("/admin/login/?next=/admin/")
    assert (door.status_code, door["Location"]) == (302, "/account/login/?next=%2Fadmin%2F")
    asked = client.post("/account/login/?next=/admin/", {"login": "carla", "password": PASSWORD})
    assert asked["Location"].startswith("/account/2fa/authenticate/")
    assert client.get("/admin/").status_code == 302
    assert "_auth_user_id" not in client.session
    assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.post("/account/2fa/authenticate/", {"code": code(secret)}).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert AccessRecord.objects.get(action="signed_in").actor == "user:carla"


def test_customers_still_prove_their_address() -> None:
    User.objects.create_user("dora", email="dora@example.com", password=PASSWORD)
    client = Client()
    answer = client.post("/account/login/", {"login": "dora", "password": PASSWORD})
    assert answer["Location"] == "/account/confirm-email/"
    assert "_auth_user_id" not in client.session


# --- roles ------------------------------------------------------------------------------------------------------------------------


def test_an_administrator_gives_roles_and_it_is_kept() -> None:
    boss, user = staff("administrator"), clerk()
    page = f"/admin/auth/user/{user.pk}/change/"
    assert boss.get(page).status_code == 200
    given = {"username": "carla", "is_active": "on", "is_staff": "on", "groups": [Group.objects.get(name="supervisor").pk]}
    assert boss.post(page, given | {"is_superuser": "on", "first_name": "", "last_name": "", "email": ""}).status_code == 302
    user.refresh_from_db()
    assert ([group.name for group in user.groups.all()], user.is_superuser) == (["supervisor"], False)
    record = AccessRecord.objects.get(action="roles_set")
    assert (record.actor, record.what) == ("user:staff-administrator", "carla: supervisor")


@pytest.mark.parametrize("role", ["viewer", "clerk", "supervisor", "finance", "catalogue_manager"])
def test_others_may_not(role: str) -> None:
    client = staff(role)
    assert client.get("/admin/auth/user/").status_code == 403
    assert client.post("/admin/auth/user/add/", {"username": "x"}).status_code == 403
    assert client.get("/admin/auth/user/roles/").status_code == 200


def test_nobody_is_deleted_and_a_superuser_is_not_changed_by_others() -> None:
    boss, top = staff("administrator"), User.objects.create_superuser("top")
    assert boss.post(f"/admin/auth/user/{top.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"/admin/auth/user/{top.pk}/change/", {"username": "mine"}).status_code == 403
    assert User.objects.get(pk=top.pk).username == "top"
