"""Webhooks in: verified, kept with their processing owed, once each whatever their number and order; disputes arrive this way.
And no card number comes in through any door."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from billing import bulk, delivery
from payments.gateways.base import Asked
from payments.gateways.sandbox import HEADER, SandboxGateway, signature, signed
from plans.errors import Invalid
from tests.books import do, moment, use
from tests.payments.gateways import collections, live, subscribed, taken, with_card
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db
NOW = moment("2026-01-03")


@pytest.fixture(autouse=True)
def invoiced(db: None) -> None:
    subscribed()


def charged(words: str = "late") -> str:
    """A collection that the gateway has and we know nothing of yet; answers the gateway's id of the charge."""
    with_card(words, mode="manual")
    do("collect", "2026-01-02", account="ana")
    live("2026-01-02")
    return str(bulk.fetch("SELECT id FROM sandbox_operation WHERE kind = 'charge'")[0][0])


def notice(reference: str, number: str = "n-1", about: str = "charge") -> bytes:
    return orjson.dumps({"id": number, "about": about, "reference": reference, "said": "turned", "owner": "ana"})


def post(body: bytes, headers: dict[str, str], gateway: str = "sandbox") -> tuple[int, dict[str, Any]]:
    response = Client(enforce_csrf_checks=True).post(f"/webhooks/{gateway}/", body, content_type="application/json", headers=headers)
    return response.status_code, response.json()


def notices() -> int:
    return int(bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'notice.received'")[0][0])


def test_a_signed_webhook_is_kept_once_and_answered() -> None:
    body = notice(charged())
    before = notices()
    headers = signed(body, timezone.now())
    assert post(body, headers) == (200, {"status": "kept"})
    assert post(body, headers) == (200, {"status": "known"})
    assert notices() == before + 1
    state = bulk.fetch("SELECT state, account FROM effect WHERE kind = 'gateway.digest' AND id LIKE '%%n-1%%'")
    assert state == [("owed", "ana")]


def test_what_is_not_signed_by_the_gateway_now_is_refused_and_nothing_is_kept(settings: Any) -> None:
    body = notice("charge-x")
    before = notices()
    now = timezone.now()
    stamp = str(int(now.timestamp()))
    forged = [
        {},
        {HEADER: "nonsense"},
        {HEADER: f"t={stamp},v1={signature('other', stamp, body)}"},
        signed(body + b" ", now),
        signed(body, now - timezone.timedelta(minutes=6)),
        signed(body, now + timezone.timedelta(minutes=6)),
    ]
    assert [post(body, headers)[0] for headers in forged] == [400] * len(forged)
    assert post(body, signed(body, now), gateway="nobody")[0] == 404
    assert post(body, signed(body, now), gateway="manual")[0] == 400
    assert Client().get("/webhooks/sandbox/").status_code == 405
    settings.SANDBOX_GATEWAY = False
    assert post(body, signed(body, now))[0] == 404
    assert notices() == before


def test_a_secret_may_be_changed_without_losing_a_webhook(settings: Any) -> None:
    body = notice("charge-x")
    headers = signed(body, timezone.now())
    settings.SANDBOX_WEBHOOK_SECRETS = ["new", *settings.SANDBOX_WEBHOOK_SECRETS]
    assert post(body, headers) == (200, {"status": "kept"})


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'"x"', b"\xff", b'{"id": 1, "about": "weather", "reference": "x"}'])
def test_a_body_that_makes_no_sense_is_no_error_of_ours(body: bytes) -> None:
    status, _ = post(body, signed(body, timezone.now()))
    assert status in (200, 400)
    assert notices() == 0


def test_a_notice_of_what_we_do_not_know_waits_and_then_a_person_sees_it() -> None:
    do("receive_notice", "2026-01-03", gateway="sandbox", notice="early", about="charge", reference="charge-unknown")
    assert delivery.deliver(until=NOW).later == 1
    SandboxGateway().charge(Asked("dashboard", "ana", Decimal(5), "EUR", NOW, token="sandbox:approve"))
    bulk.fetch("UPDATE sandbox_operation SET id = 'charge-unknown' RETURNING id")
    bulk.fetch("DELETE FROM effect WHERE kind = 'sandbox.notify' RETURNING id")
    assert delivery.deliver(until=NOW + timezone.timedelta(minutes=1)).failed == 1
    assert "was not asked for by us" in delivery.waiting(until=NOW).failed[0][1]
    bulk.fetch("DELETE FROM sandbox_operation WHERE id = 'charge-unknown' RETURNING id")


