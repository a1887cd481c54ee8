"""A draft is edited, asked for by one person, approved by another, and published as it was asked for, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from billing import bulk, rebuilding
from billing.engine import Outcome, Request, execute
from billing.publications.commands import waiting_publications
from billing.requests.standing import HOUSE
from plans import store
from plans.errors import Refusal
from tests.books import CATALOGUE, START, moment, publish

pytestmark = pytest.mark.django_db
DEARER = CATALOGUE.replace('amount: "19.95"', 'amount: "21.95"')
WRONG = CATALOGUE.replace('amount: "19.95"', "amount: many")


@pytest.fixture(autouse=True)
def people() -> None:
    publish()
    for name, role in (("cora", "catalogue_manager"), ("carl", "catalogue_manager"), ("fay", "finance"), ("sue", "supervisor")):
        user = User.objects.create_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name=role))


def run(who: str, command: str, at: str = "2026-01-02", **arguments: Any) -> Outcome:
    return execute(Request(command, arguments, moment(at), actor=f"user:{who}", known_at=moment(at)))


def refused(code: str, ask: Callable[[], Any]) -> Refusal:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(Refusal) as caught:
        ask()
    assert caught.value.code == code, caught.value
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    return caught.value


def asked(source: str = DEARER, **arguments: Any) -> Outcome:
    run("cora", "draft_catalogue", catalogue="test", source=source)
    return run("cora", "request_publication", catalogue="test", reason="Costs went up", **arguments)


def kinds(outcome: Outcome) -> list[str]:
    return [one.event.kind for one in outcome.events]


def test_a_draft_is_taken_from_the_published_version_and_is_no_event() -> None:
    before = bulk.fetch("SELECT count(*) FROM journal")
    made = run("cora", "draft_catalogue", catalogue="test").made
    draft = store.draft("test")
    assert (draft.source, draft.based_on, draft.changed_by, draft.digest) == (
        store.published("test").source,
        1,
        "user:cora",
        made["digest"],
    )
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    run("cora", "discard_draft", catalogue="test")
    assert store.find_draft("test") is None
    refused("unknown_draft", lambda: run("cora", "discard_draft", catalogue="test"))


def test_a_draft_with_mistakes_is_kept_and_not_published() -> None:
    assert run("cora", "draft_catalogue", catalogue="test", source=WRONG).made["problems"] == 1
    fault = refused("not_a_number", lambda: run("cora", "request_publication", catalogue="test", reason="x"))
    assert fault.at.startswith("test@draft:")


def test_two_who_edit_do_not_overwrite_each_other() -> None:
    seen = run("cora", "draft_catalogue", catalogue="test").made["digest"]
    run("carl", "draft_catalogue", catalogue="test", source=DEARER, seen=seen)
    fault = refused("draft_changed", lambda: run("cora", "draft_catalogue", catalogue="test", source=WRONG, seen=seen))
    assert "user:carl" in fault.message
    assert store.draft("test").source.strip() == DEARER.strip()
    run("carl", "discard_draft", catalogue="test")
    refused("draft_changed", lambda: run("cora", "draft_catalogue", catalogue="test", source=DEARER, seen=seen))


def test_what_is_no_draft_of_this_catalogue() -> None:
    refused("unknown_catalogue", lambda: run("cora", "draft_catalogue", catalogue="gym"))
    refused("bad_code", lambda: run("cora", "draft_catalogue", catalogue="No Name"))
    fault = refused("other_catalogue", lambda: run("cora", "draft_catalogue", catalogue="gym", source=CATALOGUE))
    assert "'test'" in fault.message
    refused("unknown_version", lambda: run("cora", "draft_catalogue", catalogue="test", version="9"))


def test_another_person_approves_and_it_is_published() -> None:
    outcome = asked(effective="2026-02-01")
    assert kinds(outcome) == ["request.made"]
    assert outcome.events[0].event.preview.kinds == ("catalogue.published",)
    assert [row.version for row in store.versions("test")] == [1]
    outcome = run("carl", "approve_publication", note="Agreed")
    assert kinds(outcome) == ["request.approved", "catalogue.published", "request.executed"]
    newest = store.published("test")
    assert (newest.version, str(newest.effective), newest.published_by) == (2, "2026-02-01", "user:carl")
    assert newest.source.strip() == DEARER.strip()
    assert store.find_draft("test") is None
    assert bulk.fetch("SELECT status, asked_by, decided_by, seller FROM read_request") == [("executed", "user:cora", "user:carl", "main")]
    refused("request_closed", lambda: run("fay", "approve_request", account=HOUSE))
    refused("cannot_undo", lambda: run("fay", "undo_request", account=HOUSE, reason="No"))
    assert rebuilding.compare([HOUSE]) == []


def test_nobody_approves_what_he_asked_for() -> None:
    asked()
    refused("own_request", lambda: run("cora", "approve_publication"))
    refused("own_request", lambda: run("cora", "approve_request", account=HOUSE))
    refused("not_for_others", lambda: run("cora", "approve_publication", by="user:carl"))
    with pytest.raises(IntegrityError, match="request_never_decided_by_who_asked"), transaction.atomic():
        bulk.fetch("UPDATE read_request SET decided_by = asked_by RETURNING 1")
    assert len(store.versions("test")) == 1


def test_who_may_decide_everything_else_does_not_publish_alone() -> None:
    """Finance decides any amount alone, but not a publication; and a supervisor has no right to approve one."""
    run("fay", "draft_catalogue", catalogue="test", source=DEARER)
    assert kinds(run("fay", "request_publication", catalogue="test", reason="Costs")) == ["request.made"]
    refused("over_limit", lambda: run("sue", "approve_publication"))
    assert kinds(run("cora", "approve_publication"))[1] == "catalogue.published"


def test_an_edited_draft_needs_another_approval() -> None:
    first = asked().made["request"]
    refused("already_asked", lambda: run("carl", "request_publication", catalogue="test", reason="Me too"))
    run("cora", "draft_catalogue", catalogue="test", source=DEARER.replace("21.95", "29.95"))
    fault = refused("draft_changed", lambda: run("carl", "approve_publication"))
    assert "user:cora edited it" in fault.message
    second = run("cora", "request_publication", catalogue="test", reason="Dearer").made["request"]
    refused("draft_changed", lambda: run("carl", "approve_publication", request=first))
    run("carl", "approve_publication", request=second)
    assert "29.95" in store.published("test").source
    refused("unknown_draft", lambda: run("carl", "approve_publication", request=first))


def test_it_is_rejected_or_withdrawn_and_the_draft_stays() -> None:
    asked()
    run("carl", "reject_publication", reason="Too much")
    refused("request_closed", lambda: run("fay", "approve_publication"))
    run("cora", "request_publication", catalogue="test", reason="Please")
    refused("not_own_request", lambda: run("carl", "withdraw_publication"))
    run("cora", "withdraw_publication")
    assert [row[0] for row in bulk.fetch("SELECT status FROM read_request ORDER BY request")] == ["rejected", "withdrawn"]
    assert store.find_draft("test") is not None


def test_a_request_has_its_time() -> None:
    asked()
    late = (START + timedelta(days=32)).date().isoformat()
    fault = refused("request_closed", lambda: run("carl", "approve_publication", late))
    assert "ask anew" in fault.message
    assert list(waiting_publications("test", moment(late))) == []
    run("cora", "request_publication", late, catalogue="test", reason="Still needed")
    refused("already_asked", lambda: run("fay", "request_publication", late, catalogue="test", reason="Me too"))
    assert kinds(run("carl", "approve_publication", late))[1] == "catalogue.published"


def test_what_is_published_already_is_not_asked_for() -> None:
    run("cora", "draft_catalogue", catalogue="test")
    refused("catalogue_unchanged", lambda: run("cora", "request_publication", catalogue="test", reason="x"))
    refused("not_requestable", lambda: run("fay", "request_correction", account="ana", wanted="publish_draft"))
