"""A payment against the clock on one account, forced: some serial order, and nobody stays suspended who paid in time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import transaction

from billing import bulk, journal
from billing.engine import Stamp, record
from billing.loading import load, policy
from billing.queries.credit import credit_status
from payments.dunning.work import dunning
from tests.books import advance, assert_books_hold, do, moment, open_account, owed, publish
from tests.payments.debts import DUNNED, steps
from tests.payments.test_money_races import race

pytestmark = pytest.mark.django_db(transaction=True)


def pay() -> Any:
    return do("pay", "2026-02-03T23:59", account="ana", amount="30.19")  # the invoice and the fee, a minute before the suspension


def late() -> None:
    publish(DUNNED)
    open_account()
    do("subscribe", account="ana", plan="basic", until="2026-02-01")
    advance("2026-02-03")


def taken_after_payment() -> bool:
    """Whether a suspension was recorded although the payment stood already."""
    statement = """
        SELECT EXISTS (SELECT 1 FROM journal paid JOIN journal step ON step.stream = paid.stream AND step.sequence > paid.sequence
            WHERE paid.kind = 'payment.received' AND step.kind = 'dunning.step_taken' AND step.data->>'step' = 'day-20')"""
    return bool(bulk.fetch(statement)[0][0])


def test_a_payment_in_time_wins_or_undoes_the_suspension() -> None:
    late()
    answers = race(pay, lambda: advance("2026-02-04T00:01"))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert not taken_after_payment()
    advance("2026-02-04T00:02")  # the payment is dated before the step: where the step won, the next tick undoes it
    assert (owed(), credit_status("ana").status, credit_status("ana").suspended) == (0, "good", {})
    assert steps()[-1][2] == "eased"
    assert_books_hold()


def careless() -> None:
    """The wrong variant: the step is decided before the lock."""
    states = load(["ana"])
    dunning.load(states)
    due = dunning.next_moment(states["ana"], policy())
    assert due == moment("2026-02-04")
    time.sleep(0.5)
    with transaction.atomic():
        heads = journal.lock(["ana"])
        drafts = dunning.perform({"ana": due}, states, policy(), heads)["ana"]
        record(drafts, heads=heads, stamp=Stamp("careless", "advance", due))


def test_who_decides_before_the_lock_suspends_somebody_who_paid() -> None:
    late()
    race(pay, careless)
    assert taken_after_payment()
    assert (owed(), credit_status("ana").status) == (0, "suspended")