def test_words_of_a_notice_are_checked() -> None:
    refused("unknown_choice", "receive_notice", gateway="sandbox", notice="n", about="weather", reference="x")
    refused("unknown_gateway", "receive_notice", gateway="nobody", notice="n", about="charge", reference="x")


# --- the page of the sandbox ------------------------------------------------------------------------------------------------------


def checkout() -> str:
    do("open_checkout", "2026-01-02", account="ana")
    live("2026-01-02")
    return str(bulk.fetch("SELECT url FROM read_collection ORDER BY sequence DESC LIMIT 1")[0][0])


def test_the_customer_pays_on_the_page_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    url = checkout()
    monkeypatch.setattr(timezone, "now", lambda: moment("2026-01-02T01:00"))
    page = Client().get(url)
    assert page.status_code == 200
    assert "€24.14" in page.content.decode()
    assert "csrfmiddlewaretoken" in page.content.decode()
    assert Client().post(url, {"card": "gold"}).status_code == 422
    [(sequence,)] = bulk.fetch("SELECT sequence FROM read_collection")
    assert Client().post(url, {"card": "approve"})["location"] == f"/my/ana/payments/{sequence}"
    assert Client().post(url, {"card": "approve"}).status_code == 409
    later = moment("2026-01-02T02:00")
    delivery.deliver(until=later, known_at=later)
    assert [row[1] for row in collections()] == ["settled"]
    assert bulk.fetch("SELECT last4, status FROM read_payment_method") == [("4242", "active")]
    assert taken() == {"theirs": "24.14", "ours": "24.14"}
    do("refund", later, account="ana", payment="1", credit_note=True)
    delivery.deliver(until=later, known_at=later)
    assert taken() == {"theirs": "0.00", "ours": "0.00"}


def test_a_page_that_nobody_uses_is_given_up_after_a_day() -> None:
    url = checkout()
    live("2026-01-04")
    assert [row[1:3] for row in collections()] == [("failed", "confirmation")]
    assert Client().post(url, {"card": "approve"}).status_code == 409


def test_the_page_is_there_only_where_the_sandbox_is_on(settings: Any) -> None:
    url = checkout()
    assert Client().get(url.replace("checkout-", "checkout-0")).status_code == 404
    settings.SANDBOX_GATEWAY = False
    assert Client().get(url).status_code == 404
    assert SandboxGateway().find("checkout", reference="nothing", at=NOW) is None


# --- card numbers -----------------------------------------------------------------------------------------------------------------

CARD = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("pay", {"account": "ana", "amount": "1", "reference": CARD}),
        ("pay", {"account": "ana", "amount": "1", "reference": 4242424242424242}),
        ("pay", {"account": "ana", "amount": "1", "invoices": [{"invoice": CARD}]}),
        ("adjust", {"account": "ana", "amount": "1", "reason": f"card {CARD.replace(' ', '-')}"}),
        ("change_details", {"account": "ana", "name": f"Ana {CARD.replace(' ', '')}"}),
        ("add_method", {"account": "ana", "gateway": "manual", "gateway_token": CARD.replace(" ", "")}),
        ("open_account", {"account": "bob", "name": CARD}),
    ],
)
def test_no_command_takes_a_card_number(command: str, given: dict[str, Any]) -> None:
    told = refused("card_number", command, **given)
    assert "4242" not in str(told)
    assert bulk.fetch("SELECT count(*) FROM vault_person WHERE row_to_json(vault_person)::text LIKE '%%4242%%'") == [(0,)]


def test_no_measurement_takes_a_card_number_and_ids_of_sources_pass() -> None:
    good = {"id": "4242424242424242", "at": "2026-01-02", "value": "4222222222222"}
    report = use("ana", "calls", arrived="2026-01-03", records=[{**good, "dimensions": {"note": CARD}}, {**good, "subject": CARD}, good])
    assert [one.code for one in report.rejected] == ["card_number", "card_number"]
    assert bulk.fetch("SELECT count(*) FROM usage_record") == [(1,)]


def test_the_refusal_is_the_same_through_any_face() -> None:
    with pytest.raises(Invalid) as caught:
        do("pay", account="ana", amount="1", reference=CARD)
    assert (caught.value.code, caught.value.at) == ("card_number", "reference")
