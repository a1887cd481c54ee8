"""The promises of payments/gateways/base.py, the same for every gateway. Stripe is asked through localstripe, a fake server in a process of
its own, which can't everything: what it can't is said by `lacks`, and proven against the sandbox."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import stripe
from django.conf import settings as configured
from django.utils import timezone

from payments.gateways import named
from payments.gateways.base import Asked, BadSignature, Gateway, NoAnswer, Unsupported
from payments.gateways.manual import ManualGateway
from payments.gateways.sandbox import SandboxGateway, signed
from payments.gateways.stripe import StripeGateway, amount_of, decline_of, smallest
from tests.books import moment

pytestmark = pytest.mark.django_db
NOW = moment("2026-01-02")
PROGRAM = Path(configured.BASE_DIR) / ".venv-localstripe" / "bin" / "python"
#: localstripe listens on every interface; started like this, on the loopback alone.
ON_LOOPBACK = """
import runpy, socket, sys
bind = socket.socket.bind
socket.socket.bind = lambda self, address: bind(self, ("::ffff:127.0.0.1", address[1]))
sys.argv = ["localstripe", "--port", sys.argv[1], "--from-scratch"]
runpy.run_module("localstripe", run_name="__main__")
"""


@dataclass
class Rig:
    """A gateway under test, and how to make its methods."""

    gateway: Gateway
    good: str
    soft: str
    confirm: str
    lacks: frozenset[str] = frozenset()
    customers: dict[str, Any] = field(default_factory=dict)

    def asked(self, key: str, token: str, amount: str = "24.14") -> Asked:
        method = self.gateway.set_up("ana", token, key=key)
        return Asked(key, "ana", Decimal(amount), "EUR", NOW, method.customer, method.token)

    def needs(self, what: str) -> None:
        if what in self.lacks:
            pytest.skip(f"localstripe has no {what}")


@pytest.fixture(scope="module")
def localstripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not PROGRAM.exists():
        reason = ".venv-localstripe is missing: `.ci/run` makes it (python3 -m venv .venv-localstripe, and pip install localstripe there)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("localstripe"))}
    with subprocess.Popen(
        [PROGRAM, "-c", ON_LOOPBACK, str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, "localstripe ended"
        time.sleep(0.1)
    raise AssertionError("localstripe does not listen")


@pytest.fixture(params=["sandbox", "stripe"])
def rig(request: pytest.FixtureRequest, settings: Any) -> Rig:
    if request.param == "sandbox":
        return Rig(SandboxGateway(), "sandbox:approve", "sandbox:decline_soft", "sandbox:confirm")
    settings.STRIPE_API_BASE = request.getfixturevalue("localstripe")
    settings.STRIPE_SECRET_KEY = "sk_test_conformance"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", "whsec_new"]
    client = StripeGateway().client()

    def card(number: str) -> str:
        given = {"type": "card", "card": {"number": number, "exp_month": 4, "exp_year": 2099, "cvc": "123"}}
        return str(client.payment_methods.create(given).id)

    lacks = frozenset({"idempotency keys", "refund limits", "checkout pages", "lists by customer"})
    return Rig(StripeGateway(), card("4242424242424242"), card("4000000000000341"), card("4000002500003155"), lacks)


def test_a_method_is_described_by_what_a_person_may_see(rig: Rig) -> None:
    method = rig.gateway.set_up("ana", rig.good, key="k")
    assert (method.brand, method.last4) == ("visa", "4242")
    assert re.fullmatch(r"2099-(04|12)", method.expiry)
    assert method.token
    assert method.customer


def test_a_charge_succeeds_and_its_truth_is_found_by_the_id(rig: Rig) -> None:
    asked = rig.asked("ana/1/gateway.charge", rig.good)
    answer = rig.gateway.charge(asked)
    assert (answer.state, answer.amount, answer.currency, answer.key) == ("succeeded", Decimal("24.14"), "EUR", asked.key)
    found = rig.gateway.find("charge", reference=answer.id, at=NOW, asked=asked)
    assert found is not None
    assert (found.state, found.id, found.amount, found.key) == ("succeeded", answer.id, answer.amount, asked.key)


def test_the_truth_is_found_by_our_key(rig: Rig) -> None:
    rig.needs("lists by customer")
    asked = rig.asked("ana/2/gateway.charge", rig.good)
    assert rig.gateway.find("charge", key=asked.key, at=NOW, asked=asked) is None
    answer = rig.gateway.charge(asked)
    found = rig.gateway.find("charge", key=asked.key, at=NOW, asked=asked)
    assert found is not None
    assert found.id == answer.id


def test_one_key_is_one_charge(rig: Rig) -> None:
    rig.needs("idempotency keys")
    asked = rig.asked("ana/3/gateway.charge", rig.good)
    first = rig.gateway.charge(asked)
    assert rig.gateway.charge(asked).id == first.id
    assert rig.gateway.charge(replace(asked, key="ana/4/gateway.charge")).id != first.id


def test_a_decline_is_an_answer_with_its_class(rig: Rig) -> None:
    answer = rig.gateway.charge(rig.asked("ana/5/gateway.charge", rig.soft))
    assert (answer.state, answer.decline, answer.key) == ("failed", "soft", "ana/5/gateway.charge")
    assert answer.code


def test_what_the_customer_must_confirm_waits(rig: Rig) -> None:
    answer = rig.gateway.charge(rig.asked("ana/6/gateway.charge", rig.confirm))
    assert answer.state == "confirmation"


def test_a_refund_gives_back_and_no_more_than_was_charged(rig: Rig) -> None:
    asked = rig.asked("ana/7/gateway.charge", rig.good)
    charge = rig.gateway.charge(asked)
    back = replace(asked, key="ana/8/gateway.refund", amount=Decimal("10.00"), parent=charge.id)
    answer = rig.gateway.refund(back)
    assert (answer.state, answer.amount, answer.key) == ("succeeded", Decimal("10.00"), back.key)
    found = rig.gateway.find("refund", reference=answer.id, at=NOW, asked=back)
    assert found is not None
    assert (found.state, found.key) == ("succeeded", back.key)
    rig.needs("refund limits")
    assert rig.gateway.refund(replace(back, key="ana/9/gateway.refund", amount=Decimal("14.15"))).state == "failed"


def test_a_checkout_is_a_page_and_waits(rig: Rig) -> None:
    rig.needs("checkout pages")
    page = rig.gateway.checkout(Asked("ana/10/gateway.checkout", "ana", Decimal(5), "EUR", NOW), return_to="")
    found = rig.gateway.find("checkout", reference=page.id, at=NOW)
    assert found is not None
    assert (found.state, found.url) == ("confirmation", page.url)


def test_nothing_is_found_of_what_never_was(rig: Rig) -> None:
    for sort in ("charge", "refund"):
        assert rig.gateway.find(sort, reference="pi_nothing", at=NOW) is None


def test_a_webhook_is_read_only_with_its_signature(rig: Rig) -> None:
    now = timezone.now()
    body, headers = webhook(rig.gateway.name, now)
    notice = rig.gateway.read_webhook(body, headers, at=now)
    assert (notice.about, notice.reference, notice.owner) == ("charge", "pi_1", "ana")
    with pytest.raises(BadSignature):
        rig.gateway.read_webhook(body + b" ", headers, at=now)
    with pytest.raises(BadSignature):
        rig.gateway.read_webhook(body, {}, at=now)


def webhook(name: str, now: Any) -> tuple[bytes, dict[str, str]]:
    if name == "sandbox":
        body = orjson.dumps({"id": "evt_1", "about": "charge", "reference": "pi_1", "owner": "ana"})
        return body, signed(body, now)
    thing = {"id": "pi_1", "object": "payment_intent", "metadata": {"account": "ana"}}
    body = orjson.dumps({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": thing}})
    stamp = int(now.timestamp())
    mac = stripe.WebhookSignature._compute_signature(f"{stamp}.{body.decode()}", "whsec_new")
    return body, {"stripe-signature": f"t={stamp},v1={mac}"}


# --- what only one of them has ----------------------------------------------------------------------------------------------------


def test_stripe_that_can_not_be_reached_gives_no_answer(settings: Any) -> None:
    settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY = "http://127.0.0.1:9", "sk_test_x"
    asked = Asked("k", "ana", Decimal(1), "EUR", NOW, "cus_1", "pm_1")
    with pytest.raises(NoAnswer):
        StripeGateway().charge(asked)
    with pytest.raises(NoAnswer):
        StripeGateway().find("charge", reference="pi_1", at=NOW)


@pytest.mark.parametrize(
    ("code", "decline"),
    [("insufficient_funds", "soft"), ("stolen_card", "hard"), ("expired_card", "hard"), ("authentication_required", "confirmation")],
)
def test_the_words_of_stripe_have_a_class(code: str, decline: str) -> None:
    assert decline_of(code) == decline


@pytest.mark.parametrize(
    ("amount", "currency", "units"), [("24.14", "EUR", 2414), ("500", "JPY", 500), ("1.500", "KWD", 1500), ("7", "ISK", 700)]
)
def test_amounts_go_in_the_smallest_unit(amount: str, currency: str, units: int) -> None:
    assert smallest(Decimal(amount), currency) == units
    assert amount_of(units, currency.lower()) == Decimal(amount)


def test_by_hand_everything_waits_for_a_person() -> None:
    manual = ManualGateway()
    asked = Asked("k", "ana", Decimal(1), "EUR", NOW)
    assert [call(asked).state for call in (manual.charge, manual.refund, manual.pay_out)] == ["processing"] * 3
    assert manual.find("charge", key="k", at=NOW) is None
    for refusing in (lambda: manual.set_up("ana", "x", key="k"), lambda: manual.checkout(asked, return_to="")):
        with pytest.raises(Unsupported):
            refusing()
    assert {name: named(name).name for name in configured.PAYMENT_GATEWAYS} == {name: name for name in configured.PAYMENT_GATEWAYS}
