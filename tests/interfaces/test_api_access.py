"""Every address of the API × {owner, colleague who may only look, stranger, nobody, viewer of the office}: one table, one account `ana`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles import AREAS
from billing.api import urls
from billing.api.keys import Key
from billing.api.resources import RESOURCES
from billing.command import registry
from billing.keys.making import make_key
from plans.errors import Refusal
from tests.books import open_account
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW, document

pytestmark = pytest.mark.django_db

WHO = ("owner", "colleague", "stranger", "nobody", "viewer")


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


#: Addresses of one account, without a query.
OF_ACCOUNT = {
    "accounts/<str:account>": "accounts/ana",
    "accounts/<str:account>/status": "accounts/ana/status",
    "accounts/<str:account>/why": "accounts/ana/why",
    "accounts/<str:account>/statement": "accounts/ana/statement",
    "accounts/<str:account>/balances": "accounts/ana/balances?as_of=2026-02-10",
    "accounts/<str:account>/schedule": "accounts/ana/schedule",
    "accounts/<str:account>/forecast": "accounts/ana/forecast?until=2026-02-21",
    "accounts/<str:account>/entitlements": "accounts/ana/entitlements",
    "accounts/<str:account>/documents/<path:document>": "accounts/ana/documents/statement",
    "invoices/<path:invoice>": "invoices/INV-000005",
    "meters/<str:meter>/query": "meters/calls/query?subject=ana&from=2026-01-01",
}
#: What the world has none of: somebody who may see the account learns only that there is no such thing.
EMPTY = {"accounts/<str:account>/entitlements/<str:feature>": "accounts/ana/entitlements/seats"}
LISTS = {"accounts", *(resource.name for resource in RESOURCES)}
ONES = {f"{resource.name}/<path:key>" for resource in RESOURCES if resource.key and resource.name != "invoices"}
FOR_EVERYBODY = {"schema", "docs", "meters"}
FOR_THE_OFFICE = {"metrics"}
FOR_BOOKKEEPERS = {"exports/<str:kind>": "exports/gl?to=2026-02"}


def test_no_address_is_missing_here() -> None:
    routes = {str(found.pattern) for found in urls.urlpatterns}
    commands = {f"commands/{name}" for name in registry()}
    assert routes == {*OF_ACCOUNT, *EMPTY, *FOR_BOOKKEEPERS} | LISTS | ONES | FOR_EVERYBODY | FOR_THE_OFFICE | commands


def test_one_thing_of_an_account(clients: dict[str, Client]) -> None:
    for path in (*OF_ACCOUNT.values(), f"invoices/{document('INV-000005')}"):
        assert statuses(clients, f"/api/v1/{path}") == (200, 200, 404, 401, 200), path
    for path in EMPTY.values():
        assert statuses(clients, f"/api/v1/{path}") == (404, 404, 404, 401, 404), path
        hidden, absent = (clients["stranger"].get(f"/api/v1/{p}").json() for p in (path, path.replace("/ana/", "/nobody/")))
        assert hidden["code"] == absent["code"] == "unknown_account"


def test_figures_over_all_accounts(clients: dict[str, Client]) -> None:
    for path in FOR_THE_OFFICE:
        assert statuses(clients, f"/api/v1/{path}") == (403, 403, 403, 401, 200), path


def test_one_row_of_a_resource(clients: dict[str, Client]) -> None:
    seen = 0
    for resource in RESOURCES:
        if not resource.key:
            continue
        row = resource.model._default_manager.filter(**{resource.owner: "ana"}).first() if resource.owner == "account" else None
        path = f"/api/v1/{resource.name}/{getattr(row, resource.key) if row else 'ana/999'}"
        missing = 200 if row else 404
        if resource.staff_only:
            assert statuses(clients, path) == (403, 403, 403, 401, missing), path
        else:
            assert statuses(clients, path) == (missing, missing, 404, 401, missing), path
        seen += row is not None
    assert seen >= 3  # contracts, invoices, payments


def test_what_everybody_who_is_somebody_may_read(clients: dict[str, Client]) -> None:
    for path in FOR_EVERYBODY:
        assert statuses(clients, f"/api/v1/{path}") == (200, 200, 200, 401, 200), path
    for path in FOR_BOOKKEEPERS.values():
        assert statuses(clients, f"/api/v1/{path}") == (403, 403, 403, 401, 403), path


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


# --- keys ---------------------------------------------------------------------------------------------------------------------------


def bearer(*scopes: str, **limits: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key('k', scopes, at=NOW, **limits)}"}


@pytest.mark.parametrize(
    ("scopes", "limits", "expected"),
    [
        # (status of ana, status of bob, the list of accounts, an entitlement of ana, the journal, paying for ana, paying for bob)
        (["read"], {}, (200, 200, ["ana", "bob", "eve"], 404, 200, 403, 403)),
        (["read"], {"account": "ana"}, (200, 404, ["ana"], 404, 403, 403, 404)),
        (["read"], {"seller": "main"}, (200, 200, ["ana", "bob", "eve"], 404, 403, 403, 403)),
        (["read", "money"], {"seller": "other"}, (404, 404, [], 404, 403, 404, 404)),
        (["usage"], {}, (403, 403, 403, 403, 403, 403, 403)),
        (["usage"], {"account": "ana"}, (403, 403, 403, 403, 403, 403, 404)),
        (["entitlements"], {"account": "ana"}, (403, 403, 403, 404, 403, 403, 404)),
        (["money"], {"account": "ana"}, (403, 403, 403, 403, 403, 200, 404)),
        (["money"], {"seller": "main"}, (403, 403, 403, 403, 403, 200, 200)),
        (["money"], {}, (403, 403, 403, 403, 403, 200, 200)),
    ],
)
def test_a_key_reaches_what_it_was_given(scopes: list[str], limits: dict[str, str], expected: tuple[Any, ...]) -> None:
    headers, client = bearer(*scopes, **limits), Client()

    def got(path: str) -> Any:
        return client.get(f"/api/v1/{path}", headers=headers)

    def paid(account: str) -> int:
        body = {"account": account, "amount": "1", "channel": "cash"}
        return client.post("/api/v1/commands/pay?dry_run=1", body, content_type="application/json", headers=headers).status_code

    listed = got("accounts")
    assert (
        got("accounts/ana/status").status_code,
        got("accounts/bob/status").status_code,
        [row["account"] for row in listed.json()["results"]] if listed.status_code == 200 else listed.status_code,
        got("accounts/ana/entitlements/nothing").status_code,
        got("events").status_code,
        paid("ana"),
        paid("bob"),
    ) == expected


@pytest.mark.parametrize("limits", [{"account": "ana"}, {"seller": "other"}])
def test_a_bound_key_with_every_scope_runs_nothing_beyond_its_bounds(limits: dict[str, str]) -> None:
    """What names no account, or one out of reach, is refused: not run, and not a fault."""
    caller = Key("k", "k", frozenset(AREAS), **limits).as_caller()
    for name in registry():
        for body, code in (({}, "no_right"), ({"account": ""}, "no_right"), ({"account": "bob"}, "unknown_account")):
            with pytest.raises(Refusal) as refused:
                caller.must_run(name, body)
            assert refused.value.code == code, (name, body)
    house = make_key("house", ["read"], at=NOW)
    headers, body = bearer(*AREAS, **limits), {"prefix": house.split("_")[1]}
    answer = Client().post("/api/v1/commands/revoke_api_key", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["at"]) == (403, "account")
    assert Client().get("/api/v1/accounts", headers={"Authorization": f"Bearer {house}"}).status_code == 200


def test_a_key_of_one_account_moves_nothing_to_another() -> None:
    """`transfer_wallet` names the other account in an argument of its own: it is as unknown as if it did not exist."""
    body = {"account": "ana", "to": "bob", "amount": "1"}
    codes = {}
    for name, limits in {"bound": {"account": "ana"}, "free": {}}.items():
        headers = bearer("wallets", **limits)
        answer = Client().post("/api/v1/commands/transfer_wallet", body, content_type="application/json", headers=headers)
        codes[name] = answer.json()["code"]
    assert codes["bound"] == "unknown_account"
    assert codes["free"] != "unknown_account"
