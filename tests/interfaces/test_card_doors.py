"""No card number is kept, whichever door it comes to: it is refused, or masked where what came must be kept."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from billing import bulk
from config.logs import WithoutCardNumbers
from plans.card_numbers import spans
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
CARD = "4242 4242 4242 4242"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture(autouse=True)
def nothing_kept(now: None) -> Any:
    """After every test: no row of any table holds it."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
    assert len(tables) > 50
    for table in tables:
        rows = bulk.fetch(f"SELECT t::text FROM \"{table}\" t WHERE t::text ~ '4242[- ]?4242[- ]?4242'")
        assert [text for (text,) in rows if spans(text)] == [], table


def problem(answer: Any) -> tuple[int, str, bool]:
    return answer.status_code, answer.json()["code"], "4242" in answer.content.decode()


def test_the_api_refuses_it_in_commands() -> None:
    clerk = staff("clerk")
    body = {"account": "ana", "amount": "1.00", "reference": CARD}
    assert problem(clerk.post("/api/v1/commands/pay", body, content_type="application/json")) == (422, "card_number", False)


def test_the_office_refuses_it_beside_the_field() -> None:
    address = "/admin/billing/account/do/pay/?account=ana"
    shown = staff("clerk").post(address, {"amount": "1.00", "reference": CARD, "_step": "preview"})
    assert "card_number" in shown.content.decode() or "card number" in shown.content.decode()
    assert bulk.fetch("SELECT count(*) FROM journal WHERE command = 'pay' AND actor LIKE 'user:staff%%'") == [(0,)]


def test_a_customers_own_pages_refuse_it() -> None:
    answer = customer("ana-owner", "ana", "owner").post("/my/ana/do/change_details", {"name": f"Ana {CARD}", "_step": "preview"})
    assert answer.status_code == 422
    assert bulk.fetch("SELECT count(*) FROM journal WHERE command = 'change_details' AND actor LIKE 'user:%%'") == [(0,)]


def test_imports_put_the_row_aside_without_it(tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text(f"account,name,country\nzoe,Zoe {CARD},ES\nyan,Yan,ES\n")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("import", "accounts", str(file), "--at", "2026-03-10", stdout=out, stderr=io.StringIO())
    assert "card_number" in out.getvalue()
    assert "4242 4242" not in out.getvalue()
    assert bulk.fetch("SELECT account FROM read_account WHERE account IN ('zoe', 'yan')") == [("yan",)]


def test_measurements_from_a_file_are_put_aside_without_it(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"account,meter,id,value,at,subject\nana,calls,u-1,1,2026-02-01T10:00,{CARD}\n")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("usage", "import", str(file), "--source", "card", stdout=out, stderr=io.StringIO())
    assert "card_number" in out.getvalue()


def test_a_statement_of_the_bank_is_kept_with_it_masked(tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_text(f"date;amount;text;name;reference\n2026-02-01;5.00;paid with {CARD};{CARD};{CARD}\n")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("import", "bank", str(file), stdout=out, stderr=io.StringIO())
    assert bulk.fetch("SELECT text, name FROM bank_line") == [("paid with ************4242", "************4242")]
    assert "4242 4242" not in out.getvalue()


def test_the_log_masks_it() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "asked with %s", (CARD,), None)
    WithoutCardNumbers().filter(record)
    assert record.getMessage() == "asked with ************4242"
