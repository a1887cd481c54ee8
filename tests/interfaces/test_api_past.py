"""The past over HTTP: `as_of` and `known_at` on lists, rows, documents and why; the same question, the same answer, for ever."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client
from django.utils import timezone

from billing import bulk, then
from billing.api.resources import RESOURCES
from billing.models import Invoice
from billing.queries.money import Dates, balances
from billing.then import KEYED, TABLES, keep_up, seen_then
from tests.books import advance, do, moment, open_account
from tests.documents.reading import pdf_text
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW, document

pytestmark = pytest.mark.django_db

HAVE_A_PAST = [resource for resource in RESOURCES if resource.past]
THEN = "as_of=2026-02-10&known_at=2026-02-14"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def viewer() -> Client:
    return staff("viewer")


def got(client: Client, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def rows(client: Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = got(client, path)["results"]
    return found


# --- what is answered ---------------------------------------------------------------------------------------------------------------


def test_documents_as_they_stood(viewer: Client) -> None:
    """20.00 came on 16 February: they paid one invoice and a part of the next."""
    asked = "invoices?account=ana&document=invoice&fields=number,status,open"
    paid, part, later = ("INV-000001", "paid", "0.00"), ("INV-000003", "open", "14.14"), ("INV-000005", "open", "62.11")
    before = [("INV-000001", "open", "12.29"), ("INV-000003", "open", "21.85")]
    assert [tuple(row.values()) for row in rows(viewer, asked)] == [paid, part, later]
    assert [tuple(row.values()) for row in rows(viewer, f"{asked}&as_of=2026-01-31")] == before
    assert [tuple(row.values()) for row in rows(viewer, f"{asked}&known_at=2026-01-31")] == before
    assert rows(viewer, f"{asked}&known_at=2025-12-31") == []


def test_one_document_as_it_stood(viewer: Client) -> None:
    name = document("INV-000003")
    assert (got(viewer, f"invoices/{name}")["open"], got(viewer, f"invoices/{name}?{THEN}")["open"]) == ("14.14", "21.85")
    assert got(viewer, "invoices/INV-000005?known_at=2026-01-31", 404)["code"] == "unknown_invoice"


def test_why_of_then_adds_up_to_the_status_of_then(viewer: Client) -> None:
    stood, because = (got(viewer, f"accounts/ana/{what}?{THEN}") for what in ("status", "why"))
    assert (stood["amounts"][0]["balance"], because["amount"]) == ("34.14", "34.14")
    assert "2026-02-16" not in str(because)
    assert got(viewer, "accounts/ana/why?known_at=2025-12-31", 404)["code"] == "unknown_account"


@pytest.mark.needs("pdftotext")
def test_a_document_shows_nothing_that_was_not_known(viewer: Client, tmp_path: Path) -> None:
    do("void", NOW, account="ana", invoice="INV-000005", reason="typed twice")

    def shown(path: str) -> str:
        return pdf_text(viewer.get(f"/api/v1/accounts/ana/documents/{path}").content, tmp_path)

    assert "typed twice" in shown("INV-000005")
    assert "typed twice" not in shown("INV-000005?known_at=2026-02-19")
    assert "20.00" in shown("statement?as_of=2026-02-17")
    assert "20.00" not in shown("statement?as_of=2026-02-15")
    assert got(viewer, "accounts/ana/documents/INV-000005?known_at=2026-01-31", 404)["code"] == "unknown_document"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("accounts/ana/documents/INV-000005?known_at=2026-01-31", "as known at 2026-01-30T23:00:00Z; what came later is not seen"),
        ("accounts/ana/documents/INV-000005?as_of=2026-01-31T23:59:59Z", "as of 2026-01-31T23:59:59Z; what"),
        ("invoices/INV-000005?as_of=2026-01-31&known_at=2026-02-14", "as of 2026-01-30T23:00:00Z, as known at 2026-02-13T23:00:00Z; what"),
        ("accounts/ana/documents/statement?as_of=2025-12-31", "there is no account 'ana' (as of 2025-12-30T23:00:00Z; what"),
        ("accounts/ana/why?what=INV-000005&as_of=2026-01-31", "as of 2026-01-30T23:00:00Z; what"),
    ],
)
def test_what_was_not_there_yet_is_said_to_be_missing_then(viewer: Client, path: str, said: str) -> None:
    assert said in got(viewer, path, 404)["detail"]
    assert "not seen" not in got(viewer, "invoices/INV-000099", 404)["detail"]


@pytest.mark.parametrize("day", ["2026-02-20", "2027-01-01", "2099-12-31T23:59Z"])
def test_what_is_asked_of_the_future_is_answered_with_what_is_known(viewer: Client, day: str) -> None:
    assert got(viewer, f"invoices/INV-000003?as_of={day}")["open"] == "14.14"
    assert viewer.get(f"/api/v1/accounts/ana/documents/INV-000003?as_of={day}").content[:5] == b"%PDF-"


def test_an_offset_that_lost_its_plus_is_told_so(viewer: Client) -> None:
    said = got(viewer, "accounts/ana/documents/INV-000003?as_of=2026-02-10T00:00+02:00", 422)
    assert (said["code"], said["at"]) == ("not_a_time", "as_of")
    assert said["detail"].endswith("has lost its +, which an address writes as %2B: 2026-02-10T00:00%2B02:00")
    assert got(viewer, "invoices/INV-000003?as_of=2026-02-10T00:00%2B02:00")["open"] == "21.85"


def test_accounts_as_they_were(viewer: Client) -> None:
    open_account("zoe", NOW)
    do("close_account", NOW, account="zoe", reason="moved away")
    assert [(row["account"], row["status"]) for row in rows(viewer, "accounts")][-1] == ("zoe", "closed")
    first = got(viewer, "accounts?as_of=2026-02-10&limit=2")
    assert [row["account"] for row in first["results"] + got(viewer, first["next"].removeprefix("/api/v1/"))["results"]] == [
        "ana",
        "bob",
        "eve",
    ]
    assert first["results"][0]["amounts"][0]["owed"] == "96.25"
    assert [row["account"] for row in rows(viewer, "accounts?known_at=2025-12-31")] == []
    assert got(viewer, "accounts/zoe/status?as_of=2026-02-20")["status"] == "closed"
    assert got(viewer, "accounts/zoe/status?as_of=2026-02-19")["status"] == "settled"


# --- for every list -----------------------------------------------------------------------------------------------------------------


def test_whatever_is_known_by_now_is_what_stands(viewer: Client) -> None:
    """The two ways to a row agree: as processors left it, and made again from the journal."""
    seen = set()
    for resource in HAVE_A_PAST:
        whole = rows(viewer, resource.name)
        assert rows(viewer, f"{resource.name}?known_at=2026-02-20&as_of=2026-12-31") == whole, resource.name
        assert rows(viewer, f"{resource.name}?known_at=2025-12-31") == [], resource.name
        seen |= {resource.name} if whole else set()
        if resource.key and whole:
            path = f"{resource.name}/{whole[0][resource.key]}"
            assert got(viewer, f"{path}?known_at=2026-02-20") == got(viewer, path), resource.name
            assert got(viewer, f"{path}?known_at=2025-12-31", 404), resource.name
    assert seen >= {
        "contracts",
        "terms",
        "periods",
        "charges",
        "invoices",
        "allocations",
        "payments",
        "usage",
        "stock",
        "postings",
        "events",
    }


def test_the_same_question_has_the_same_answer_whatever_comes_after(viewer: Client) -> None:
    asked = [f"{resource.name}?as_of=2026-02-14&known_at=2026-02-16" for resource in HAVE_A_PAST]
    asked += ["accounts/ana/why?as_of=2026-02-14&known_at=2026-02-16", f"accounts?{THEN}", f"accounts/ana/status?{THEN}"]
    before = [got(viewer, path) for path in asked]
    do("pay", NOW, account="ana", amount="100.00", channel="cash")
    do("void", NOW, account="eve", invoice=Invoice.objects.filter(account="eve").latest("sequence").invoice, reason="wrong")
    do("restock", NOW, item="router", quantity="9")
    advance(NOW + timedelta(days=40))
    do("cancel", NOW + timedelta(days=40), account="bob")
    assert [got(viewer, path) for path in asked] == before


def test_what_no_event_says_has_no_past(viewer: Client) -> None:
    for resource in RESOURCES:
        if resource.past is None:
            assert got(viewer, f"{resource.name}?known_at=2026-02-14", 422)["code"] == "unknown_parameter", resource.name


def test_pages_of_then(viewer: Client) -> None:
    whole = rows(viewer, f"charges?{THEN}")
    found, following = [], f"charges?{THEN}&limit=3"
    while following:
        page = got(viewer, following)
        found, following = found + page["results"], (page["next"] or "").removeprefix("/api/v1/")
    assert len(whole) > 3
    assert found == whole


def test_nobody_sees_more_of_then_than_of_now() -> None:
    open_account("mallory")
    stranger, owner = customer("sam", "mallory", "owner"), customer("olga", "ana", "owner")
    for resource in HAVE_A_PAST:
        if resource.staff_only:
            assert got(owner, f"{resource.name}?{THEN}", 403)
            continue
        for path in (f"{resource.name}?{THEN}", f"{resource.name}?{THEN}&account=ana" if "account" in resource.filters else ""):
            assert not path or [row for row in rows(stranger, path) if row["account"] != "mallory"] == [], path
        assert {row["account"] for row in rows(owner, f"{resource.name}?{THEN}")} <= {"ana"}, resource.name
    for path in ("invoices/INV-000003", "accounts/ana/why", "accounts/ana/documents/INV-000003", f"payments/{document('INV-000003')}"):
        assert got(stranger, f"{path}?{THEN}", 404)
    assert got(owner, f"invoices/INV-000003?{THEN}")["open"] == "21.85"


def test_a_list_of_too_much_is_refused(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(then, "MOST_EVENTS", 25)
    refused = got(viewer, f"charges?{THEN}", 422)
    assert (refused["code"], "at most from 25" in refused["detail"]) == ("too_much_past", True)
    assert rows(viewer, f"charges?{THEN}&account=ana")
    assert rows(viewer, f"postings?{THEN}")  # rows that never change are read, not made again


@pytest.mark.parametrize("asked", ["as_of=soon", "known_at=0", "as_of=2026-02-30", "known_at=%00", "as_of=2026-02-14&as_of=2026-02-15"])
def test_dates_that_are_none(viewer: Client, asked: str) -> None:
    for path in ("invoices", "events", "accounts", "accounts/ana/why", "accounts/ana/documents/INV-000003", "invoices/INV-000003"):
        assert got(viewer, f"{path}?{asked}", 422)["at"] in ("as_of", "known_at"), path


# --- the mechanism ------------------------------------------------------------------------------------------------------------------


def test_what_the_block_writes_is_undone() -> None:
    with seen_then(["ana"], Dates(known_at=moment("2026-02-14"))):
        assert f"{Invoice.objects.get(number='INV-000003').open:.2f}" == "21.85"
        bulk.write("UPDATE read_invoice SET open = 0", [])
        assert Invoice.objects.filter(open=0).count() == 3
    assert f"{Invoice.objects.get(number='INV-000003').open:.2f}" == "14.14"
    assert bulk.fetch("SELECT count(*) FROM past.read_invoice") == [(0,)]


def test_the_tables_of_then_follow_those_of_now() -> None:
    """A migration that changes a read model makes the schema again."""
    bulk.write("RESET ROLE", [])  # migrations run as the owner; the test's end rolls this back too
    bulk.write("ALTER TABLE read_invoice ADD COLUMN colour text NOT NULL DEFAULT ''", [])
    bulk.write("ALTER TABLE past.read_hold DROP COLUMN amount", [])
    bulk.write(f"SET LOCAL ROLE {settings.DATABASE_ROLE}", [])
    with pytest.raises(CommandError, match="GRANT CREATE"), transaction.atomic():
        keep_up()
    bulk.write("RESET ROLE", [])
    keep_up()
    assert bulk.fetch("SELECT colour FROM past.read_invoice") == bulk.fetch("SELECT amount FROM past.read_hold") == []
    with seen_then(["ana"], Dates(known_at=moment("2026-02-14"))):
        assert Invoice.objects.count() == 3


@pytest.mark.parametrize(
    ("as_of", "known_at"), [("2026-01-31", None), (None, "2026-02-15"), ("2026-02-10", "2026-02-14"), ("2026-01-17", "2026-02-18")]
)
def test_what_is_folded_is_what_the_postings_sum_up_to(as_of: str | None, known_at: str | None) -> None:
    dates = Dates(moment(as_of) if as_of else None, moment(known_at) if known_at else None)
    names = ["ana", "bob", "eve"]
    summed = {name: {key: amount for key, amount in found.items() if amount} for name, found in balances(names, dates).items()}
    with seen_then(names, dates):
        folded = balances(names, Dates())
    assert {name: {key: amount for key, amount in found.items() if amount} for name, found in folded.items()} == summed


def test_tables_that_are_written_by_their_keys_have_them() -> None:
    """An ON CONFLICT of a processor needs the unique index of its table, and what it merges or updates in place is found by it."""
    written = set()
    for path in Path(settings.BASE_DIR).glob("*/**/*.py"):
        if path.parts[len(settings.BASE_DIR.parts)] in ("billing", "payments"):
            written |= set(re.findall(r"MERGE INTO (read_\w+)", path.read_text()))
            written |= set(
                re.findall(r"INSERT INTO (read_\w+)(?:(?!INSERT INTO|\n\n)[\s\S])*?(?:ON CONFLICT|WHERE NOT EXISTS)", path.read_text())
            )
    assert written == KEYED
    assert set(TABLES) >= KEYED


def test_where_somebody_migrated_back_the_schema_is_left_as_it_is() -> None:
    bulk.write("RESET ROLE", [])
    bulk.write("ALTER TABLE read_live_period RENAME TO read_period_not_yet", [])
    keep_up()
    assert bulk.fetch("SELECT 1 FROM pg_tables WHERE schemaname = 'past' AND tablename = 'read_live_period'")
