"""Read models made again from the journal are what they were; what differs is named."""

from __future__ import annotations

import json
import os
import signal

import pytest
from django.db import connection

from billing import bulk, codec, engine, journal, rebuilding
from billing.rebuilding import ACCOUNT_TABLES, HEIRS, THING_TABLES, compare, find_streams, rebuild
from plans.errors import Conflict, NotFound
from tests.books import advance, assert_books_hold, do, moment
from tests.interfaces.worlds import NOW, play

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world() -> None:
    play()


def rows(table: str) -> list[str]:
    return sorted(row[0] for row in bulk.fetch(f"SELECT row_to_json(t)::text FROM {table} t"))


def spoil(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_live_and_rebuilt_are_the_same() -> None:
    assert compare(find_streams([])) == []


def test_a_rebuild_changes_no_row_of_any_table() -> None:
    tables = [
        *ACCOUNT_TABLES,
        "due",
        *(table for _, table, _ in THING_TABLES),
        "effect",
        "counter",
        "stream",
        "vault_person",
        "usage_record",
    ]
    before = {table: rows(table) for table in tables}
    assert rebuild(find_streams([])) == len(rows("journal"))
    assert {table: rows(table) for table in tables} == before
    assert before["read_invoice"]
    assert before["due"]


def test_every_read_table_is_rebuilt() -> None:
    """A new read model must not be forgotten here."""
    known = {row[0] for row in bulk.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'read\\_%%'")}
    assert known == {*ACCOUNT_TABLES, *HEIRS, *(table for _, table, _ in THING_TABLES)}


@pytest.mark.parametrize(
    ("statement", "table", "sides"),
    [
        ("UPDATE read_invoice SET open = open + 1 WHERE number = 'INV-000006'", "read_invoice", {"live", "rebuilt"}),
        ("DELETE FROM read_open_charge WHERE account = 'ana'", "read_open_charge", {"rebuilt"}),
        (
            "INSERT INTO read_open_charge (account, sequence) VALUES ('ana', 4)",
            "read_open_charge",
            {"live"},
        ),
        ("UPDATE read_stock SET level = 9", "read_stock", {"live", "rebuilt"}),
    ],
)
def test_a_row_that_no_event_explains_is_named_and_repaired(statement: str, table: str, sides: set[str]) -> None:
    spoil(statement)
    found = compare(find_streams([]))
    assert {(one.table, one.side) for one in found} == {(table, side) for side in sides}
    assert compare(find_streams([])) == found
    rebuild(find_streams([]))
    assert compare(find_streams([])) == []
    assert_books_hold()


def test_only_the_streams_named_are_touched() -> None:
    spoil("UPDATE read_account SET locale = 'xx'")
    rebuild(["ana"])
    assert [(row["account"], row["locale"]) for row in map(json.loads, rows("read_account"))] == [
        ("ana", "en"),
        ("bob", "xx"),
        ("eve", "xx"),
    ]
    assert {one.row.split('"')[3] for one in compare(find_streams([]))} == {"bob", "eve"}
    rebuild(find_streams([]))


def test_streams_that_no_table_tells_of_are_nothing_to_do() -> None:
    assert (rebuild(["elsewhere:1"]), compare(["elsewhere:1"])) == (0, [])


def test_the_books_go_on_after_a_rebuild() -> None:
    rebuild(find_streams([]))
    advance("2026-03-01")
    do("pay", "2026-03-02", account="ana", amount="10")
    assert compare(find_streams([])) == []
    assert_books_hold()


def test_a_lost_due_time_comes_back() -> None:
    before = rows("due")
    spoil("DELETE FROM due")
    rebuild(find_streams([]))
    assert rows("due") == before
    assert moment("2026-03-01") > NOW


def test_an_unknown_stream_is_refused() -> None:
    with pytest.raises(NotFound, match="did you mean 'ana'"):
        find_streams(["anna"])


def test_however_the_streams_are_cut_the_same_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil("UPDATE read_account SET locale = 'xx'")
    whole = compare(find_streams([]))
    monkeypatch.setattr(rebuilding, "EVENTS", 1)
    assert compare(find_streams([])) == sorted(whole, key=lambda one: (json.loads(one.row)["account"], one.side))
    assert len(list(journal.blocks(None, events=1))) == len(find_streams([]))
    assert rebuild(find_streams([])) == len(rows("journal"))
    assert compare(find_streams([])) == []


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_no_event_is_lost_where_a_moment_comes_twice(most: int) -> None:
    for day in ("2026-02-22", "2026-02-21", "2026-02-22", "2026-02-22", "2026-02-21"):
        do("pay", day, account="ana", amount="1", channel="cash")
    parts = list(journal.read_by_parts(["ana"], events=most))
    assert [one.address for part in parts for one in part] == [one.address for one in journal.read(["ana"])]


@pytest.mark.parametrize("most", [1, 7])
def test_a_long_stream_is_replayed_by_parts_of_whole_transactions(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(engine, "MOST_REPLAYED", most)
    parts = list(journal.read_by_parts(["ana", "bob"], events=most))
    assert len(parts) > 5
    keys = [{(one.stream, one.recorded_at) for one in part} for part in parts]
    assert sum(map(len, keys)) == len(set().union(*keys))  # no transaction is cut
    assert sorted(one.address for part in parts for one in part) == sorted(one.address for one in journal.read(["ana", "bob"]))
    assert compare(find_streams([])) == []


@pytest.mark.django_db(transaction=True)
def test_processes_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "EVENTS", 1)
    spoil("UPDATE read_account SET locale = 'xx'")
    found = compare(find_streams([]), workers=2)
    assert found == compare(find_streams([]))
    assert {one.side for one in found} == {"live", "rebuilt"}
    assert rebuild(find_streams([]), workers=2) == len(rows("journal"))
    assert compare(find_streams([])) == []
    monkeypatch.setattr(codec, "kinds", lambda: {})
    with pytest.raises(Conflict, match="was written by a newer program") as refused:
        rebuild(find_streams([]), workers=2)
    monkeypatch.undo()
    assert refused.value.code == codec.NEWER


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_ended_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "EVENTS", 1)
    monkeypatch.setattr(rebuilding, "replay", lambda streams: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(Conflict, match="process_ended"):
        rebuild(find_streams([]), workers=2)
    monkeypatch.undo()


def test_contracts_that_ended_in_different_ways_are_rebuilt_together() -> None:
    """Of a hand-over the event says no fee: beside a cancellation, which does, it must be a number of the same type."""
    do("cancel", NOW, account="bob")
    do("subscribe", NOW, account="bob", plan="basic")
    do("transfer_contract", NOW, account="bob", to="ana")
    assert compare(find_streams([])) == []
