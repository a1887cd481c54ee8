"""Races for the same money, forced. Each proof has a wrong variant: who looks before he locks is stopped by the database alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection

from billing import bulk
from plans.errors import Refusal
from tests.books import START, balance, do, documents, open_account, publish
from tests.drills.races import careless, hundred, refund

pytestmark = pytest.mark.django_db(transaction=True)


def race(*actions: Callable[[], Any]) -> list[Any]:
    """Run the actions in a thread each, started at one barrier; answers what each returned, or the error that it raised."""
    barrier = threading.Barrier(len(actions))
    answers: list[Any] = [None] * len(actions)

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            answers[number] = actions[number]()
        except Exception as error:  # noqa: BLE001 - the error is the answer
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return answers


def codes(answers: list[Any]) -> list[str]:
    return [answer.code if isinstance(answer, Refusal) else type(answer).__name__ for answer in answers]


def test_refunds_that_look_before_they_lock_are_stopped_by_the_database_alone() -> None:
    hundred("ana")
    answers = race(*[lambda: careless(lambda: refund("ana", dry_run=True))] * 4)
    assert sorted(codes(answers)) == ["IntegrityError", "IntegrityError", "IntegrityError", "list"]
    errors = [str(answer) for answer in answers if isinstance(answer, IntegrityError)]
    assert all("payment_refunded_at_most_paid" in error for error in errors)  # every look had said that 60 of 100 may go back
    assert bulk.fetch("SELECT refunded FROM read_payment") == [(Decimal(60),)]


def test_payment_credit_note_and_void_happen_in_some_order() -> None:
    publish()
    seen = set()
    for number in range(10):
        name = f"a{number}"
        open_account(name)
        do("subscribe", START, account=name, plan="basic")
        invoice = documents(name)[0][1]
        answers = race(
            lambda name=name, invoice=invoice: do("pay", "2026-01-02", account=name, amount="24.14", invoices=[invoice]),
            lambda name=name, invoice=invoice: do("credit_note", "2026-01-02", account=name, invoice=invoice, reason="x"),
            lambda name=name, invoice=invoice: do("void", "2026-01-02", account=name, invoice=invoice, reason="x"),
        )
        outcome = tuple(codes(answers))
        assert outcome in {
            ("Outcome", "Outcome", "invoice_moved"),  # paid, then credited
            ("invoice_paid", "Outcome", "invoice_moved"),  # credited: nothing is left to pay
            ("invoice_paid", "invoice_void", "Outcome"),  # void
        }
        seen.add(outcome)
        paid = Decimal("24.14") if outcome[0] == "Outcome" else Decimal(0)
        assert balance("credit", name) == -paid
    assert seen


def test_a_void_that_looks_before_it_locks_is_stopped_by_the_database_alone() -> None:
    publish()
    open_account()
    do("subscribe", START, account="ana", plan="basic")

    def look() -> Any:
        return do("void", "2026-01-02", account="ana", invoice="1", reason="x", forgive=True, dry_run=True)

    def pay() -> Any:
        time.sleep(0.15)
        return do("pay", "2026-01-02", account="ana", amount="24.14")

    answers = race(lambda: careless(look), pay)
    assert codes(answers) == ["IntegrityError", "Outcome"]
    assert "invoice_open_never_negative" in str(answers[0])


def test_of_a_refund_and_a_dispute_exactly_one_wins() -> None:
    for number in range(6):
        name = f"a{number}"
        open_account(name)
        do("pay", "2026-01-02", account=name, amount="100.00")
        answers = race(
            lambda name=name: do("refund", "2026-01-03", account=name, payment="1"),
            lambda name=name: do("open_dispute", "2026-01-03", account=name, payment="1"),
        )
        assert tuple(codes(answers)) in {("Outcome", "more_than_paid"), ("payment_disputed", "Outcome")}


def test_a_receipt_is_identified_once_however_many_claim_it() -> None:
    do("receive", "2026-01-02", amount="100.00")
    for number in range(8):
        open_account(f"a{number}")
    answers = race(
        *[lambda number=number: do("identify", "2026-01-03", account=f"a{number}", receipt="1", amount="60.00") for number in range(8)]
    )
    assert sorted(codes(answers)) == ["Outcome", *["more_than_left"] * 7]


def test_a_deposit_goes_back_once() -> None:
    open_account()
    do("take_deposit", "2026-01-02", account="ana", amount="100.00")
    answers = race(
        *[lambda: do("release_deposit", "2026-01-03", account="ana", amount="60.00")] * 4,
        *[lambda: do("forfeit_deposit", "2026-01-03", account="ana", amount="60.00", reason="x")] * 4,
    )
    assert sorted(codes(answers)) == ["Outcome", *["more_than_left"] * 7]
