"""Every address of the API × {owner, colleague who may only look, stranger, nobody, viewer of the office}: one table, one account `ana`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing.api.resources import RESOURCES
from billing.command import registry
from billing.models import Contract
from tests.books import open_account
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW, document

pytestmark = pytest.mark.django_db

WHO = ("owner", "colleague", "stranger", "nobody", "viewer")
STAFF_ONLY = {resource.name for resource in RESOURCES if resource.staff_only}


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def clients() -> dict[str, Client]:
    open_account("mallory")
    return {
        "owner": customer("olga", "ana", "owner"),
        "colleague": customer("carl", "ana", "viewer"),
        "stranger": customer("sam", "mallory", "owner"),
        "nobody": Client(),
        "viewer": staff("viewer"),
    }


def statuses(clients: dict[str, Client], path: str) -> tuple[int, ...]:
    return tuple(clients[who].get(path).status_code for who in WHO)


def test_one_thing_of_an_account(clients: dict[str, Client]) -> None:
    contract = Contract.objects.filter(account="ana").first()
    assert contract is not None
    for path in (
        "accounts/ana/status",
        "accounts/ana/why",
        "invoices/INV-000005",
        f"invoices/{document('INV-000005')}",
        f"contracts/{contract.contract}",
    ):
        assert statuses(clients, f"/api/v1/{path}") == (200, 200, 404, 401, 200), path


def test_lists_show_what_may_be_seen(clients: dict[str, Client]) -> None:
    for resource in RESOURCES:
        path = f"/api/v1/{resource.name}"
        seen = {who: clients[who].get(path) for who in WHO}
        if resource.staff_only:
            assert [seen[who].status_code for who in WHO] == [403, 403, 403, 401, 200], resource.name
            continue
        assert [seen[who].status_code for who in WHO] == [200, 200, 200, 401, 200], resource.name
        own = [row for row in seen["viewer"].json()["results"] if row[resource.owner] == "ana"]
        assert seen["owner"].json()["results"] == seen["colleague"].json()["results"] == own, resource.name
        assert [row for row in seen["stranger"].json()["results"] if row[resource.owner] != "mallory"] == [], resource.name


def test_filters_do_not_reach_other_accounts(clients: dict[str, Client]) -> None:
    for resource in RESOURCES:
        if resource.staff_only or "account" not in resource.filters:
            continue
        assert clients["stranger"].get(f"/api/v1/{resource.name}", {"account": "ana"}).json()["results"] == [], resource.name
    assert clients["owner"].get("/api/v1/charges", {"account": "ana,bob"}).json()["results"][0]["account"] == "ana"
    assert [row["account"] for row in clients["owner"].get("/api/v1/accounts").json()["results"]] == ["ana"]


def test_every_command_by_everybody(clients: dict[str, Client]) -> None:
    """Who has no right learns nothing of the account: a stranger gets the answer for an account that does not exist."""
    for name in registry():
        takes_account = "account" in registry()[name].arguments.__dataclass_fields__
        body = {"account": "ana"} if takes_account else {}
        codes = {who: _post(clients[who], name, body) for who in WHO}
        assert codes["nobody"] == 401, name
        assert codes["stranger"] == (404 if takes_account else 403), name
        assert codes["colleague"] == 403, name
        assert codes["viewer"] == 403, name


def _post(client: Client, name: str, body: dict[str, Any]) -> int:
    return client.post(f"/api/v1/commands/{name}", body, content_type="application/json").status_code


def test_an_account_named_inside_another_argument_is_out_of_reach_too(clients: dict[str, Client]) -> None:
    """`apply_credit` names invoices: those of another account are unknown."""
    body = {"account": "mallory", "invoices": ["INV-000005"]}
    answer = clients["stranger"].post("/api/v1/commands/apply_credit", body, content_type="application/json")
    assert answer.status_code in (404, 409)
    assert "INV-000005" not in clients["stranger"].get("/api/v1/invoices").content.decode()
