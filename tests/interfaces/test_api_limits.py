"""Too many calls are refused until the minute is over, each caller by itself; pages of other sites call only where they are named."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiCalls
from billing.keys.making import make_key
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    at = [NOW + timedelta(seconds=20)]
    monkeypatch.setattr(timezone, "now", lambda: at[0])
    return at


def test_the_call_after_the_last_waits_for_the_next_minute(world: None, clock: list[datetime], settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 3
    owner, clerk = customer("olga", "ana", "owner"), staff("clerk")
    assert [owner.get("/api/v1/accounts").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = owner.get("/api/v1/accounts/ana/status")
    assert (refused["Retry-After"], refused["Content-Type"]) == ("40", "application/problem+json")
    assert (refused.json()["code"], refused.json()["facts"]) == ("too_many_calls", {"retry_after": "40", "limit": "3"})
    assert [refused[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == ["3", "0", "40"]
    assert owner.post("/api/v1/commands/pause", {"account": "ana"}, content_type="application/json").status_code == 429
    told = clerk.get("/api/v1/accounts")
    assert [told[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == ["3", "2", "40"]
    clock[0] += timedelta(seconds=40)
    assert owner.get("/api/v1/accounts").status_code == 200
    assert ApiCalls.objects.get(caller="user:olga").count == 1


def test_events_have_a_limit_of_their_own(world: None, clock: list[datetime], settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE, settings.API_INGESTS_PER_MINUTE = 1, 2
    headers = {"Authorization": f"Bearer {make_key('switch', ['usage'], at=NOW)}"}
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "calls", "subject": "ana", "data": {"value": "1"}}
    kind = "application/cloudevents+json"
    answers = [Client().post("/api/v1/events", orjson.dumps(event), content_type=kind, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert (answers[2]["Retry-After"], answers[2].json()["code"]) == ("40", "too_many_calls")


def test_no_limit_counts_nothing(world: None, clock: list[datetime], settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    assert "RateLimit-Limit" not in staff("viewer").get("/api/v1/accounts")
    assert not ApiCalls.objects.exists()


def test_pages_of_other_sites(world: None, settings: Any) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
    assert "Access-Control-Allow-Origin" not in Client().options("/api/v1/commands/pay", headers=asked)
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    answer = Client().options("/api/v1/commands/pay", headers=asked)
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "idempotency-key" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    assert "Access-Control-Allow-Origin" not in Client().options("/my/", headers=asked)
