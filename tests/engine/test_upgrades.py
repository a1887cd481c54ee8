"""Programs of two versions on one database: what the older one can't read yet waits for the newer one, and nothing is dropped."""

from __future__ import annotations

from typing import Any

import pytest

from billing import bulk, clockwork, codec, journal, runs
from billing.engine import Request, execute
from billing.events import Event
from billing.models import Account, Invoice
from billing.rebuilding import rebuild
from billing.verification import verify
from plans.errors import Conflict
from tests.books import do, moment, open_account, publish

pytestmark = pytest.mark.django_db
UNTIL = moment("2026-03-02")


@pytest.fixture(autouse=True)
def accounts() -> None:
    publish()
    for name in ("ana", "bob"):
        open_account(name)
        do("subscribe", account=name, plan="basic")


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A program from before a kind of event was thought of: the one that opens a period is unknown to it."""
    known: dict[str, type[Event]] = {kind: cls for kind, cls in codec.kinds().items() if kind != "period.opened"}
    monkeypatch.setattr(codec, "kinds", lambda: known)
    return monkeypatch


def test_a_kind_or_version_of_tomorrow_is_not_guessed() -> None:
    stored = codec.encode(journal.read(["ana"])[0].event)
    for kind, version in (("account.opened", 99), ("invented.tomorrow", 1)):
        with pytest.raises(Conflict, match="was written by a newer program than this one") as refused:
            codec.decode(kind, version, stored)
        assert refused.value.code == codec.NEWER


def test_a_rebuild_by_the_older_program_is_refused_whole(older: pytest.MonkeyPatch) -> None:
    before = bulk.fetch("SELECT * FROM read_period ORDER BY 1, 2, 3, 4")
    with pytest.raises(Conflict):
        rebuild(["ana", "bob"])
    assert bulk.fetch("SELECT * FROM read_period ORDER BY 1, 2, 3, 4") == before != []
    older.undo()
    assert rebuild(["ana", "bob"]) > 0


def test_an_account_that_the_older_program_can_not_read_is_left_to_the_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a mixed crew the older worker does what it can and parks nobody."""
    advance = clockwork.advance

    def older_worker(accounts: Any, **given: Any) -> Any:
        if "bob" in accounts:
            codec.decode("invented.tomorrow", 1, {})
        return advance(accounts, **given)

    with monkeypatch.context() as patch:
        patch.setattr(clockwork, "advance", older_worker)
        run = runs.work(runs.start("advance", until=UNTIL, by="old", at=UNTIL), actor="old", chunk=10, clock=lambda: UNTIL)
    assert (run.done, run.parked) == (1, 0)
    assert not Account.objects.filter(status="parked").exists()
    again = runs.work(runs.start("advance", until=UNTIL, by="new", at=UNTIL), actor="new", chunk=10, clock=lambda: UNTIL)
    assert (again.done, again.parked) == (1, 0)
    assert [Invoice.objects.filter(account=name).count() for name in ("ana", "bob")] == [3, 3]


def test_a_key_answered_by_the_newer_program_is_refused_not_done_again(older: pytest.MonkeyPatch) -> None:
    request = Request("change_plan", {"account": "ana", "plan": "pro"}, moment("2026-02-10"), "tester", key="k", known_at=UNTIL)
    older.undo()
    made = execute(request).made
    older.setattr(codec, "kinds", lambda: {})
    with pytest.raises(Conflict) as refused:
        execute(request)
    assert refused.value.code == codec.NEWER
    older.undo()
    assert execute(request).made == made


def test_what_nobody_delivers_yet_and_unknown_kinds_are_named(older: pytest.MonkeyPatch) -> None:
    assert {fault.code for fault in verify(["ana"]).faults} == {"unknown_kind"}
    older.undo()
