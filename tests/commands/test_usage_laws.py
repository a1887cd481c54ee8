"""Laws of the usage annex: taken once beside other writers, never changed by anybody, billed the same in any order."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import bulk
from billing.usage import Report, intake
from billing.usage.aside import lines_of
from tests.books import advance, assert_books_hold, do, open_account, publish, sums, undone
from tests.commands.test_usage_ingest import marks, record, stored, take


@pytest.fixture
def ana(db: None) -> None:
    open_account("ana")


# --- beside others, and for ever --------------------------------------------------------------------------------------------------


@pytest.fixture
def committed_ana(transactional_db: None) -> None:
    open_account("ana")


@pytest.mark.usefixtures("committed_ana")
@pytest.mark.django_db(transaction=True)
def test_writers_of_the_same_records_at_once_take_each_once() -> None:
    rows = [record(str(i)) for i in range(3000)]
    reports: list[Report] = []
    barrier = threading.Barrier(4)

    def write(order: int) -> None:
        try:
            barrier.wait()
            reports.append(take(*rows[:: order or 1]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(order,)) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.accepted for report in reports) == 3000
    assert sum(report.duplicates for report in reports) == 9000
    assert sum(report.rejected_count for report in reports) == 0
    assert bulk.fetch("SELECT count(*), count(DISTINCT record) FROM usage_record") == [(3000, 3000)]
    assert bulk.fetch("SELECT count(*) FROM usage_key") == [(3000,)]


NOW = datetime.now(UTC)
APPEND_ONLY = ("journal", "usage_key", "usage_key_3", "usage_record", f"usage_record_{NOW:%Y_%m}", "usage_record_other")


def changes(table: str) -> Iterator[str]:
    column = "kind" if table == "journal" else "source"
    yield f"UPDATE {table} SET {column} = 'x'"
    yield f"DELETE FROM {table}"
    yield f"TRUNCATE {table}"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_application_may_not_change_what_was_recorded(ana: None, table: str) -> None:
    take(*[record(str(i)) for i in range(50)], record("old", at="1999-01-01"), record("now", at=NOW.isoformat()))
    before = bulk.fetch(f"SELECT count(*) FROM {table}")
    assert before[0][0] > 0
    for statement in changes(table):
        with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert refused.value.__cause__.sqlstate == "42501"  # type: ignore[union-attr]
    assert bulk.fetch(f"SELECT count(*) FROM {table}") == before


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.usefixtures("committed_ana")
def test_the_owner_may_not_either(owner: psycopg.Connection[Any], table: str) -> None:
    take(*[record(str(i)) for i in range(50)], record("old", at="1999-01-01"), record("now", at=NOW.isoformat()))
    for statement in changes(table):
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(statement)
        owner.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(statement)
        owner.execute("RESET session_replication_role")
    counted = owner.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert counted
    assert counted[0] > 0


def test_a_batch_that_fails_in_its_middle_leaves_nothing(ana: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.usage.intake.COLUMNS", ["account"] * len(intake.COLUMNS))
    with pytest.raises(DatabaseError, match="more than once"), transaction.atomic():
        take(record())
    monkeypatch.undo()
    assert (stored(), marks(), bulk.fetch("SELECT * FROM usage_key")) == ([], [], [])
    assert take(record()).accepted == 1


@pytest.mark.usefixtures("committed_ana")
@pytest.mark.django_db(transaction=True)
def test_a_batch_that_met_a_deadlock_is_tried_again_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_marks, calls = intake._leave_marks, []

    def fail_once(*arguments: Any) -> None:
        leave_marks(*arguments)
        calls.append(1)
        if len(calls) == 1:
            raise psycopg.errors.DeadlockDetected

    monkeypatch.setattr(intake, "_leave_marks", fail_once)
    report = take(record(), record("bad", value="x"))
    assert (len(calls), report.accepted, report.duplicates, report.rejected_count) == (2, 1, 0, 1)
    assert (stored(), len(marks()), len(lines_of(report.batch))) == ([("r1",)], 1, 1)


# --- what is billed ---------------------------------------------------------------------------------------------------------------

ROWS = [
    *[record(f"r{i}", value=f"{i}.5", at=f"2026-0{1 + i % 3}-1{i % 10}T10:00Z") for i in range(12)],
    {"id": "v", "account": "ana", "meter": "calls", "voids": "r3"},
    record("a", amends="r4", value="40", at="2026-01-20T10:00Z"),
    record("undone", amends="r5", value="500", at="2026-02-20T10:00Z"),
    {"id": "redone", "account": "ana", "meter": "calls", "voids": "undone"},
]


def billed(batches: list[list[dict[str, Any]]]) -> dict[Any, Decimal]:
    """What is accrued when the batches arrive on one day after the other, from January to April, and all of them once more at the end."""
    with undone():
        publish()
        open_account("ana")
        do("subscribe", "2026-01-01", account="ana", plan="metered")
        for day, batch in enumerate([*batches, ROWS]):
            when = datetime(2026, 1, 25, tzinfo=UTC) + timedelta(days=10 * day)
            take(*batch, arrived=when)
            advance(when)
        advance("2026-06-01")
        found = sums()
        assert_books_hold()
    return found


@pytest.mark.django_db
@settings(max_examples=15)
@given(st.permutations(ROWS), st.lists(st.integers(0, len(ROWS)), max_size=4).map(sorted))
def test_usage_in_any_order_and_any_batches_is_billed_the_same(rows: list[dict[str, Any]], cuts: list[int]) -> None:
    bounds = [0, *cuts, len(rows)]
    batches = [rows[start:end] for start, end in itertools.pairwise(bounds)]
    assert billed(batches) == billed([ROWS]) != {}
