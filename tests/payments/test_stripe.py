"""Stripe from command to books: against localstripe, a fake server made by others, for all that it can; disputes, which it has not, and
answers that never come against a server of three lines that says what Stripe would, with events signed by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
import stripe
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing import bulk, delivery
from payments.gateways.stripe import StripeGateway
from tests.books import balance, do, documents, moment
from tests.payments.gateways import collections, kinds, subscribed
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db
SECRET = "whsec_test"


@pytest.fixture(autouse=True)
def invoiced(settings: Any) -> None:
    settings.PAYMENT_GATEWAY, settings.STRIPE_SECRET_KEY = "stripe", "sk_test_books"
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
    subscribed()


def deliver(until: str) -> None:
    delivery.deliver(until=moment(until))  # a known time would make it a story, whose methods are the sandbox's


def post(thing: dict[str, Any], kind: str, number: str) -> tuple[int, str]:
    """An event of Stripe, signed as Stripe signs."""
    body = orjson.dumps({"id": number, "object": "event", "type": kind, "data": {"object": thing}})
    stamp = int(timezone.now().timestamp())
    mac = stripe.WebhookSignature._compute_signature(f"{stamp}.{body.decode()}", SECRET)
    headers = {"stripe-signature": f"t={stamp},v1={mac}"}
    response = Client(enforce_csrf_checks=True).post("/webhooks/stripe/", body, content_type="application/json", headers=headers)
    return response.status_code, response.json().get("status", "")


def digest() -> None:
    """What webhooks owe: they come now, whatever the time of the story."""
    delivery.deliver(until=timezone.now())


def effects() -> list[tuple[str, str]]:
    return bulk.fetch("SELECT kind, state FROM effect WHERE kind LIKE 'gateway.%%' ORDER BY id")


# --- against localstripe ----------------------------------------------------------------------------------------------------------


def card(number: str) -> str:
    """What Stripe's own form gives for a card: its number never comes to us."""
    given = {"type": "card", "card": {"number": number, "exp_month": 4, "exp_year": 2099, "cvc": "123"}}
    return str(StripeGateway().client().payment_methods.create(given).id)


def test_a_card_is_set_up_charged_and_given_back(settings: Any, localstripe: str) -> None:
    settings.STRIPE_API_BASE = localstripe
    do("set_up_method", "2026-01-02", account="ana", gateway_token=card("4242424242424242"))
    deliver("2026-01-02")
    assert bulk.fetch("SELECT gateway, brand, last4, is_default FROM read_payment_method") == [("stripe", "visa", "4242", True)]
    assert collections() == [("0.00", "settled", "", "1", "set_up")]
    do("collect", "2026-01-03", account="ana")
    deliver("2026-01-03")
    assert documents() == [("invoice", "INV-000001", "24.14", "0.00")]
    do("refund", "2026-01-04", account="ana", payment="1", credit_note=True, reason="Withdrawal")
    deliver("2026-01-04")
    assert bulk.fetch("SELECT channel, status FROM read_refund") == [("stripe", "settled")]
    assert balance("cash:stripe") == 0
    (reference,) = bulk.fetch("SELECT reference FROM read_payment")[0]
    intent = {"id": reference, "object": "payment_intent", "metadata": {"account": "ana"}}
    before = kinds()
    said = [post(intent, "payment_intent.succeeded", f"evt_{name}") for name in ("a", "a", "b")]
    assert said == [(200, "kept"), (200, "known"), (200, "kept")]
    digest()
    assert kinds() == before  # the truth was known


def test_what_is_declined_or_waits_for_the_bank_is_no_method(settings: Any, localstripe: str) -> None:
    settings.STRIPE_API_BASE = localstripe
    do("set_up_method", "2026-01-02", account="ana", gateway_token=card("4000000000000002"))
    do("set_up_method", "2026-01-02", account="ana", gateway_token=card("4000002500003155"))
    deliver("2026-01-02")
    assert [row[1:3] for row in collections()] == [("failed", "soft"), ("confirmation", "")]
    assert bulk.fetch("SELECT 1 FROM read_payment_method") == []
    deliver("2026-01-02")
    assert mail.outbox == []  # he stands before the page


def test_a_gateway_that_keeps_no_methods_sets_up_none(settings: Any) -> None:
    settings.PAYMENT_GATEWAY = "manual"
    refused("unknown_choice", "set_up_method", "2026-01-02", account="ana", gateway_token="x")


# --- against what Stripe would say ------------------------------------------------------------------------------------------------

Said = Callable[[str, str], tuple[int, dict[str, Any]]]
#: One charge of 24.14 at Stripe, and what the bank does with it.
INTENT = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2414, "currency": "eur", "latest_charge": "ch_1"}


