"""Statements that are gathered do what they would have done one by one. Each guard is seen to fire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from billing import bulk, journal, together
from billing.engine import Stamp, record
from billing.events import WalletReserved
from billing.journal import Draft
from billing.together import Line, gathering
from tests.books import do, open_account

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PUT = "INSERT INTO jotted (id) VALUES (%s)"
COUNT = "SELECT count(*) FROM jotted"


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many statements each trip took, once those of the tests are prepared."""
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", 0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE jotted (id int PRIMARY KEY)")
    put(0)
    count()
    seen: list[int] = []
    exchange = together.exchange

    def counted(held: Any, calls: Any) -> Any:
        seen.append(len(calls))
        return exchange(held, calls)

    monkeypatch.setattr(together, "exchange", counted)
    yield seen
    if not connection.in_atomic_block:
        connection.close()


def put(number: int) -> None:
    bulk.write(PUT, [number])


def count() -> int:
    return int(bulk.fetch(COUNT)[0][0])


def _all(*acts: Callable[[], Any]) -> None:
    for act in acts:
        act()


def _fail() -> None:
    raise ZeroDivisionError


def line() -> Line:
    here = together.line_here()
    assert here is not None
    return here


def test_what_is_written_goes_with_the_next_question_and_is_seen_by_it(trips: list[int]) -> None:
    with gathering():
        put(1)
        put(2)
        assert trips == []
        assert count() == 3
        assert trips == [3]
        put(3)
    assert trips == [3, 1]
    assert count() == 4


def test_a_question_for_later_answers_what_stood_before_what_was_written_after_it(trips: list[int]) -> None:
    with gathering():
        answer = bulk.ask(COUNT)
        put(1)
        assert answer() == [(1,)]
        assert answer() == [(1,)], "it is asked once"
        assert trips == [2]
        bulk.foresee(COUNT)
        put(2)
        assert bulk.is_foreseen(COUNT)
        assert bulk.foreseen(COUNT) == [(2,)]
        assert not bulk.is_foreseen(COUNT)
        assert bulk.foreseen(COUNT) == [(3,)], "it is taken once, and asked anew then"
        bulk.foresee(COUNT)
    with gathering():
        assert not bulk.is_foreseen(COUNT), "another transaction foresees for itself"


def test_what_was_foreseen_of_rows_is_forgotten_when_something_is_recorded(trips: list[int]) -> None:
    open_account("ana")
    event = WalletReserved(account="ana", reservation="ana/2", unit="EUR", amount=Decimal(1), item="", expires=None, reference="")
    other = "SELECT max(id) FROM jotted"
    bulk.fetch(other)
    with gathering():
        heads = journal.lock(["ana"])
        bulk.foresee(COUNT)
        bulk.foresee(other, lasting=True)
        assert bulk.is_foreseen(COUNT)
        record([Draft("ana", event, NOON)], heads=heads, stamp=Stamp("test", "reserve", NOON))
        assert not bulk.is_foreseen(COUNT)
        assert bulk.is_foreseen(other), "who takes it looks at what was recorded"


def test_what_fails_is_said_by_what_it_went_with_and_nothing_after_it_is_done(trips: list[int]) -> None:
    with pytest.raises(IntegrityError, match="jotted_pkey"), transaction.atomic(), gathering():
        _all(lambda: put(1), lambda: put(1), lambda: put(2), count)
    assert count() == 1
    with pytest.raises(IntegrityError, match="jotted_pkey"), transaction.atomic(), gathering():
        put(0)
    assert count() == 1


def test_what_waits_when_something_is_raised_is_never_sent(trips: list[int]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), gathering():
        _all(lambda: put(1), _fail)
    assert trips == []
    assert count() == 1


def test_whatever_else_goes_over_the_connection_goes_after_it(trips: list[int]) -> None:
    with gathering():
        put(1)
        with connection.cursor() as cursor:
            cursor.execute(COUNT)
            assert cursor.fetchone() == (2,)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            _all(lambda: put(2), count, _fail)
        put(3)
        bulk.copy("jotted", ["id"], [(number,) for number in range(10, 11 + bulk.FEW)])
        assert count() == 4 + bulk.FEW
    assert count() == 4 + bulk.FEW, "the savepoint took back what was written after it, and no more"


