"""Whatever the number of rows: every list of the office, its dashboard and the page of an account ask as many statements as for a few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection, models
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule

from accounts.crm.models import Attachment, Interaction
from billing import bulk
from billing.admin.worklists import LISTS
from billing.models import Account, Booking, Bounce, Consent, Contract, Hold, Invoice, JournalEvent, Payment
from payments.models import Deposit, Dispute, PaymentMethod
from plans.models import CatalogueVersion
from tests.books import CATALOGUE, do, open_account, publish
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
MORE = 6
MOST = 30  # statements of a list, two of them for the one who is signed in; the account's page has more to ask
#: Rows that commands make here; and pages that only superusers open.
BY_COMMANDS = (Account, Contract, Invoice, JournalEvent, Payment, CatalogueVersion)
#: What can't be just anything.
GIVEN: dict[str, Any] = {
    "account": "ana",
    "currency": "EUR",
    "role": "main",
    "kind": "call",
    "status": "pending",
    "sent_at": None,
    "stream": "ana",
    "done_at": None,
    "outcome": "",
    "word": "waiting",
    "crontab": None,
    "clocked": None,
    "solar": None,
    "decided_by": "",
    "seller": "main",
    "last4": "",
    "is_default": False,
}
#: By model: what its constraints ask for besides.
BESIDES: dict[str, dict[str, Any]] = {"ApiKey": {"account": ""}, "PaymentMethod": {"status": "active"}}


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements of a block, those that go past Django too."""
    said: list[str] = []
    fetch = bulk.fetch

    def past(statement: str, parameters: Any = ()) -> Any:
        said.append(statement)
        return fetch(statement, parameters)

    def through(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if statement.startswith("SELECT"):
            said.append(statement)
        return execute(statement, parameters, many, context)

    with monkeypatch.context() as patched, connection.execute_wrapper(through):
        patched.setattr(bulk, "fetch", past)
        yield said


def value(field: Any, number: int) -> Any:
    if field.name in GIVEN and not isinstance(field, models.IntegerField):
        return GIVEN[field.name]
    if isinstance(field, models.DateTimeField):
        return NOW - timedelta(days=1)
    if isinstance(field, models.DateField):
        return NOW.date()
    if isinstance(field, models.CharField | models.TextField):
        return f"n{number}"
    if isinstance(field, models.BinaryField):
        return str(number).encode()
    if isinstance(field, models.BooleanField):
        return False
    return field.get_default() if field.has_default() else number


def fill(model: type[models.Model], first: int) -> None:
    """So many rows more, with whatever their columns take; no row of another table."""
    fields = [one for one in model._meta.concrete_fields if not isinstance(one, models.AutoField | models.ForeignKey) and not one.generated]
    made = [{one.name: value(one, first + i) for one in fields} | BESIDES.get(model.__name__, {}) for i in range(MORE)]
    model._default_manager.bulk_create(model(**one) for one in made)


def several(first: int) -> None:
    """More of everything that a page of the office lists."""
    for i in range(first, first + MORE):
        publish(CATALOGUE.replace('amount: "19.95"}', f'amount: "{100 + i}"}}'), NOW)
        open_account(f"more-{i}", name=f"More {i}")
        do("subscribe", account=f"more-{i}", plan="basic")
    for model, own in admin.site._registry.items():
        if model not in BY_COMMANDS and own.has_view_permission(_Asked.of):
            fill(model, first)
    for said in Interaction.objects.all():
        Attachment.objects.create(interaction=said, name="a", size=1, content=b"a")
    for model in (PaymentMethod, Consent, Bounce, Booking, Deposit, Dispute, Hold):
        fill(model, first)


class _Asked:
    """The request of somebody with every role."""

    of: Any


def addresses() -> list[str]:
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model, own in admin.site._registry.items()
        if own.has_view_permission(_Asked.of)
    ]
    return [*lists, *(reverse("admin:billing_work", args=[name]) for name in LISTS), "/admin/", "/admin/billing/account/ana/change/"]


def asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    found = {}
    for address in addresses():
        with counted(monkeypatch) as said:
            assert client.get(address).status_code == 200, address
        found[address] = len(said)
    return found


def test_no_page_asks_more_where_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    boss = staff(*Group.objects.values_list("name", flat=True))
    _Asked.of = boss.get("/admin/").wsgi_request
    monkeypatch.setitem(BESIDES, "PeriodicTask", {"interval": IntervalSchedule.objects.create(every=1, period="days")})
    several(0)
    few = asked(boss, monkeypatch)  # the first time a page asks what a process asks once, too: fewer than the rows that are added
    several(100)
    many = asked(boss, monkeypatch)
    assert {address: (few[address], many[address]) for address in few if many[address] > few[address]} == {}
    page = many.pop("/admin/billing/account/ana/change/")
    assert (max(many.values()) <= MOST, page <= 120) == (True, True), (many, page)
