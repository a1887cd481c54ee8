"""Collections: what falls due is charged once, what the gateway answers is recorded, and both sides have the same money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk, delivery
from billing.delivery import Later
from payments import gateways
from payments.gateways.base import Answer, Asked, NoAnswer
from payments.gateways.sandbox import SandboxGateway
from tests.books import balance, do, documents, moment, owed
from tests.payments.gateways import charges, collections, kinds, live, subscribed, taken, with_card
from tests.payments.helpers import postings, refused

pytestmark = pytest.mark.django_db
PAID = {"theirs": "24.14", "ours": "24.14"}
NOTHING = {"theirs": "0.00", "ours": "0.00"}


@pytest.fixture(autouse=True)
def invoiced(db: None) -> None:
    subscribed()


def test_what_falls_due_is_collected_from_the_default_method() -> None:
    with_card()
    live("2026-01-14")
    assert collections() == []
    live("2026-01-16")
    assert collections() == [("24.14", "settled", "", "1", "due")]
    assert kinds() == ["method.added", "collection.mode_set", "collection.requested", "payment.collected"]
    assert documents() == [("invoice", "INV-000001", "24.14", "0.00")]
    assert postings("payment.collected") == [("cash:sandbox", "24.14"), ("receivable", "-24.14")]
    assert taken() == PAID
    moments = bulk.fetch("SELECT effective_at FROM journal WHERE kind IN ('collection.requested', 'payment.collected')")
    assert moments == [(moment("2026-01-15"),)] * 2


@pytest.mark.parametrize(
    ("words", "steps", "status", "money"),
    [
        ("decline_soft", ["collection.failed"], ("failed", "soft"), NOTHING),
        ("decline_hard", ["collection.failed"], ("failed", "hard"), NOTHING),
        ("confirm", ["collection.awaited", "payment.collected"], ("settled", ""), PAID),
        ("abandon", ["collection.awaited", "collection.failed"], ("failed", "confirmation"), NOTHING),
        ("late_decline", ["collection.awaited", "collection.failed"], ("failed", "soft"), NOTHING),
        ("time_out", ["payment.collected"], ("settled", ""), PAID),
        ("lost", ["payment.collected"], ("settled", ""), PAID),
        ("duplicate", ["payment.collected"], ("settled", ""), PAID),
        ("dispute", ["payment.collected", "dispute.opened"], ("settled", ""), {"theirs": "24.14", "ours": "-15.00"}),
    ],
)
def test_each_test_card_does_what_it_says(words: str, steps: list[str], status: tuple[str, str], money: dict[str, str]) -> None:
    with_card(words)
    live("2026-01-20")
    assert kinds(("collection", "payment", "dispute"))[1:] == ["collection.requested", *steps]
    assert [row[1:3] for row in collections()] == [status]
    assert taken() == money


def test_money_that_comes_late_is_recorded_when_it_comes() -> None:
    with_card("late")
    live("2026-01-15T23:00")
    assert [row[1] for row in collections()] == ["processing"]
    assert owed() == Decimal("24.14")
    live("2026-01-17")
    assert [row[1] for row in collections()] == ["settled"]
    assert taken() == PAID
    assert owed() == 0


def test_what_was_declined_is_not_tried_again_by_itself_and_a_person_may() -> None:
    with_card("decline_soft,approve")
    live("2026-01-31")
    assert collections() == [("24.14", "failed", "soft", "1", "due")]
    do("collect", "2026-01-31", account="ana", trigger="retry")
    live("2026-01-31T01:00")
    assert collections()[1:] == [("24.14", "settled", "", "2", "retry")]
    assert taken() == PAID


def test_nothing_is_collected_twice_at_once() -> None:
    with_card("late", mode="manual")
    do("collect", "2026-01-02", account="ana")
    assert refused("collection_running", "collect", "2026-01-02", account="ana").facts["collection"]
    live("2026-01-02T02:00")
    refused("collection_running", "collect", "2026-01-02T02:00", account="ana", invoices=["INV-000001"])
    refused("collection_running", "remove_method", "2026-01-02T02:00", account="ana")


def test_the_account_says_whether_it_is_collected_from() -> None:
    with_card(mode="manual")
    live("2026-01-31")
    assert collections() == []
    do("set_collection", "2026-01-31", account="ana", mode="automatic")
    live("2026-01-31")
    assert [row[1] for row in collections()] == ["settled"]


def test_a_method_that_comes_after_the_due_date_pays_then() -> None:
    do("set_collection", account="ana", mode="automatic")
    live("2026-01-20")
    do("add_method", "2026-01-20T10:00", account="ana", gateway_token="sandbox:approve")
    live("2026-01-21")
    asked = bulk.fetch("SELECT effective_at FROM journal WHERE kind = 'collection.requested'")
    assert asked == [(moment("2026-01-20T10:00"),)]


def test_without_a_method_or_without_debt_nothing_can_be_collected() -> None:
    refused("no_method", "collect", account="ana")
    with_card()
    refused("unknown_choice", "collect", account="ana", trigger="whim")
    do("pay", account="ana", amount="24.14")
    refused("nothing_open", "collect", account="ana")


def test_what_was_paid_meanwhile_becomes_credit() -> None:
    with_card("late")
    live("2026-01-15")
    do("pay", "2026-01-15T12:00", account="ana", amount="20.00", channel="cash")
    live("2026-01-17")
    assert postings("payment.collected") == [("cash:sandbox", "24.14"), ("credit", "-20.00"), ("receivable", "-4.14")]
    assert balance("credit") == -20


def test_what_the_gateway_says_twice_counts_once_and_money_after_a_failure_counts() -> None:
    with_card("decline_soft")
    live("2026-01-15")
    assert do("fail_collection", "2026-01-16", account="ana").events == ()
    assert do("await_collection", "2026-01-16", account="ana").events == ()
    do("settle_collection", "2026-01-16", account="ana", reference="late")
    assert do("settle_collection", "2026-01-16", account="ana").events == ()
    assert do("fail_collection", "2026-01-16", account="ana").events == ()
    assert [row[1] for row in collections()] == ["settled"]
    assert owed() == 0


@pytest.mark.parametrize(("command", "wrong"), [("await_collection", {"waiting": "long"}), ("fail_collection", {"decline": "maybe"})])
def test_words_of_the_gateway_are_checked(command: str, wrong: dict[str, str]) -> None:
    with_card()
    do("collect", account="ana")
    refused("unknown_choice", command, account="ana", **wrong)
    refused("unknown_thing", command, account="ana", collection="ana/1")


def test_a_silent_gateway_is_asked_and_not_charged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost, and the gateway stays silent for a while: what it did is found by the key."""
    with_card("time_out", mode="manual")
    do("collect", "2026-01-02", account="ana")
    find = SandboxGateway.find

    def silent(*given: object, **named: object) -> Answer | None:
        raise NoAnswer("down")

    charged: list[Asked] = []
    charge = SandboxGateway.charge
    monkeypatch.setattr(SandboxGateway, "charge", lambda self, asked: charged.append(asked) or charge(self, asked))
    monkeypatch.setattr("payments.gateways.sandbox.SandboxGateway.find", lambda self, *given, **named: find(self, *given, **named))
    handler = delivery.handlers()["gateway.charge"]
    (effect,) = delivery.claim("gateway.charge", until=moment("2026-01-02"), known_at=moment("2026-01-02"))
    with monkeypatch.context() as down:
        down.setattr(gateways.named("sandbox"), "find", silent, raising=False)
        down.setattr(gateways.named("sandbox"), "charge", silent, raising=False)
        answer = handler(effect)
    assert answer == Later("no answer: down")
    delivery.settle(effect, answer)
    live("2026-01-03")
    assert [row[1] for row in collections()] == ["settled"]
    assert (charges(), len(charged), taken()) == (1, 1, PAID)


