"""The back office: read-only, complete, and at a cost that does not grow with rows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from billing.models import Effect, JournalEvent
from payments.models import BankLine
from tests.interfaces.callers import staff
from tests.interfaces.worlds import document, payment

pytestmark = pytest.mark.django_db

LISTS = ("account", "contract", "invoice", "payment", "journalevent")
PAGES = ("account", "contract", "invoice", "payment")


def page_of(name: str) -> str:
    """The page of ana's row of this kind."""
    keys = {"account": "ana", "contract": "ana/2", "invoice": document("INV-000005"), "payment": payment("ana")}
    key = keys.get(name) or str(JournalEvent.objects.first().pk)
    return f"{name}/{key.replace('/', '_2F')}"


@pytest.fixture(autouse=True)
def played(world: None) -> None:
    """Each test looks at the small world."""


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def shown(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@pytest.mark.parametrize("name", LISTS)
def test_lists_open(boss: Client, name: str) -> None:
    shown(boss.get(f"/admin/billing/{name}/"))


@pytest.mark.parametrize("page", PAGES)
def test_pages_open(boss: Client, page: str) -> None:
    shown(boss.get(f"/admin/billing/{page_of(page)}/change/"))


def test_every_event_has_a_page(boss: Client) -> None:
    for stream, sequence in JournalEvent.objects.values_list("stream", "sequence"):
        response = boss.get(f"/admin/billing/journalevent/at/{stream}/{sequence}/", follow=True)
        assert f"{stream}/{sequence}" in response.content.decode()


def test_those_who_owe_most_come_first(boss: Client) -> None:
    text = shown(boss.get("/admin/billing/account/"))
    assert text.index("76.25 EUR") < text.index("7.00 EUR") < text.index("154.92 EUR")


def test_the_account_says_what_it_owes_and_why(boss: Client) -> None:
    text = shown(boss.get("/admin/billing/account/ana/change/"))
    for words in ("ana owes", "76.25", "INV-000005", "test/c0 at 2026-01-10T09:00Z: 4", "contract.signed", "payment.received"):
        assert words in text


def test_the_invoice_shows_lines_taxes_and_people(boss: Client) -> None:
    text = shown(boss.get(f"/admin/billing/{page_of('invoice')}/change/"))
    for words in ("Test Ltd", "Ana Ruiz", "Calls", "16.33 EUR", "10.78 EUR", "62.11 EUR"):
        assert words in text


@pytest.mark.parametrize("account", ["", "house:catalogue", "campaign:spring", "stock:cola"])
def test_rows_that_belong_to_no_account_are_shown_too(boss: Client, account: str) -> None:
    """Whoever signs in looks at nobody, and a line of the bank may be anybody's."""
    AccessRecord.objects.create(at=timezone.now(), actor="user:x", action="signed in", account=account, what="office")
    line = {"seller": "main", "booked": timezone.now().date(), "amount": 10, "currency": "EUR", "file": "a", "number": 1, "word": "waiting"}
    BankLine.objects.create(line="l1", account=account, imported_at=timezone.now(), **line)
    Effect.objects.update(account=account)
    for model in ("accounts/accessrecord", "payments/bankline", "billing/effect"):
        assert boss.get(f"/admin/{model}/").status_code == 200
    assert boss.get("/admin/payments/bankline/l1/change/").status_code == 200


@pytest.mark.parametrize(("word", "found"), [("ana", 1), ("Ruiz", 1), ("INV-000005", 1), ("ana/5", 1), ("nobody", 0)])
def test_accounts_are_found_by_name_and_by_document(boss: Client, word: str, found: int) -> None:
    response = boss.get("/admin/billing/account/", {"q": word})
    assert response.context["cl"].result_count == found


@pytest.mark.parametrize(("word", "found"), [("ana/15", 1), ("stock:router", 2), ("nobody", 0), ("ana/99999999999999999999", 0)])
def test_events_are_found_by_address_and_stream(boss: Client, word: str, found: int) -> None:
    assert boss.get("/admin/billing/journalevent/", {"q": word}).context["cl"].result_count == found


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("word", ["\x00", "%", "'", "1e400", "x" * 5000])
def test_a_search_for_anything_is_answered(boss: Client, name: str, word: str) -> None:
    assert boss.get(f"/admin/billing/{name}/", {"q": word}).status_code == 200


@pytest.mark.parametrize("page", ["account/?status=%00", "invoice/?account=%00", "campaign/?segment=%00"])
def test_a_text_that_no_database_holds_is_not_our_fault(boss: Client, page: str) -> None:
    assert boss.get(f"/admin/billing/{page}").status_code == 400


def test_events_are_filtered_by_kind(boss: Client) -> None:
    assert boss.get("/admin/billing/journalevent/", {"kind": "payment.received"}).context["cl"].result_count == 2


@pytest.mark.parametrize("name", LISTS)
def test_nobody_adds_changes_or_deletes(boss: Client, name: str) -> None:
    row = page_of(name)
    key = row.partition("/")[2]
    before = JournalEvent.objects.count()
    assert boss.get(f"/admin/billing/{name}/add/").status_code in (403, 404, 302)
    assert boss.post(f"/admin/billing/{name}/add/", {}).status_code in (403, 404, 302)
    assert boss.post(f"/admin/billing/{row}/delete/", {"post": "yes"}).status_code == 403
    boss.post(f"/admin/billing/{row}/change/", {"account": "other"})
    boss.post(f"/admin/billing/{name}/", {"action": "delete_selected", "_selected_action": key})
    assert boss.get(f"/admin/billing/{row}/change/").status_code == 200
    assert JournalEvent.objects.count() == before


@pytest.mark.parametrize("page", [*LISTS, *(f"{page} page" for page in PAGES)])
def test_three_people(page: str) -> None:
    """A stranger is asked to log in, staff without a role is refused, a viewer sees it."""
    name, _, one = page.partition(" ")
    page = f"{page_of(name)}/change/" if one else f"{name}/"
    assert Client().get(f"/admin/billing/{page}").status_code == 302
    assert staff().get(f"/admin/billing/{page}").status_code == 403
    assert staff("viewer").get(f"/admin/billing/{page}").status_code == 200
