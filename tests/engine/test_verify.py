"""`verify` proves what was recorded, and names what somebody with all rights changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from billing import bulk, journal
from billing.codec import canonical, encode
from billing.verification import parts, verify
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


def forge(stream: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Rewrite the last event of the stream as somebody would who knows how the chain is made; answers its address."""
    last = journal.read([stream])[-1]
    data = encode(last.event)
    change(data)
    previous = bulk.fetch("SELECT previous_hash FROM journal WHERE stream = %s AND sequence = %s", [stream, last.sequence])[0][0]
    digest = journal.chain_hash(last, canonical(data), previous)
    with connection.cursor() as cursor:
        statement = "UPDATE journal SET data = %s, hash = %s WHERE stream = %s AND sequence = %s"
        cursor.execute(statement, [canonical(data).decode(), digest, stream, last.sequence])
        cursor.execute("UPDATE stream SET last_hash = %s WHERE id = %s", [digest, stream])
    return last.address


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


# --- what only somebody finds who reads the events ---------------------------------------------------------------------------------


def test_an_event_that_can_not_be_read_is_named(tamper: Callable[..., None]) -> None:
    tamper()
    address = forge("stock:router", lambda data: data.update(quantity="many"))
    assert faults("stock:router") == [("unreadable_event", address)]


def test_an_event_that_reads_as_something_else_is_named(tamper: Callable[..., None]) -> None:
    tamper()
    address = forge("stock:router", lambda data: data.update(invented="x"))
    assert faults("stock:router") == [("unstable_event", address)]


def test_a_field_that_came_later_may_be_missing(tamper: Callable[..., None]) -> None:
    tamper()
    forge("stock:router", lambda data: data.pop("note"))
    assert faults() == []


def test_an_entry_that_does_not_balance_is_named_and_so_are_its_rows(tamper: Callable[..., None]) -> None:
    tamper()
    address = pay_last("bob")
    forge("bob", lambda data: data["entry"]["postings"][0].update(amount="1.00"))
    assert faults("bob") == [("unbalanced_entry", address), ("wrong_postings", address)]


def pay_last(account: str) -> str:
    """The address of the account's newest event, which is a payment."""
    return do("pay", "2026-02-21", account=account, amount="3", channel="cash").events[-1].address


@pytest.mark.parametrize("change", ["seller = 'x'", "currency = 'USD'", "accounting_date = '2020-01-01'", "corrects = '2020-01-01'"])
def test_any_changed_column_of_a_posting_is_named(tamper: Callable[..., None], change: str) -> None:
    tamper(f"UPDATE read_posting SET {change} WHERE account = 'ana' AND sequence = 4 AND leg = 1")
    assert faults("ana")[0] == ("wrong_postings", "ana/4")


def test_a_posting_of_another_time_than_its_event_is_named(tamper: Callable[..., None]) -> None:
    tamper("UPDATE read_posting SET effective_at = effective_at + interval '1 second' WHERE account = 'ana' AND sequence = 4 AND leg = 1")
    assert faults("ana") == [("wrong_postings", "ana/4")]


def test_a_lost_leg_is_named(tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM read_posting WHERE account = 'ana' AND sequence = 4 AND leg = 1")
    assert faults("ana")[0] == ("wrong_postings", "ana/4")


@pytest.mark.parametrize("account", ["ana", "nobody"])
def test_postings_without_an_event_are_named_whosever_they_are(tamper: Callable[..., None], account: str) -> None:
    columns = "seller, ledger, currency, amount, invoice, effective_at, accounting_date, corrects"
    copied = f"SELECT '{account}', 999, leg, {columns} FROM read_posting WHERE account = 'ana' AND sequence = 4"
    tamper(f"INSERT INTO read_posting (account, sequence, leg, {columns}) {copied}")
    assert faults()[0] == ("unexplained_posting", f"{account}/999")


def test_a_balance_alone_is_named(tamper: Callable[..., None]) -> None:
    tamper("UPDATE read_balance SET amount = amount + 1 WHERE account = 'ana' AND ledger = 'receivable'")
    assert faults() == [("wrong_balance", "ana receivable")]


def test_a_wallet_that_its_ledger_does_not_explain(tamper: Callable[..., None]) -> None:
    tamper("""INSERT INTO read_wallet (account, unit, currency, owed, overdraft, asked, changed_at, pays_invoices)
        VALUES ('ana', 'EUR', 'EUR', 3, 0, false, now(), false)""")
    assert faults() == [("wrong_wallet", "ana overdrawn")]


def test_streams_of_which_only_events_or_read_models_are_left(tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM stream WHERE id IN ('bob', 'eve')", "DELETE FROM journal WHERE stream = 'eve'")
    tamper("DELETE FROM read_account WHERE account = 'bob'")
    assert {("missing_head", "bob"), ("missing_head", "eve")} <= set(faults())


def test_however_the_books_are_cut_the_same_is_found(tamper: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    tamper(
        "UPDATE journal SET actor = 'x' WHERE stream IN ('ana', 'eve') AND sequence = 2",
        "UPDATE read_balance SET amount = amount + 1 WHERE account IN ('ana', 'eve') AND ledger = 'receivable'",
    )
    whole = verify()
    assert [fault.where for fault in whole.faults] == ["ana/2", "eve/2", "ana receivable", "eve receivable"]
    monkeypatch.setattr(parts, "EVENTS", 1)
    assert len(parts.split(None)) == whole.streams
    cut = verify()
    assert (cut.faults, cut.streams, cut.events) == (whole.faults, whole.streams, whole.events)
    assert verify(["eve", "ana", "bob"]).faults == whole.faults


# --- beside others ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_processes_share_the_work_and_what_is_recorded_meanwhile_is_no_fault(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    play()
    monkeypatch.setattr(parts, "EVENTS", 1)
    alone = verify()
    assert alone.faults == []
    assert verify(workers=2) == alone
    with parts.one_state():
        assert bulk.fetch("SELECT count(*) FROM journal") == [(alone.events,)]
        owner.execute("UPDATE read_balance SET amount = amount + 1 WHERE account = 'ana' AND ledger = 'receivable'")
        assert verify().faults == []
    assert [fault.code for fault in verify(workers=2).faults] == ["wrong_balance"]