def test_without_that_order_a_cursor_would_not_see_what_was_written(trips: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong variant."""
    monkeypatch.setattr(Line, "send", lambda *_, **__: None)
    with gathering():
        put(1)
        with connection.cursor() as cursor:
            cursor.execute(COUNT)
            assert cursor.fetchone() == (1,)
        line().waiting.clear()


def test_a_statement_that_is_not_prepared_goes_alone_after_what_waits(trips: list[int]) -> None:
    connection.connection.prepare_threshold = 5
    with gathering():
        put(1)
        assert bulk.fetch("SELECT min(id) FROM jotted") == [(0,)]
        assert trips == [1]


def test_what_is_prepared_outlives_a_rollback_and_reads_what_was_made_again(trips: list[int]) -> None:
    def read() -> list[tuple[int]]:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE fleeting (id int)")
        bulk.write("INSERT INTO fleeting (id) VALUES (%s)", [7])
        return bulk.fetch("SELECT id FROM fleeting")

    for _ in range(3):
        seen: list[Any] = []
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            _all(lambda: seen.extend(read()), _fail)  # noqa: B023
        assert seen == [(7,)]
    with gathering():
        put(1)
        assert count() == 2
    assert trips == [2]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE jotted")
    assert not connection.connection._prepared._names, "what was dropped may be made again as something else"


@commits
@pytest.mark.parametrize("through", [gathering, nullcontext])
@pytest.mark.parametrize("whole", [True, False])
def test_what_the_server_refuses_as_it_was_prepared_is_refused_once(
    trips: list[int], owner: psycopg.Connection[Any], through: Callable[[], AbstractContextManager[None]], *, whole: bool
) -> None:
    """By a worker that goes on beside a migration, or behind a pooler that took them away; `whole`: with the whole transaction."""
    owner.execute("CREATE TABLE widened (id int); GRANT SELECT ON widened TO PUBLIC")
    asked = "SELECT id FROM widened"

    def ask_again() -> list[bool]:
        return [answered() for _ in range(3)]

    def answered() -> bool:
        with suppress(DatabaseError), transaction.atomic(), through():
            return bulk.fetch(asked) == []
        return False

    try:
        for outdate in (lambda: owner.execute("ALTER TABLE widened ALTER id TYPE bigint"), _take_away):
            bulk.fetch(asked)
            outdate()
            connection.connection.prepare_threshold = 1
            if whole:
                assert ask_again() == [False, True, True]
            else:
                with transaction.atomic():
                    assert ask_again() == [False, True, True]
    finally:
        owner.execute("DROP TABLE widened")


def _take_away() -> None:
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")


def test_what_waits_when_a_savepoint_is_undone_is_never_sent_and_what_was_foreseen_there_is_forgotten(trips: list[int]) -> None:
    with transaction.atomic(), gathering():
        put(1)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            _all(count, lambda: bulk.foresee(COUNT), lambda: put(2), lambda: put(1), _fail)
        assert not connection.needs_rollback, "the row that stands already was never added again"
        put(2)
        assert bulk.foreseen(COUNT) == [(3,)]


@commits
def test_the_commit_goes_along_with_the_outermost_alone(trips: list[int]) -> None:
    done: list[str] = []
    with transaction.atomic(), gathering(ends=lambda: True):
        transaction.on_commit(lambda: done.append("committed"))
        put(1)
        with transaction.atomic(), gathering(ends=lambda: True):
            put(2)
        with pytest.raises(ZeroDivisionError), transaction.atomic(), gathering():
            _all(lambda: put(3), _fail)
        assert status() == psycopg.pq.TransactionStatus.INTRANS
        put(4)
        assert done == []
    assert trips[-1] == 2, "the row that was last, and COMMIT"
    assert done == ["committed"]
    assert count() == 4
    with transaction.atomic(), gathering(ends=lambda: True):
        put(5)
    assert trips[-1] == 3, "BEGIN, the row, COMMIT"
    with pytest.raises(DatabaseError, match="was undone"), transaction.atomic(), gathering(ends=lambda: True):
        _all(lambda: put(6), _fail_unseen)
    assert count() == 5


def _fail_unseen() -> None:
    """To a COMMIT after that the server answers that it rolled back, and calls it no error."""
    with suppress(IntegrityError):
        bulk.fetch(PUT, [1])


def status() -> int:
    return int(connection.connection.info.transaction_status)


@commits
def test_a_command_that_is_undone_or_stands_inside_another_transaction_commits_nothing() -> None:
    open_account("ana")
    asked = "SELECT last_sequence FROM stream WHERE id = 'ana'"
    before = bulk.fetch(asked)
    do("grant", "2026-01-02", account="ana", amount="1.00", dry_run=True)
    assert bulk.fetch(asked) == before
    seen = []
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _all(lambda: do("grant", "2026-01-02", account="ana", amount="1.00"), lambda: seen.extend(bulk.fetch(asked)), _fail)
    assert seen > before
    assert bulk.fetch(asked) == before


@commits
def test_a_server_that_ends_the_connection_is_said_and_the_next_begins_anew(trips: list[int], owner: psycopg.Connection[Any]) -> None:
    def ended_by_the_server() -> None:
        owner.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    for end in (ended_by_the_server, lambda: connection.connection.pgconn.finish()):
        with pytest.raises(OperationalError), transaction.atomic(), gathering():
            _all(lambda: put(1), end, count)
        assert together.line_here() is None
        assert bulk.fetch("SELECT 1") == [(1,)]
        connection.connection.prepare_threshold = 0
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS jotted (id int PRIMARY KEY)")
        put(0)
        count()
