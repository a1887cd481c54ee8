"""`verify` proves what was recorded, and names what somebody with all rights changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from billing.verification import verify
from tests.books import do
from tests.interfaces.worlds import document, play

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def laws() -> None:
    """Here the laws are broken on purpose."""


@pytest.fixture
def tamper() -> Callable[..., None]:
    """Statements of a superuser, with all triggers off; the test's transaction undoes them."""
    play()

    def run(*statements: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            for table in ("journal", "read_posting", "read_invoice"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            for statement in statements:
                cursor.execute(statement)

    return run


def faults(*streams: str) -> list[tuple[str, str]]:
    return [(fault.code, fault.where) for fault in verify(streams or None).faults]


def test_everything_holds() -> None:
    play()
    found = verify()
    assert (found.faults, found.streams) == ([], 5)
    assert found.events > 30


def test_a_changed_amount_is_named(tamper: Callable[..., None]) -> None:
    tamper("UPDATE journal SET data = jsonb_set(data, '{amount}', '\"1.00\"') WHERE stream = 'ana' AND sequence = 4")
    assert faults()[0] == ("tampered_event", "ana/4")


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'nobody'",
        "effective_at = effective_at + interval '1 microsecond'",
        "recorded_at = recorded_at - interval '1 day'",
        "kind = 'account.closed'",
        "key = 'other'",
        "data = data || '{\"extra\": 1}'",
    ],
)
def test_any_changed_column_is_named(tamper: Callable[..., None], change: str) -> None:
    tamper(f"UPDATE journal SET {change} WHERE stream = 'bob' AND sequence = 3")
    assert ("tampered_event", "bob/3") in faults("bob")


def test_a_rewritten_event_with_its_own_right_hash_breaks_the_next_link(tamper: Callable[..., None]) -> None:
    tamper("UPDATE journal SET hash = previous_hash WHERE stream = 'bob' AND sequence = 3")
    assert faults("bob") == [("tampered_event", "bob/3"), ("broken_chain", "bob/4")]


def test_a_missing_event_is_named(tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM journal WHERE stream = 'ana' AND sequence = 3")
    assert faults("ana") == [("missing_event", "ana/4")]


def test_a_missing_end_is_named(tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM journal WHERE stream = 'stock:router' AND sequence = 2")
    assert faults("stock:router") == [("wrong_head", "stock:router/2")]


def test_a_removed_head_is_named(tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM stream WHERE id = 'eve'")
    assert ("missing_head", "eve") in faults()


def test_postings_that_no_event_holds(tamper: Callable[..., None]) -> None:
    tamper("UPDATE read_posting SET amount = amount + 1 WHERE account = 'ana' AND sequence = 4 AND leg = 1")
    found = faults("ana")
    assert found[0] == ("wrong_postings", "ana/4")
    assert ("unbalanced_postings", "ana/4") in found
    assert "wrong_balance" in {code for code, _ in found}


def test_a_month_that_its_postings_do_not_explain(tamper: Callable[..., None]) -> None:
    tamper("UPDATE read_month_move SET amount = amount + 1 WHERE account = 'ana' AND ledger = 'receivable' AND month = '2026-01-01'")
    assert faults() == [("wrong_month", "ana receivable")]


def test_an_open_amount_that_no_posting_explains(tamper: Callable[..., None]) -> None:
    tamper("UPDATE read_invoice SET open = 1 WHERE number = 'INV-000006'")
    assert faults() == [("wrong_open_amount", document("INV-000006"))]


def test_a_missing_number_is_named(tamper: Callable[..., None]) -> None:
    tamper("UPDATE read_invoice SET number = 'INV-000099' WHERE number = 'INV-000006'")
    assert faults() == [("missing_number", "main INV-000006"), ("foreign_number", document("INV-000099"))]


def test_one_fault_does_not_hide_another(tamper: Callable[..., None]) -> None:
    tamper("UPDATE journal SET actor = 'x' WHERE stream = 'ana' AND sequence IN (2, 9)")
    assert faults("ana") == [("tampered_event", "ana/2"), ("tampered_event", "ana/9")]


def test_a_void_document_leaves_nothing_open() -> None:
    play()
    do("void", "2026-02-21", account="eve", invoice="INV-000007", reason="never should have been")
    assert verify().faults == []
