"""Preview is execution: a dry run says what it comes to, and its token does exactly that or is refused."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections

from billing import bulk, journal, previews
from billing.engine import Request, execute
from plans.errors import Conflict, Invalid, Refusal
from tests.books import advance, do, documents, moment, open_account, publish, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> str:
    publish()
    open_account()
    contract: str = do("subscribe", account="ana", plan="seats", quantity="10").made["contract"]
    return contract


def with_token(token: str, at: str, *, actor: str = "tester", command: str = "change_quantity", **arguments: Any) -> Any:
    when = moment(at)
    return execute(Request(command, {"account": "ana", **arguments}, when, actor=actor, known_at=when, token=token))


def test_a_preview_says_what_it_comes_to_and_changes_nothing(ana: str) -> None:
    before = journal.lock(["ana"])["ana"].sequence
    shown = do("change_quantity", "2026-01-16T12:00", account="ana", quantity="20", dry_run=True)
    assert shown.preview is not None
    back, document = shown.preview.documents
    # 16 of 31 days (a day belongs to the terms at its end) of ten seats back, and of twenty: 70.00 and 140.00 × 16/31
    assert [(line.item, line.amount, line.tax) for line in back.lines] == [("seat", Decimal("36.13"), Decimal("7.59"))]
    assert [(line.item, line.amount, line.tax) for line in document.lines] == [("seat", Decimal("72.26"), Decimal("15.17"))]
    assert dict(shown.preview.before) == {("ana", "EUR"): Decimal("84.70")}
    assert dict(shown.preview.after) == {("ana", "EUR"): Decimal("128.41")}
    assert [kind for kind, _ in shown.preview.effects] == ["document.send", "document.send"]
    assert journal.lock(["ana"])["ana"].sequence == before
    assert bulk.fetch("SELECT count(*) FROM counter WHERE value > 1") == [(0,)]


def test_the_token_does_exactly_that(ana: str) -> None:
    shown = do("change_quantity", "2026-01-16T12:00", account="ana", quantity="20", dry_run=True)
    assert shown.preview is not None
    done = with_token(shown.preview.token, "2026-01-17T12:00", quantity="20")  # a day later it would cost less
    assert previews.digest(done.events) == previews.digest(shown.events)
    assert [one.effective_at for one in done.events] == [moment("2026-01-16T12:00")] * len(done.events)
    assert documents()[-1][2] == "87.43"


def test_two_administrators_with_one_form(ana: str) -> None:
    first = do("change_quantity", "2026-01-16", account="ana", quantity="20", dry_run=True)
    second = do("change_quantity", "2026-01-16", account="ana", quantity="12", dry_run=True)
    assert first.preview is not None
    assert second.preview is not None
    changed = with_token(first.preview.token, "2026-01-16T00:01", actor="anna", quantity="20")
    with pytest.raises(Conflict) as refused:
        with_token(second.preview.token, "2026-01-16T00:02", actor="bert", quantity="12")
    assert refused.value.code == "stale_preview"
    assert f"contract.quantity_changed by anna ({changed.events[0].address})" in refused.value.message
    assert refused.value.facts["events"][0] == changed.events[0].address


def test_what_is_not_in_the_streams_makes_a_preview_stale_too(ana: str) -> None:
    shown = do("change_plan", "2026-01-16", account="ana", plan="pro", dry_run=True)
    assert shown.preview is not None
    from_books = bulk.fetch("SELECT source FROM catalogue_version")[0][0]
    publish(from_books.replace("49.90", "59.90"), "2026-01-16")
    with pytest.raises(Conflict) as refused:
        with_token(shown.preview.token, "2026-01-16T00:01", command="change_plan", plan="pro")
    assert refused.value.code == "stale_preview"
    assert documents()[1:] == []


def test_measurements_that_arrive_make_a_preview_stale(ana: str) -> None:
    shown = do("cancel", "2026-01-16", account="ana", dry_run=True)
    assert shown.preview is not None
    use("ana", "calls", arrived="2026-01-16", records=[{"id": "1", "at": "2026-01-10", "value": "4"}])
    with pytest.raises(Conflict) as refused:
        with_token(shown.preview.token, "2026-01-16T00:01", command="cancel")
    assert refused.value.code == "stale_preview"


@pytest.mark.parametrize("at", ["2026-01-17T00:01", "2026-01-15T23:59"])
def test_a_preview_holds_for_a_day(ana: str, at: str) -> None:
    shown = do("change_quantity", "2026-01-16", account="ana", quantity="20", dry_run=True)
    assert shown.preview is not None
    with pytest.raises(Conflict) as refused:
        with_token(shown.preview.token, at, quantity="20")
    assert refused.value.code == "stale_preview"


@pytest.mark.parametrize("token", ["x", "a:b", ""])
def test_a_token_is_of_the_same_request(ana: str, token: str) -> None:
    if not token:
        shown = do("change_quantity", "2026-01-16", account="ana", quantity="20", dry_run=True)
        assert shown.preview is not None
        token = shown.preview.token
    with pytest.raises(Invalid) as refused:
        with_token(token, "2026-01-16", quantity="21")
    assert refused.value.code == "wrong_token"


def test_a_preview_of_a_later_date_simulates_what_comes_before(ana: str) -> None:
    shown = do("change_quantity", "2026-03-01", account="ana", quantity="20", dry_run=True)
    assert shown.preview is not None
    assert [document.total for document in shown.preview.documents] == [Decimal(total) for total in ("84.70", "84.70", "84.70", "169.40")]
    assert documents() == [("invoice", "INV-000001", "84.70", "84.70")]


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_token_at_once_one_wins() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="seats", quantity="10")
    shown = do("change_quantity", "2026-01-16", account="ana", quantity="20", dry_run=True)
    assert shown.preview is not None
    token, barrier, answers = shown.preview.token, threading.Barrier(6), []

    def click(number: int) -> None:
        try:
            barrier.wait()
            with_token(token, "2026-01-16T00:01", actor=f"admin-{number}", quantity="20")
            answers.append("done")
        except Refusal as refusal:
            answers.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connections.close_all()
    assert sorted(answers) == ["done", *["stale_preview"] * 5]
    advance("2026-01-20")
    assert [row[2] for row in documents()] == ["84.70", "43.72", "87.43"]
