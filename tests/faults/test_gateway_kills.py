"""A process killed between any two steps of a gateway charge: never charged twice, never a paid amount lost (real SIGKILL of a process).

The steps of one charge: the request is recorded · the effect is claimed · the gateway has charged · its answer is here · the answer is
recorded · the effect is settled. A process is killed right after each; then another goes on. The wrong variants do the same without the
idempotency key, or record the money before they call; the same assertions catch them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from billing import bulk, delivery
from billing.delivery import Done
from billing.engine import Request
from payments import calling
from payments.gateways.base import Answer
from payments.gateways.sandbox import SandboxGateway
from tests.books import assert_books_hold, do, moment
from tests.payments.gateways import charges, collections, kinds, live, subscribed, taken, with_card

pytestmark = pytest.mark.django_db(transaction=True)

AT = "2026-01-02"
STEPS = ("claimed", "charged", "answered", "recorded", "settled")


def die(*given: Any, **named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        answer = function(*given, **named)
        die()
        return answer

    return call


def doomed(step: str) -> None:
    """Only in the process that is to die: death right after the step, or a wrong variant."""
    if step == "claimed":
        delivery._attempt = die
    elif step == "asked":
        calling.execute = then_die(calling.execute)
    elif step == "charged":
        SandboxGateway._did = then_die(SandboxGateway._did)
    elif step == "answered":
        calling.ask = then_die(calling.ask)
    elif step == "recorded":
        calling.run = then_die(calling.run)
    elif step == "settled":
        delivery.settle = then_die(delivery.settle)
    elif step == "wrong: settled, not yet charged":
        SandboxGateway.charge = lambda self, asked: Answer("succeeded", "early", asked.amount, asked.currency)
        calling.run = then_die(calling.run)


def asked_anew(effect: Any) -> Any:
    """The wrong variant: the effect's id is no key, and nobody looks what is under way."""
    calling.execute(Request("collect_top_up", {"account": effect.account, "amount": effect.payload["amount"]}, effect.at, "gateway"))
    return Done()


def killed_after(step: str) -> None:
    """Deliver in a process of its own that dies after the step; then its lease runs out."""
    connections.close_all()
    child = os.fork()
    if not child:
        try:
            doomed(step)
            delivery.deliver(until=moment(AT), known_at=moment(AT))
        finally:
            os._exit(1)  # it should have died before
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    bulk.fetch("UPDATE effect SET leased_until = clock_timestamp() - interval '1 second' WHERE state = 'claimed' RETURNING id")


def requested(words: str = "approve") -> None:
    subscribed()
    with_card(words, mode="manual")
    do("collect", AT, account="ana")


def outcome() -> dict[str, Any]:
    return {
        "charged": charges(),
        "payments": kinds(("payment",)),
        "collections": [row[1] for row in collections()],
        "money": taken(),
        "unfinished": bulk.fetch("SELECT id FROM effect WHERE kind LIKE 'gateway%%' AND state <> 'done'"),
    }


ONCE = {
    "charged": 1,
    "payments": ["payment.collected"],
    "collections": ["settled"],
    "money": {"theirs": "24.14", "ours": "24.14"},
    "unfinished": [],
}


@pytest.mark.parametrize("step", STEPS)
def test_a_charge_survives_a_kill_after_each_of_its_steps(step: str) -> None:
    requested()
    killed_after(step)
    live("2026-01-03")
    assert outcome() == ONCE
    assert_books_hold()


def test_a_charge_survives_a_kill_at_every_attempt() -> None:
    """The next process dies too, and the one after it, each somewhere else."""
    requested()
    for step in ("claimed", "charged", "recorded"):
        killed_after(step)
    live("2026-01-03")
    assert outcome() == ONCE
    assert_books_hold()


def test_a_refund_survives_a_kill_after_the_gateway_gave_it_back() -> None:
    requested()
    live(AT)
    do("refund", AT, account="ana", payment="1", credit_note=True)
    killed_after("charged")
    live("2026-01-03")
    assert bulk.fetch("SELECT status FROM read_refund") == [("settled",)]
    assert bulk.fetch("SELECT count(*) FROM sandbox_operation WHERE kind = 'refund'") == [(1,)]
    assert taken() == {"theirs": "0.00", "ours": "0.00"}
    assert_books_hold()


def test_without_the_key_and_the_question_a_customer_is_charged_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong variant: a new key for each attempt, and nobody asks what happened to the last one."""
    requested()
    killed_after("charged")

    def careless(gateway: Any, sort: str, call: Any, asked: Any, effect: delivery.OwedEffect) -> Any:
        return call(replace(asked, key=f"{asked.key}/{effect.attempt}"))

    monkeypatch.setattr("payments.calling.ask", careless)
    live("2026-01-03")
    assert outcome() != ONCE
    assert charges() == 2
    assert taken() == {"theirs": "48.28", "ours": "24.14"}


def test_money_recorded_before_the_call_may_never_have_come() -> None:
    """The wrong variant: settle, then call. The process dies between, and the books hold money that nobody has."""
    requested()
    killed_after("wrong: settled, not yet charged")
    live("2026-01-03")
    assert outcome() != ONCE
    assert taken() == {"theirs": "0.00", "ours": "24.14"}
