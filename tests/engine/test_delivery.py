"""Delivery of effects: claimed with a lease and an attempt, called outside any transaction, settled once, retried with growing delays."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from billing import bulk, delivery
from billing.delivery import DELAYS, Answer, Done, Failed, Later, OwedEffect, claim, deliver, settle
from billing.events import EffectRetried
from billing.models import Run
from billing.tasks import deliver_effects
from plans.errors import Conflict, Refusal
from tests.books import do, moment, open_account, publish
from tests.drills.base import race

pytestmark = pytest.mark.django_db

T0 = moment("2026-01-01")
SEND = "ana/5/document.send"
told: list[OwedEffect] = []
answering: list[Callable[[OwedEffect], Answer]] = []


def handler(effect: OwedEffect) -> Answer:
    """Delivers `document.send` as the test says; remembers what it was given."""
    told.append(effect)
    return answering[0](effect)


@pytest.fixture(autouse=True)
def invoiced(db: None, settings: Any) -> None:
    settings.BILLING_EFFECT_HANDLERS = (("document.send", f"{__name__}.handler"),)
    told.clear()
    answering[:] = [lambda effect: Done()]
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")


def effect_row() -> tuple[Any, ...]:
    return bulk.fetch("SELECT id, state, attempt, failures, due_at, last_error FROM effect")[0]


def test_a_handler_is_given_what_is_owed_and_its_answer_is_kept() -> None:
    assert deliver(until=T0) == delivery.DeliveryReport(done=1)
    invoice = bulk.fetch("SELECT invoice FROM read_invoice")[0][0]
    assert told == [OwedEffect(SEND, "document.send", "ana", "ana", 5, {"document": "invoice", "id": invoice}, 1, T0)]
    assert effect_row() == (SEND, "done", 1, 0, T0, "")
    assert deliver(until=moment("2027-01-01")).attempts == 0


def test_nothing_is_delivered_before_it_is_due() -> None:
    assert deliver(until=T0 - timedelta(seconds=1)).attempts == 0
    assert told == []


def test_an_effect_that_nobody_delivers_stays_owed_and_is_listed(settings: Any) -> None:
    settings.BILLING_EFFECT_HANDLERS = ()
    assert deliver(until=T0).attempts == 0
    assert effect_row() == (SEND, "owed", 0, 0, T0, "")
    assert delivery.waiting(until=T0) == delivery.Waiting([], [("document.send", 1)])
    printed = io.StringIO()
    call_command("run", "effects", "--at", "2026-01-01", stdout=printed)
    assert printed.getvalue().splitlines() == [
        "nobody delivers document.send: 1 owed",
        f"effects to 2026-01-01 00:00Z: 0 delivered or to try again, 0 failed (run {Run.objects.get().pk})",
    ]


def test_failures_wait_longer_each_time_and_end_failed_and_a_person_has_it_tried_again() -> None:
    answering[:] = [lambda effect: Later("no answer")]
    now = T0
    for number, delay in enumerate(DELAYS, start=1):
        assert deliver(until=now) == delivery.DeliveryReport(later=1)
        now += delay
        assert effect_row() == (SEND, "owed", number, number, now, "no answer")
        assert deliver(until=now - timedelta(seconds=1)).attempts == 0
    assert all(earlier < later for earlier, later in pairwise(DELAYS))
    assert deliver(until=now) == delivery.DeliveryReport(failed=1)
    assert delivery.waiting(until=now) == delivery.Waiting([(SEND, "no answer")], [])
    assert deliver(until=now + timedelta(days=365)).attempts == 0

    answering[:] = [lambda effect: Done()]
    again = do("retry_effect", now, effect=SEND, reason="mail server mended")
    assert [recorded.event for recorded in again.events] == [
        EffectRetried(effect=SEND, effect_kind="document.send", reason="mail server mended")
    ]
    assert deliver(until=now) == delivery.DeliveryReport(done=1)
    assert effect_row()[:4] == (SEND, "done", len(DELAYS) + 2, 0)


@pytest.mark.parametrize(
    ("effect", "code"), [(SEND, "effect_not_failed"), ("ana/99/document.send", "unknown_effect"), ("nonsense", "wrong_type")]
)
def test_only_a_failed_effect_is_tried_again(effect: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        do("retry_effect", effect=effect)
    assert caught.value.code == code
    assert bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'effect.retried'") == [(0,)]


def test_an_error_of_the_handler_is_a_failure_with_its_reason() -> None:
    def broken(effect: OwedEffect) -> Answer:
        raise ConnectionError("refused by peer")

    answering[:] = [broken]
    assert deliver(until=T0) == delivery.DeliveryReport(later=1)
    assert effect_row() == (SEND, "owed", 1, 1, T0 + DELAYS[0], "ConnectionError: refused by peer")


def test_a_handler_may_say_when_and_that_it_never_will() -> None:
    answering[:] = [lambda effect: Later("the office is closed", moment("2026-01-05"))]
    assert deliver(until=T0) == delivery.DeliveryReport(later=1)
    assert effect_row() == (SEND, "owed", 1, 0, moment("2026-01-05"), "the office is closed")
    answering[:] = [lambda effect: Failed("no such address")]
    assert deliver(until=moment("2026-01-05")) == delivery.DeliveryReport(failed=1)
    assert effect_row() == (SEND, "failed", 2, 1, moment("2026-01-05"), "no such address")


def test_a_stale_attempt_is_refused() -> None:
    """A worker sleeps beyond its lease; another delivers; the first one's answer no longer counts."""
    (first,) = claim("document.send", until=T0)
    assert claim("document.send", until=T0) == []
    bulk.fetch("UPDATE effect SET leased_until = clock_timestamp() - interval '1 second' RETURNING id")
    (second,) = claim("document.send", until=T0)
    assert (first.attempt, second.attempt) == (1, 2)
    with pytest.raises(Conflict) as caught:
        settle(first, Failed("woke up late"))
    assert caught.value.code == "stale_attempt"
    assert settle(second, Done()) == "done"
    with pytest.raises(Conflict):
        settle(second, Later("twice"))
    assert effect_row()[1:3] == ("done", 2)