@pytest.fixture
def says(settings: Any) -> Iterator[tuple[dict[str, Any], list[tuple[str, str, str]]]]:
    """(path → what is answered there, a number for an error of that status; what was asked: method, path, key)."""
    answers: dict[str, Any] = {}
    asked: list[tuple[str, str, str]] = []

    class Stripe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append((self.command, path, self.headers.get("Idempotency-Key", "")))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = answers.get(path, 404)
            found = found.pop(0) if isinstance(found, list) else found
            body = orjson.dumps({"error": {"type": "api_error", "message": "no"}} if isinstance(found, int) else found)
            self.send_response(found if isinstance(found, int) else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Stripe)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_port}"
    yield answers, asked
    server.shutdown()
    server.server_close()


def charged(answers: dict[str, Any]) -> None:
    """A collection that Stripe has settled."""
    do("add_method", account="ana", gateway_token="pm_1", customer="cus_1")
    answers["/v1/payment_methods/pm_1"] = {"id": "pm_1", "object": "payment_method", "type": "card"}
    answers["/v1/payment_intents"] = {**INTENT, "metadata": {"key": "ana/7/gateway.charge"}}
    do("collect", "2026-01-02", account="ana")
    deliver("2026-01-02")
    (key,) = bulk.fetch("SELECT id FROM effect WHERE kind = 'gateway.charge'")[0]
    answers["/v1/payment_intents/pi_1"] = {**INTENT, "metadata": {"key": key}}
    answers["/v1/charges/ch_1"] = {"id": "ch_1", "object": "charge", "disputed": True}


def disputed(answers: dict[str, Any], status: str) -> dict[str, Any]:
    dispute = {"id": "dp_1", "object": "dispute", "status": status, "amount": 2414, "currency": "eur", "reason": "fraudulent"}
    dispute |= {"payment_intent": "pi_1", "balance_transactions": [{"object": "balance_transaction", "fee": 1500}]}
    answers["/v1/disputes"] = {"object": "list", "data": [dispute], "has_more": False, "url": "/v1/disputes"}
    return dispute


@pytest.mark.parametrize(
    ("ends", "steps", "money"),
    [
        ("won", ["dispute.opened", "dispute.won"], ("9.14", "0.00")),
        ("lost", ["dispute.opened", "dispute.lost"], ("-15.00", "24.14")),
    ],
)
def test_a_dispute_comes_by_webhook_and_ends_by_one(says: Any, ends: str, steps: list[str], money: tuple[str, str]) -> None:
    answers, _ = says
    charged(answers)
    opened = disputed(answers, "needs_response")
    assert post(opened, "charge.dispute.created", "evt_1") == (200, "kept")
    digest()
    digest()
    assert bulk.fetch("SELECT reference, amount::text, fee::text, status FROM read_dispute") == [("dp_1", "24.140000", "15.000000", "open")]
    closed = disputed(answers, ends)
    assert [post(closed, "charge.dispute.closed", f"evt_{name}")[0] for name in (2, 2, 3)] == [200, 200, 200]
    digest()
    assert kinds(("dispute",)) == steps
    assert (f"{balance('cash:stripe'):.2f}", documents()[0][3]) == money


def test_an_inquiry_takes_no_money_until_it_becomes_a_dispute(says: Any) -> None:
    answers, _ = says
    charged(answers)
    post(disputed(answers, "warning_needs_response"), "charge.dispute.created", "evt_1")
    digest()
    assert (kinds(("dispute",)), f"{balance('cash:stripe'):.2f}") == (["dispute.inquiry_opened"], "24.14")
    post(disputed(answers, "needs_response"), "charge.dispute.updated", "evt_2")
    digest()
    assert kinds(("dispute",)) == ["dispute.inquiry_opened", "dispute.opened"]


def test_after_an_answer_that_never_came_the_same_key_is_asked_again(says: Any) -> None:
    answers, asked = says
    do("add_method", account="ana", gateway_token="pm_1", customer="cus_1")
    answers["/v1/payment_methods/pm_1"] = {"id": "pm_1", "object": "payment_method", "type": "card"}
    nothing = {"object": "list", "data": [], "has_more": False, "url": "/v1/payment_intents"}
    done = {**INTENT, "metadata": {}}
    answers["/v1/payment_intents"] = [500, nothing, nothing, done]  # charge, look, look again, charge
    do("collect", "2026-01-02", account="ana")
    deliver("2026-01-02")
    assert collections() == [("24.14", "requested", "", "1", "asked")]
    deliver("2026-01-02T01:00")
    assert collections() == [("24.14", "settled", "", "1", "asked")]
    (key,) = bulk.fetch("SELECT id FROM effect WHERE kind = 'gateway.charge'")[0]
    assert [one for one in asked if one[0] == "POST"] == [("POST", "/v1/payment_intents", key)] * 2
    assert kinds(("payment",)) == ["payment.collected"]
