"""A worker that is alone has two lanes: the same work in two threads, each on a connection of its own, until both have nothing left."""

from __future__ import annotations

import gc
from collections.abc import Callable
from threading import Barrier, get_ident

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from billing import bulk
from billing.memory import no_collection
from billing.processes import side_by_side
from billing.verification import verify
from tests.faults.test_races import assert_billed_once, subscribers

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_by_one_worker_bills_every_account_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Both lanes have claimed a chunk before either goes on."""
    from billing import clockwork  # noqa: PLC0415

    subscribers(24)
    met, lanes, claim = Barrier(2, timeout=20), set(), clockwork._claim

    def together(*given: object) -> object:
        found = claim(*given)  # type: ignore[arg-type]
        if get_ident() not in lanes:
            lanes.add(get_ident())
            met.wait()
        return found

    monkeypatch.setattr(clockwork, "_claim", together)
    call_command("run", "advance", "--at", "2026-02-15", "--chunk", "5", "--far-ahead")
    assert "advanced 24 accounts" in capsys.readouterr().out
    assert len(lanes) == 2
    assert_billed_once(24)
    assert verify().faults == []
    assert bulk.fetch("SELECT status, done FROM run") == [("done", 24)]


def test_what_one_lane_raises_is_raised_when_both_have_ended() -> None:
    both, ended = Barrier(2, timeout=20), []
    connection.ensure_connection()
    mine = connection.connection

    def work(interrupted: Callable[[], bool]) -> None:
        assert bulk.fetch("SELECT 1") == [(1,)]
        if both.wait() == 0:
            raise ValueError("it went wrong")
        ended.append(interrupted())

    with pytest.raises(ValueError, match="it went wrong"):
        side_by_side(work, lanes=2)
    assert ended == [False]
    assert connection.connection is mine, "lanes close their own"
    assert not mine.closed


def test_who_interrupts_waits_for_the_chunk_that_each_lane_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    def work(interrupted: Callable[[], bool]) -> None:
        while not interrupted():
            pass
        ended.append(True)

    monkeypatch.setattr("billing.processes.wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, lanes=2)
    assert ended == [True, True]


def test_inside_a_transaction_there_is_one_lane() -> None:
    lanes = []
    with transaction.atomic():
        side_by_side(lambda _: lanes.append(get_ident()), lanes=2)
    assert lanes == [get_ident()]


def test_the_collector_rests_until_the_last_chunk_is_done() -> None:
    assert gc.isenabled()
    with no_collection():
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled(), "the other chunk is still worked on"
    assert gc.isenabled()