def test_what_lost_its_lease_in_a_slow_chunk_is_left_to_who_took_it() -> None:
    def slow(effect: OwedEffect) -> Answer:
        bulk.fetch("UPDATE effect SET attempt = attempt + 1 RETURNING id")  # another worker takes over meanwhile
        return Done()

    answering[:] = [slow]
    assert deliver(until=T0) == delivery.DeliveryReport(stale=1)
    assert effect_row()[1:3] == ("claimed", 2)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_handler_is_called() -> None:
    seen: list[bool] = []

    def look(effect: OwedEffect) -> Answer:
        seen.append(connection.in_atomic_block)
        assert do("pay", account="ana", amount="24.14", key=effect.id).made
        return Done()

    answering[:] = [look]
    assert deliver(until=T0) == delivery.DeliveryReport(done=1)
    assert seen == [False]


@pytest.mark.django_db(transaction=True)
def test_eight_workers_deliver_each_effect_once() -> None:
    for number in range(16):
        do("sell", account="ana", item="ticket", key=f"s{number}")
    reports = race(8, lambda _: deliver(until=T0, chunk=3))
    assert sum(report.done for report in reports) == 17
    assert sorted(effect.id for effect in told) == sorted({effect.id for effect in told})
    assert len(told) == 17


@pytest.mark.django_db(transaction=True)
def test_workers_that_look_before_they_claim_deliver_twice() -> None:
    """The wrong variant: read what is owed, call, then mark it."""

    def careless(_: int) -> None:
        for (effect,) in bulk.fetch("SELECT id FROM effect WHERE state = 'owed'"):
            told.append(effect)
            bulk.fetch("SELECT pg_sleep(0.1)")
            bulk.fetch("UPDATE effect SET state = 'done' WHERE id = %s RETURNING id", [effect])

    race(4, careless)
    assert len(told) == 4


def test_task_and_command_deliver_and_answer_json() -> None:
    answering[:] = [lambda effect: Failed("gone")]
    printed = io.StringIO()
    call_command("run", "effects", "--at", "2026-01-01", "--json", stdout=printed)
    assert json.loads(printed.getvalue()) == {
        "at": "2026-01-01T00:00:00.000000Z",
        "run": Run.objects.get().pk,
        "attempts": 1,
        "failed_now": 1,
        "failed": [{"effect": SEND, "reason": "gone"}],
        "unhandled": [],
    }
    do("retry_effect", effect=SEND)
    answering[:] = [lambda effect: Done()]
    assert deliver_effects() == {"done": 1, "later": 0, "failed": 0, "stale": 0}
