"""Runs: visible, shared, stopped, resumed, rehearsed; what is due is done once, however a run ends."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from billing import bulk, clockwork, engine, journal, runs, upkeep
from billing.models import Invoice, JournalEvent, Run
from billing.models.runs import DONE, FAILED, RUNNING, STOPPED
from billing.rebuilding import rebuild
from billing.tasks import advance_due, check_nightly, share
from config.celery import app
from plans.errors import Conflict, NotFound
from tests.books import do, moment, open_account, publish

pytestmark = pytest.mark.django_db
UNTIL = moment("2026-02-15")
ACCOUNTS = tuple(f"a{i}" for i in range(5))


@pytest.fixture(autouse=True)
def accounts() -> None:
    publish()
    for account in ACCOUNTS:
        open_account(account)
        do("subscribe", account=account, plan="basic")


def begin(**more: Any) -> Run:
    return runs.start("advance", until=UNTIL, by="tester", at=UNTIL, **more)


def work(run: Run, chunk: int = 2) -> Run:
    return runs.work(run, actor="tester", chunk=chunk, clock=lambda: UNTIL, known_at=UNTIL)


def issued() -> int:
    return Invoice.objects.filter(issued="2026-02-01").count()


def test_a_run_tells_what_it_did() -> None:
    run = work(begin())
    assert (run.status, run.expected, run.done, run.parked, run.failed) == (DONE, 5, 5, 0, 0)
    assert run.events == JournalEvent.objects.filter(command="advance", recorded_at=UNTIL).count()
    assert issued() == 5


def test_a_run_stops_after_its_chunk_and_goes_on_where_it_stopped() -> None:
    run = begin()
    do("stop_run", UNTIL, run=run.pk)
    assert (work(run).status, issued()) == (STOPPED, 2)
    resumed = runs.resume(run.pk, at=UNTIL)
    assert (work(resumed).status, resumed.done, issued()) == (DONE, 5, 5)


def test_a_share_leaves_the_rest_to_the_next() -> None:
    run = begin()
    assert runs.work_for(run, actor="tester", chunk=2, clock=lambda: UNTIL, known_at=UNTIL, enough=lambda: True) is False
    assert (run.status, issued()) == (RUNNING, 2)


def test_a_chunk_is_as_long_as_its_accounts_allow() -> None:
    """A quarter of a second; so heavy accounts come in small chunks."""
    assert runs.sized(10, Fraction(1, 1000), most=200) == 40
    assert runs.sized(100, Fraction(1, 10), most=200) == 200
    assert runs.sized(100, Fraction(1), most=200) == 25
    assert runs.sized(1, Fraction(60), most=200) == 1
    assert runs.sized(40, Fraction(0), most=200) == 160


def test_a_run_whose_workers_died_is_found_and_resumed() -> None:
    run = begin()
    assert runs.silent(at=UNTIL + timedelta(seconds=119)) == []
    later = UNTIL + timedelta(seconds=121)
    assert runs.silent(at=later) == [run]
    assert work(runs.resume(run.pk, at=later)).status == DONE


def test_what_is_over_is_neither_stopped_nor_resumed() -> None:
    run = work(begin())
    for again in (lambda: do("stop_run", UNTIL, run=run.pk), lambda: runs.resume(run.pk, at=UNTIL)):
        with pytest.raises(Conflict) as refused:
            again()
        assert refused.value.code == "run_over"
    with pytest.raises(NotFound):
        do("stop_run", UNTIL, run=10**9)
    working = begin()
    with pytest.raises(Conflict):
        runs.resume(working.pk, at=UNTIL)


def test_a_rehearsal_counts_everything_and_leaves_nothing() -> None:
    before = JournalEvent.objects.count()
    rehearsed = work(begin(dry_run=True))
    assert (rehearsed.status, rehearsed.done, JournalEvent.objects.count()) == (DONE, 5, before)
    run = work(begin())
    assert run.events == rehearsed.events


def test_a_run_that_breaks_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**given: Any) -> int:
        raise OSError("the disk is full")

    monkeypatch.setattr(clockwork, "run_chunk", broken)
    run = begin()
    with pytest.raises(OSError, match="the disk is full"):
        work(run)
    assert (run.status, run.note) == (FAILED, "OSError: the disk is full")


class Deadlock(Exception):
    sqlstate = "40P01"


def test_a_deadlock_parks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that the database refuses only now is left to the next run; a fault of its own would park it."""
    advance = clockwork.advance

    def unlucky(accounts: Any, **given: Any) -> Any:
        if "a3" in accounts:
            raise OperationalError("deadlock detected") from Deadlock()
        return advance(accounts, **given)

    with monkeypatch.context() as patch:
        patch.setattr(clockwork, "advance", unlucky)
        run = work(begin(), chunk=5)
    assert (run.status, run.done, run.parked, issued()) == (DONE, 4, 0, 4)
    assert (work(begin()).done, issued()) == (1, 5)
    assert engine.passes(ValueError("no")) is False


