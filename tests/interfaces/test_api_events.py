"""Use over HTTP: CloudEvents as their clients send them, keys and what they may do, each wrong input named, nothing half taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from billing import bulk
from billing.api.keys import find_key
from billing.keys.making import make_key
from plans.errors import Invalid
from tests.books import do, open_account

pytestmark = pytest.mark.django_db
BATCH, ONE, ANY = "application/cloudevents-batch+json", "application/cloudevents+json", "application/json"


@pytest.fixture
def key() -> str:
    open_account("ana")
    open_account("ben", external_id="crm-2")
    return make_key("metering", ["usage"], at=timezone.now())


def event(name: str = "e1", **given: Any) -> dict[str, Any]:
    base = {"id": name, "source": "my-app", "specversion": "1.0", "type": "prompt", "subject": "ana"}
    return base | {"time": "2026-11-22T10:30:15.123456Z", "data": {"tokens": 100, "model": "gpt-4o"}} | given


def post(body: Any, key: str | None, kind: str = BATCH) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Client(enforce_csrf_checks=True, raise_request_exception=False).post(
        "/api/v1/events", content, content_type=kind, headers=headers
    )


def stored() -> list[tuple[Any, ...]]:
    statement = "SELECT record, account, meter, value, dimensions->>'model', source FROM usage_record ORDER BY sequence"
    return [tuple(row) for row in bulk.fetch(statement)]


@pytest.mark.parametrize(
    ("kind", "body"), [(BATCH, [event("a"), event("b")]), (ONE, event("a")), (ANY, event("a")), (ANY, [event("a"), event("b")])]
)
def test_events_are_taken_in_each_of_the_forms(key: str, kind: str, body: Any) -> None:
    answer = post(body, key, kind)
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored() == [(e["id"], "ana", "prompt", Decimal(100), "gpt-4o", "my-app") for e in (body if isinstance(body, list) else [body])]


def test_what_is_sent_again_is_taken_once_even_without_a_time(key: str) -> None:
    timeless = {name: value for name, value in event("t").items() if name != "time"}
    for _ in range(4):
        assert post([event("a"), timeless], key).status_code == 204
    assert [row[0] for row in stored()] == ["a", "t"]
    assert post([event("b"), event("a", data={"tokens": 101})], key).status_code == 400
    assert [row[0] for row in stored()] == ["a", "t"], "a batch with a conflict leaves nothing"


def test_a_subject_may_be_the_account_s_id_elsewhere(key: str) -> None:
    assert post([event("a", subject="crm-2")], key).status_code == 204
    assert stored()[0][1] == "ben"


def all_columns() -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in bulk.fetch("SELECT to_jsonb(usage_record) - 'sequence' - 'recorded_at' FROM usage_record ORDER BY record")
    ]


HOSTILE = {"value": "1", "back": "\\\\N \\. \\t", "quote": "\"'$1%s{}"}  # what COPY, SQL or formatting might take for its own


@pytest.mark.parametrize("kind", ["one", "many", "among others"])
def test_everyday_events_are_kept_as_all_others_are(key: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event("\\\\x", source="a\\N/b", data=HOSTILE), event("\\."), event("c", time="2026-11-22T10:30:15Z")]
    sent = [[one] for one in events] if kind == "one" else [events]
    if kind == "among others":
        sent[0].append(event("z", subject="crm-2"))
    for batch in sent:
        assert post(batch, key).status_code == 204
    kept, marks = all_columns(), bulk.fetch("SELECT account, meter, at FROM usage_mark ORDER BY 1, 2, 3")
    hostile = next(row for (row,) in kept if row["record"] == "\\\\x")
    assert hostile["dimensions"] == {name: text for name, text in HOSTILE.items() if name != "value"}
    for batch in sent:
        assert post(batch, key).status_code == 204, "known ones are no error"
    assert all_columns() == kept
    assert {(account, meter) for account, meter, _ in marks} == {("ana", "prompt")} | (
        {("ben", "prompt")} if kind == "among others" else set()
    )
    monkeypatch.setattr("billing.api.events.everyday", lambda event, accounts: None)
    for batch in sent:
        assert post(batch, key).status_code == 204, "the long way finds the same digests"


def test_an_event_twice_in_a_batch_counts_once_and_with_other_content_not_at_all(key: str) -> None:
    assert post([event("a"), event("a")], key).status_code == 204
    assert len(stored()) == 1
    assert post([event("b"), event("b", data={"tokens": 7})], key).status_code == 400
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ({"value": "1.50"}, Decimal("1.5")),
        ({"tokens": "100", "model": "x"}, Decimal(100)),
        ({"a": 1, "b": 2}, None),
        ({"value": 0.1}, Decimal("0.1")),
        (None, None),
        ({"value": 1, "tokens": 7}, Decimal(1)),
    ],
)
def test_the_quantity_of_an_event(key: str, data: Any, value: Decimal | None) -> None:
    assert post([event("a", data=data)], key).status_code == 204
    assert stored()[0][3] == value


WRONG: list[tuple[Any, str, str]] = [
    (b"{", "bad_json", ""),
    (b"[NaN]", "bad_json", ""),
    ("text", "wrong_type", ""),
    ([1], "wrong_type", "[0]"),
    ([{"id": "x"}], "missing_field", "[0].source"),
    ([event("a"), event("b", subject="nobody")], "rejected_records", ""),
    ([event("a", specversion="0.3")], "unknown_choice", "[0].specversion"),
    ([event("a", data=[1])], "wrong_type", "[0].data"),
    ([event("a", data={"deep": {"er": 1}})], "rejected_records", ""),
    ([event("a", time="yesterday")], "rejected_records", ""),
    ([event("a", id={})], "rejected_records", ""),
    ([event("a", type="Not a code")], "rejected_records", ""),
    ([event("a", subject={"x": 1})], "rejected_records", ""),
    ([event("a", source={"x": 1})], "rejected_records", ""),
    ([event(f"e{i}") for i in range(5001)], "out_of_range", ""),
    (b" " * 3_000_000, "out_of_range", ""),
]


@pytest.mark.parametrize(("body", "code", "at"), WRONG, ids=[f"{i} {code}" for i, (_, code, _) in enumerate(WRONG)])
def test_wrong_input_is_a_problem_with_the_reason_and_nothing_is_taken(key: str, body: Any, code: str, at: str) -> None:
    answer = post(body, key)
    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"], problem["code"], problem.get("at", "")) == (
        400,
        "application/problem+json",
        code,
        at,
    )
    assert stored() == []
    assert bulk.fetch("SELECT 1 FROM rejected_record") == []


def test_each_wrong_event_is_named_by_its_place(key: str) -> None:
    answer = post([event("a"), event("b", subject="nobody"), event("c", data={"value": "many"})], key)
    assert [(e["index"], e["code"]) for e in answer.json()["errors"]] == [(1, "unknown_account"), (2, "not_a_number")]


def test_a_form_that_does_not_fit_is_refused(key: str) -> None:
    assert [post(event(), key, BATCH).status_code, post([event()], key, ONE).status_code, post([event()], key, "text/csv").status_code] == [
        400,
        400,
        400,
    ]


def test_keys_that_do_not_hold_are_refused_alike(key: str) -> None:
    now = timezone.now()
    expired = make_key("old", ["usage"], at=now, expires_at=now)
    revoked = make_key("gone", ["usage"], at=now)
    ApiKey.objects.filter(name="gone").update(revoked_at=now)
    for text in (None, "", "x", key[:-1], key + "x", expired, revoked, f"bea_{'0' * 12}_x", "bea_\x00_"):
        answer = post([event()], text)
        assert (answer.status_code, answer["WWW-Authenticate"], answer.json()["code"]) == (401, "Bearer", "bad_key")
    assert stored() == []


def test_a_key_does_what_it_was_given_and_no_more(key: str) -> None:
    now = timezone.now()
    assert post([event()], make_key("reader", ["read"], at=now)).status_code == 403
    own = make_key("of ana", ["usage"], at=now, account="ana")
    seller = make_key("of somebody else", ["usage"], at=now, seller="other")
    assert post([event("a", subject="ben")], own).json()["code"] == "unknown_account"
    assert post([event("a", subject="ana")], seller).json()["code"] == "unknown_account"
    assert post([event("a")], own).status_code == 204
    reader = {"Authorization": f"Bearer {make_key('reader of ana', ['read'], at=now, account='ana')}"}
    assert Client().get("/api/v1/accounts/ana/status", headers=reader).status_code == 200
    assert Client().get("/api/v1/accounts/ben/status", headers=reader).status_code == 404
    assert Client().get("/api/v1/accounts", headers={"Authorization": "Bearer x"}).status_code == 401


def test_the_secret_is_kept_nowhere_and_its_use_to_the_minute(key: str) -> None:
    row = ApiKey.objects.get(name="metering")
    assert key.split("_", 2)[2].encode() not in bytes(row.digest)
    assert row.last_used_at is None
    first = datetime(2026, 5, 1, tzinfo=UTC)
    for seconds in (0, 30, 90):
        find_key(key, at=first + timedelta(seconds=seconds))
    row.refresh_from_db()
    assert row.last_used_at == first + timedelta(seconds=90)


def test_a_key_is_made_for_known_scopes_and_one_limit() -> None:
    now = timezone.now()
    with pytest.raises(Invalid, match="no scope 'usag'"):
        make_key("x", ["usag"], at=now)
    with pytest.raises(Invalid, match="not both"):
        make_key("x", ["usage"], at=now, account="a", seller="b")


def test_keys_are_made_listed_and_revoked_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    open_account("ana")
    call_command("apikey", "make", "cdr switch", "--scope", "usage", "--account", "ana")
    text = capsys.readouterr().out.strip()
    assert post([event()], text).status_code == 204
    call_command("apikey", "list")
    listed = capsys.readouterr().out
    assert "cdr switch  usage  ana  holds" in listed
    assert text not in listed
    call_command("apikey", "revoke", text.split("_")[1])
    assert post([event("b")], text).status_code == 401
    with pytest.raises(SystemExit):
        call_command("apikey", "revoke", text.split("_")[1])
    assert "[unknown_key]" in capsys.readouterr().err


def test_use_under_the_id_elsewhere_of_a_merged_account_is_refused_with_the_account_that_goes_on(key: str) -> None:
    do("merge_accounts", "2026-11-01", account="ben", into="ana")
    answer = post([event(subject="crm-2")], key)
    [reason] = answer.json()["errors"]
    assert (answer.status_code, reason["code"]) == (400, "account_closed")
    assert "'ben' is closed; it goes on as 'ana'" in reason["detail"]
    assert stored() == []


@pytest.mark.parametrize(
    "twice",
    [b'"data": {"tokens": 1, "tokens": 100}', b'"id": "b", "data": {"tokens": 1}', b'"data": {"tokens": 1.5, "tokens": 2}'],
)
def test_an_event_that_says_a_thing_twice_is_refused(key: str, twice: bytes) -> None:
    """The last would win, and nobody would hear of the first."""
    body = b'[{"id": "a", "source": "s", "type": "prompt", "subject": "ana", "time": "2026-11-22T10:30:15Z", ' + twice + b"}]"
    answer = post(body, key)
    named = "id" if b'"id": "b"' in twice else "tokens"
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_json")
    assert answer.json()["detail"] == f"the body is no JSON that can be read: the key '{named}' stands twice"
    assert stored() == []
