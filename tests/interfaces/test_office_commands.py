"""Commands in the back office: form, preview, confirm; refusals beside their field; a preview that is no longer true is not carried out."""

from __future__ import annotations

import html
import re
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from accounts.roles import AREAS, UNATTENDED
from billing.command import registry
from billing.doing import promise_of
from billing.forms import command_form
from billing.models import Contract, Invoice, JournalEvent, Payment
from billing.suggesting import OF_ACCOUNT, SUGGESTIONS
from tests.books import do, open_account
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW, document

pytestmark = pytest.mark.django_db
PAY = "/admin/billing/account/do/pay/?account=ana"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def hidden(response: Any) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', response.content.decode())
    return {name: html.unescape(value) for name, value in found}


def text(response: Any) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def preview(client: Client, address: str = PAY, **typed: str) -> Any:
    return client.post(address, typed | {"_step": "preview"})


def confirm(client: Client, shown: Any, address: str = PAY) -> Any:
    return client.post(address, hidden(shown) | {"_step": "confirm"}, follow=True)


def test_what_is_previewed_is_what_happens() -> None:
    clerk = staff("clerk")
    assert "INV-000003" not in text(clerk.get(PAY))
    shown = preview(clerk, amount="14.14", invoices="INV-000003", channel="cash")
    assert "76.25 EUR 62.11 EUR" in text(shown)
    assert Invoice.objects.get(number="INV-000003").open > 0
    done = confirm(clerk, shown)
    assert "Take a payment for the invoices that it names: done." in text(done)
    assert Invoice.objects.get(number="INV-000003").open == 0
    assert JournalEvent.objects.get(stream="ana", kind="payment.received", actor="user:staff-clerk").command == "pay"


def test_part_of_an_invoice_is_named_on_its_line() -> None:
    clerk = staff("clerk")
    confirm(clerk, preview(clerk, amount="10", invoices="INV-000003: 4.00\nINV-000005: 6.00", channel="cash"))
    assert [str(row.open.normalize()) for row in Invoice.objects.filter(account="ana", status="open").order_by("sequence")] == [
        "10.14",
        "56.11",
    ]


def test_a_double_click_pays_once() -> None:
    clerk = staff("clerk")
    shown = preview(clerk, amount="14.14", channel="cash")
    for _ in range(2):
        confirm(clerk, shown)
    assert Payment.objects.filter(account="ana", amount="14.14").count() == 1


def test_a_preview_that_is_no_longer_true_is_not_carried_out() -> None:
    clerk = staff("clerk")
    shown = preview(clerk, amount="14.14", channel="cash")
    do("adjust", NOW, account="ana", amount="1.00", reason="meanwhile")
    answer = confirm(clerk, shown)
    assert (answer.status_code, "since the preview adjustment.made by tester" in text(answer)) == (409, True)
    assert not Payment.objects.filter(account="ana", amount="14.14").exists()
    assert AccessRecord.objects.get(action="refused").code == "stale_preview"


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed() -> None:
    clerk = staff("clerk")
    answer = preview(clerk, amount="many", channel="cash")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'<div class="billing-field billing-wrong">\s*<label for="id_amount">', page)
    assert 'value="many"' in page
    assert not Payment.objects.filter(account="ana", channel="cash", received_at=NOW).exists()


def test_arguments_that_were_not_previewed_are_refused() -> None:
    """The token belongs to what was previewed: other arguments under it are somebody's trick."""
    clerk = staff("clerk")
    fields = hidden(preview(clerk, amount="14.14", channel="cash"))
    fields["_asked"] = fields["_asked"].replace("14.14", "15.14")
    answer = clerk.post(PAY, fields | {"_step": "confirm"})
    assert (answer.status_code, Payment.objects.filter(account="ana", amount="15.14").exists()) == (422, False)


@pytest.mark.parametrize(
    ("role", "command", "status"),
    [("viewer", "pay", 403), ("clerk", "pay", 200), ("clerk", "refund", 403), ("supervisor", "refund", 302), ("finance", "subscribe", 403)],
)
def test_roles_open_their_own_commands(role: str, command: str, status: int) -> None:
    answer = staff(role).get(f"/admin/billing/account/do/{command}/?account=ana")
    assert answer.status_code == status
    assert AccessRecord.objects.filter(action="refused", what=command, code="no_right").exists() == (status == 403)