def test_the_beat_starts_one_run_and_shares_it(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(share, "delay", rung.append)
    monkeypatch.setattr(clockwork, "CHUNK", 2)
    monkeypatch.setattr(timezone, "now", lambda: UNTIL)
    settings.RUN_SHARES = 2
    assert advance_due() == {"due": 5, "shares": 2}
    assert advance_due() == {"due": 5, "shares": 0}
    for number in rung:
        share(number)
    assert (Run.objects.get().status, issued(), len(rung)) == (DONE, 5, 2)
    assert advance_due() == {"due": 0, "shares": 0}


def test_a_message_comes_to_its_own_queue_alone() -> None:
    """Queues that share exchange and key would each get every message, and runs would stand in the way of payments."""
    addresses = {name: (queue.exchange.name, queue.routing_key) for name, queue in app.amqp.queues.items()}
    assert len(set(addresses.values())) == len(addresses) == 2
    wanted = {"advance_due": "urgent", "deliver_effects": "urgent", "keep_usage_months": "urgent", "share": "bulk", "check_nightly": "bulk"}
    for task, queue in wanted.items():
        route = app.amqp.router.route({}, f"billing.tasks.{task}")
        assert route.get("queue", app.amqp.queues[app.conf.task_default_queue]).name == queue, task


def test_a_worker_takes_no_message_that_it_can_not_begin() -> None:
    """One that serves both queues would keep payments waiting behind shares of a run while other workers have nothing to do."""
    assert (app.conf.worker_prefetch_multiplier, app.conf.task_acks_late) == (1, True)


def test_a_share_that_had_its_time_rings_for_the_next(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(share, "delay", rung.append)
    monkeypatch.setattr(clockwork, "CHUNK", 2)
    settings.RUN_SHARE_SECONDS = -1
    run = begin()
    for _ in range(4):
        share(run.pk)
    run.refresh_from_db()
    assert (rung, run.status, issued()) == ([run.pk] * 3, DONE, 5)


def test_the_command_runs_rehearses_lists_and_resumes() -> None:
    def said(*words: str) -> str:
        printed = io.StringIO()
        call_command("run", *words, stdout=printed)
        return printed.getvalue()

    assert "would advance 5 accounts to 2026-02-15 00:00Z" in said("ticks", "--at", "2026-02-15", "--dry-run")
    assert "advanced 5 accounts to 2026-02-15 00:00Z" in said("invoices", "--at", "2026-02-15")
    listed = json.loads(said("list", "--json"))
    assert [(row["kind"], row["status"], row["done"]) for row in listed] == [("advance", "done", 5), ("advance", "done", 5)]
    assert "advance (dry run) to 2026-02-15 00:00Z by command line: done, 5 of 5" in said("list")


def test_every_stream_has_its_night_and_a_tampered_row_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    work(begin())
    nights = [set(upkeep.tonight(ACCOUNTS, UNTIL + timedelta(days=day))) for day in range(upkeep.NIGHTS)]
    assert set.union(*nights) == set(ACCOUNTS)
    assert sum(map(len, nights)) == len(ACCOUNTS)
    assert upkeep.check(at=UNTIL, by="tester", streams=ACCOUNTS).faults == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE read_balance SET amount = amount + 1 WHERE account = 'a2' AND ledger = 'receivable'")
    found = upkeep.check(at=UNTIL, by="tester", streams=ACCOUNTS)
    assert found.faults > 0
    assert "a2" in Run.objects.get(pk=found.run).note
    rebuild(["a2"])
    assert upkeep.check(at=UNTIL, by="tester", streams=ACCOUNTS).faults == 0
    monkeypatch.setattr(timezone, "now", lambda: UNTIL)
    assert check_nightly()["faults"] == 0


def test_who_was_claimed_but_has_nothing_due_any_more_is_left_as_it_is() -> None:
    """Another run may have done it after this one looked and before it locked."""
    work(begin())
    before = bulk.fetch("SELECT account, at FROM due ORDER BY account")
    with transaction.atomic():
        heads = journal.lock(ACCOUNTS)
        stamp = engine.Stamp("tester", "advance", UNTIL)
        assert clockwork.advance(list(heads), until=UNTIL, heads=heads, stamp=stamp, claimed=True) == []
    assert bulk.fetch("SELECT account, at FROM due ORDER BY account") == before
