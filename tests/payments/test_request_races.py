"""Races for one request, and for one limit. Each proof has a wrong variant: who looks before he locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from billing import bulk
from billing.engine import Outcome
from plans.errors import Refusal
from tests.books import do, documents, owed
from tests.payments.test_money_races import careless, codes
from tests.payments.test_money_races import race as money_race
from tests.payments.test_requests import approve, ask
from tests.payments.test_requests import house as house
from tests.payments.test_requests import speakers as speakers


def race(*runs: Callable[[], Any]) -> list[str]:
    """All at once; for each: done, or the code of its refusal."""
    barrier = threading.Barrier(len(runs))
    answers = [""] * len(runs)

    def run(index: int, what: Callable[[], Any]) -> None:
        barrier.wait(timeout=30)
        try:
            what()
            answers[index] = "done"
        except Refusal as refusal:
            answers[index] = refusal.code
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, what)) for index, what in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(answers)


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_and_one_who_withdraws_one_wins(transactional_db: None, house: None) -> None:
    ask("credit_note", invoice="1", amount="15.00")
    answers = race(
        lambda: approve(by="sam"),
        lambda: approve(by="susi"),
        lambda: do("withdraw_request", "2026-01-11", account="ana", by="carla"),
    )
    assert answers == ["done", "request_closed", "request_closed"]
    assert documents()[1:] in ([], [("credit_note", "CN-000001", "18.15", "0.00")])


@pytest.mark.django_db(transaction=True)
def test_approvals_that_look_before_they_lock_are_stopped_by_the_database_alone(transactional_db: None, house: None) -> None:
    ask("write_off", invoice="1", reason="Gone", vat_relief=False)
    answers = money_race(*[lambda: careless(lambda: approve(by="sam", dry_run=True))] * 2)
    assert sorted(codes(answers)) == ["IntegrityError", "list"]  # both had seen a request that was open
    assert [str(one) for one in answers if "invoice_open_never_negative" in str(one)]
    assert owed() == 0


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_that_looks_before_it_locks_comes_after_the_approval(transactional_db: None, house: None) -> None:
    """The wrong variant, and what the lock prevents: a request that is done and withdrawn at once."""
    ask("credit_note", invoice="1", amount="15.00")

    def withdraw() -> Any:
        return do("withdraw_request", "2026-01-11", account="ana", by="carla", dry_run=True)

    def approve_meanwhile() -> Any:
        time.sleep(0.15)
        return approve(by="sam")

    assert codes(money_race(lambda: careless(withdraw), approve_meanwhile)) == ["list", "Outcome"]
    assert (bulk.fetch("SELECT status FROM read_request"), len(documents())) == ([("withdrawn",)], 2)


@pytest.mark.django_db(transaction=True)
def test_a_days_limit_holds_over_accounts_at_once(transactional_db: None, house: None) -> None:
    for name in ("bo", "cy", "di"):
        do("open_account", account=name, name=name, country="ES")
        do("subscribe", account=name, plan="basic")

    def note(account: str) -> Callable[[], Outcome]:
        given = {"account": account, "wanted": "credit_note", "arguments": {"invoice": "1", "total": "8.00"}, "code": "outage"}
        return lambda: do("request_correction", "2026-01-10", by="carla", role="clerk", **given)

    assert race(note("bo"), note("cy"), note("di")) == ["done", "done", "done"]
    rows = bulk.fetch("SELECT status, count(*) FROM read_request GROUP BY 1 ORDER BY 1")
    assert rows == [("executed", 1), ("pending", 2)]