def test_the_account_page_offers_what_the_role_may_do() -> None:
    page = {role: staff(role).get("/admin/billing/account/ana/change/").content.decode() for role in ("viewer", "clerk", "administrator")}
    assert "/do/" not in page["viewer"]
    assert "do/pay/?account=ana" in page["clerk"]
    assert "do/refund/" not in page["clerk"]
    assert "do/refund/" not in page["administrator"]
    assert "ask/refund/?account=ana" in page["administrator"]


def test_every_command_has_a_form_that_opens() -> None:
    boss = staff("administrator")
    for name, command in registry().items():
        account = "?account=ana" if "account" in command.arguments.__dataclass_fields__ else ""
        expected = 403 if any(name in AREAS[area] for area in UNATTENDED) else 200
        assert boss.get(f"/admin/billing/account/do/{name}/{account}", follow=True).status_code == expected, name
        assert list(command_form(command)().fields) == [field.name for field in fields(command.arguments)], name


@pytest.mark.parametrize("address", ["do/steal/", "do/pay/?account=nobody", "do/pay/?account=%00"])
def test_there_is_no_page_for_what_does_not_exist(address: str) -> None:
    assert staff("administrator").get(f"/admin/billing/account/{address}").status_code == 404


@pytest.mark.parametrize("asked", ["", "{", "[]", '"x"'])
def test_a_confirmation_that_no_page_has_sent(asked: str) -> None:
    assert staff("clerk").post(PAY, {"_step": "confirm", "_asked": asked}).status_code == 404


def test_a_mapping_that_is_none_is_said_beside_its_field() -> None:
    boss = staff("administrator")
    answer = preview(boss, "/admin/billing/account/do/subscribe/?account=ana", plan="seats", quantities="- three")
    assert "expected name: value, one to a line" in text(answer)
    answer = preview(boss, "/admin/billing/account/do/subscribe/?account=bob", plan="seats", quantities="seat: 3")
    assert "contract.signed" in text(answer)


def test_a_contract_a_document_and_a_payment_have_their_commands_filled_in() -> None:
    clerk = staff("clerk")
    contract, paid = Contract.objects.get(account="ana"), Payment.objects.get(account="ana")
    rows = {
        f"contract/{contract.contract}": ("do/change_quantity/?account=ana&contract=ana%2F", "do/cancel/", "ask/discount/"),
        f"invoice/{document('INV-000005')}": ("do/pay/?account=ana&invoices=INV-000005", "ask/credit_note/?account=ana&invoice=INV-000005"),
        f"payment/{paid.payment}": ("ask/refund/?account=ana&payment=ana%2F",),
    }
    for row, wanted in rows.items():
        model, _, key = row.partition("/")
        page = html.unescape(clerk.get(f"/admin/billing/{model}/{key.replace('/', '_2F')}/change/").content.decode())
        for address in wanted:
            assert address in page, (row, address)
    viewer = staff("viewer").get(f"/admin/billing/contract/{contract.contract.replace('/', '_2F')}/change/").content.decode()
    assert "do/cancel" not in viewer


def test_a_form_says_what_each_argument_wants_and_promises_without_codes() -> None:
    page = text(staff("clerk").get("/admin/billing/account/ask/refund/?account=ana"))
    for words in ("Give money back", "none: all that can be given back", "issue the credit note that makes the money refundable"):
        assert words in page
    for command in registry().values():
        promise = promise_of(command)
        assert promise
        assert not re.search(r"Raises|`|\((Invalid|Conflict|NotFound|NotAllowed) ", promise), command.name
    for name, statement in OF_ACCOUNT.items():
        assert isinstance(SUGGESTIONS[name]("ana"), list), statement
    open_account("far", seller="west")
    assert SUGGESTIONS["plan"]("far") == SUGGESTIONS["item"]("far") == []