# --- money back, money out --------------------------------------------------------------------------------------------------------


def test_a_refund_goes_back_through_the_gateway_that_took_it() -> None:
    with_card()
    live("2026-01-15")
    do("refund", "2026-01-16", account="ana", payment="1", amount="10.00", credit_note=True)
    assert bulk.fetch("SELECT status, channel FROM read_refund") == [("requested", "sandbox")]
    live("2026-01-16")
    assert bulk.fetch("SELECT status FROM read_refund") == [("settled",)]
    assert postings("refund.settled") == [("cash:sandbox", "-10.00"), ("refunds_payable", "10.00")]
    assert taken() == {"theirs": "14.14", "ours": "14.14"}


def test_a_refund_that_the_gateway_refuses_is_credit_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with_card()
    live("2026-01-15")
    do("refund", "2026-01-16", account="ana", payment="1", credit_note=True)
    bulk.fetch("UPDATE sandbox_operation SET amount = 1 RETURNING id")
    live("2026-01-16")
    assert bulk.fetch("SELECT status FROM read_refund") == [("failed",)]
    assert balance("credit") < 0


# --- methods ----------------------------------------------------------------------------------------------------------------------


def test_methods_are_added_made_default_and_removed() -> None:
    first = with_card()
    second = do("add_method", account="ana", gateway_token="sandbox:decline_hard", default=False).made["method"]
    shown = "SELECT method, brand, last4, expiry, status, is_default FROM read_payment_method ORDER BY sequence"
    assert bulk.fetch(shown) == [
        (first, "visa", "4242", "2099-12", "active", True),
        (second, "visa", "9979", "2099-12", "active", False),
    ]
    do("set_default_method", account="ana", method=second)
    assert [row[5] for row in bulk.fetch(shown)] == [False, True]
    do("remove_method", account="ana", method=second, reason="expired")
    assert [row[4:] for row in bulk.fetch(shown)] == [("active", False), ("removed", False)]
    refused("method_removed", "set_default_method", account="ana", method=second)
    refused("no_method", "collect", account="ana")


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("unknown_gateway", {"gateway": "paypall", "gateway_token": "x"}),
        ("unknown_choice", {"gateway_token": "sandbox:aprove"}),
        ("unknown_choice", {"gateway_token": "tok_visa"}),
        ("wrong_type", {"gateway": "manual", "gateway_token": "x", "last4": "42424"}),
        ("wrong_type", {"gateway": "manual", "gateway_token": "x", "expiry": "12/28"}),
    ],
)
def test_a_method_is_checked(code: str, given: dict[str, str]) -> None:
    refused(code, "add_method", account="ana", **given)


def test_one_method_is_kept_once() -> None:
    with_card()
    refused("method_known", "add_method", account="ana", gateway_token="sandbox:approve")


def test_the_sandbox_may_be_off(settings: pytest.FixtureRequest) -> None:
    settings.SANDBOX_GATEWAY = False
    refused("sandbox_off", "add_method", account="ana", gateway_token="sandbox:approve")
