"""Who sees and does what: owner, team-mate, stranger, nobody; and each role of staff."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.access import NOBODY, Caller, caller_of_user, staff
from accounts.models import AccessRecord, Membership
from accounts.roles import ACCOUNT_ROLES, AREAS, CUSTOMER_COMMANDS, STAFF_ROLES, area_of
from billing.command import registry
from billing.models import Account
from plans.errors import NotAllowed, NotFound
from tests.books import open_account

OWNER = Caller("user:olga", accounts={"ana": ACCOUNT_ROLES["owner"]})
COLLEAGUE = Caller("user:carl", accounts={"ana": ACCOUNT_ROLES["viewer"]})
STRANGER = Caller("user:sam", accounts={"bea": ACCOUNT_ROLES["owner"]})


def test_every_command_stands_in_one_area_and_every_area_names_real_commands() -> None:
    known = set(registry())
    listed = [command for commands in AREAS.values() for command in commands]
    assert len(listed) == len(set(listed))
    assert set(listed) - known == set()
    assert {command for command in known if area_of(command) == "administration"} == set()


def test_every_argument_that_a_customer_may_give_is_one_of_the_command() -> None:
    for name, (needed, arguments) in CUSTOMER_COMMANDS.items():
        assert needed in ACCOUNT_ROLES["owner"]
        assert arguments <= set(registry()[name].arguments.__dataclass_fields__), name


@pytest.mark.parametrize("caller", [STRANGER, NOBODY])
def test_who_has_no_part_in_an_account_is_told_that_it_does_not_exist(caller: Caller) -> None:
    with pytest.raises(NotFound) as refused:
        caller.must_run("pause", {"account": "ana"})
    assert (refused.value.code, refused.value.message) == ("unknown_account", "there is no account 'ana'")


def test_a_colleague_who_may_only_look_sees_and_is_refused_to_act() -> None:
    COLLEAGUE.must_see("ana")
    with pytest.raises(NotAllowed) as refused:
        COLLEAGUE.must_run("pause", {"account": "ana"})
    assert refused.value.code == "no_right"


def test_an_owner_acts_but_not_with_what_is_for_the_office_to_say() -> None:
    OWNER.must_run("change_plan", {"account": "ana", "plan": "pro", "when": "period_end"})
    with pytest.raises(NotAllowed) as refused:
        OWNER.must_run("change_plan", {"account": "ana", "plan": "pro", "prices": {"fee": "0"}})
    assert refused.value.at == "prices"
    with pytest.raises(NotAllowed):
        OWNER.must_run("refund", {"account": "ana", "amount": "5.00"})


@pytest.mark.parametrize("when", ["2020-01-01", "2026-01-01T10:00", "tomorrow"])
def test_an_owner_says_no_date(when: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        OWNER.must_run("pause", {"account": "ana", "when": when})
    assert refused.value.at == "when"


def test_an_owner_runs_nothing_that_names_no_account() -> None:
    with pytest.raises(NotAllowed):
        OWNER.must_run("publish_catalogue", {"source": ""})


@pytest.mark.parametrize(
    ("role", "command", "allowed"),
    [
        ("viewer", "pay", False),
        ("clerk", "pay", True),
        ("clerk", "refund", False),
        ("clerk", "close_period", False),
        ("supervisor", "refund", True),
        ("supervisor", "publish_catalogue", False),
        ("finance", "close_period", True),
        ("finance", "subscribe", False),
        ("catalogue_manager", "draft_catalogue", True),
        ("catalogue_manager", "publish_catalogue", False),
        ("catalogue_manager", "publish_draft", False),
        ("administrator", "approve_publication", True),
        ("administrator", "publish_catalogue", False),
        ("catalogue_manager", "pay", False),
        ("administrator", "close_period", True),
        ("administrator", "no_such_command", True),
        ("invented", "pay", False),
    ],
)
def test_roles_of_staff(role: str, command: str, allowed: bool) -> None:
    assert staff("user:x", [role]).may_run(command) is allowed


def test_several_roles_add_up() -> None:
    both = staff("user:x", ["catalogue_manager", "clerk"])
    assert both.may_run("pay")
    assert both.may_run("draft_catalogue")
    assert not both.may_run("refund")


@pytest.mark.django_db
def test_callers_of_users() -> None:
    users: Any = get_user_model().objects
    ada, olga, gone = (users.create_user(name) for name in ("ada", "olga", "gone"))
    ada.is_staff = True
    ada.save()
    ada.groups.add(Group.objects.get(name="clerk"), Group.objects.create(name="chess club"))
    gone.is_active = False
    Membership.objects.create(user=olga, account="ana", role="billing", since=timezone.now())
    assert caller_of_user(ada).areas == STAFF_ROLES["clerk"]
    assert caller_of_user(olga) == Caller("user:olga", accounts={"ana": ACCOUNT_ROLES["billing"]})
    assert caller_of_user(gone) == NOBODY


@pytest.mark.django_db
def test_there_is_a_group_for_each_role_of_staff() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(STAFF_ROLES)


@pytest.mark.django_db
def test_lists_begin_with_what_may_be_seen() -> None:
    for account in ("ana", "bea"):
        open_account(account)
    assert [row.account for row in OWNER.only_seen(Account.objects.all())] == ["ana"]
    assert [row.account for row in staff("user:x", ["viewer"]).only_seen(Account.objects.order_by("account"))] == ["ana", "bea"]
    assert list(NOBODY.only_seen(Account.objects.all())) == []


@pytest.mark.django_db
def test_the_database_keeps_roles_to_those_that_are_known() -> None:
    olga = get_user_model().objects.create_user("olga")
    with pytest.raises(DatabaseError, match="membership_role_is_known"), transaction.atomic():
        Membership.objects.create(user=olga, account="ana", role="emperor", since=timezone.now())


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE access_record SET actor = 'other'", "DELETE FROM access_record", "TRUNCATE access_record"])
def test_what_was_looked_at_stays_recorded(statement: str) -> None:
    AccessRecord.objects.create(at=timezone.now(), actor="user:ada", action="looked", account="ana")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AccessRecord.objects.get().actor == "user:ada"
