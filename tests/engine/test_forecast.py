"""What lies ahead: the timeline, and the forecast that the clockwork then fulfils."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from billing import journal, previews
from billing.queries.forecast import forecast, timeline
from plans.errors import Invalid
from tests.books import advance, do, documents, moment, open_account, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> str:
    publish()
    open_account()
    contract: str = do("subscribe", account="ana", plan="basic").made["contract"]
    do("change_plan", "2026-01-10", account="ana", plan="pro", when="period_end", reason="grows")
    do("pause", "2026-01-10", account="ana", when="2026-03-11")
    return contract


def output(command: str, *arguments: Any) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_a_forecast_is_what_then_happens(ana: str) -> None:
    before = journal.lock(["ana"])["ana"].sequence
    found = forecast("ana", at=moment("2026-01-20"), until=moment("2026-04-01"))
    assert journal.lock(["ana"])["ana"].sequence == before
    advance("2026-04-01")
    done = journal.read(["ana"], after=before)
    assert previews.digest(done) == previews.digest(found.events)
    assert [str(document.total) for _, document in found.documents] == [row[2] for row in documents()[1:]]
    assert found.after == previews.balances(["ana"])


def test_a_forecast_goes_forward_and_not_for_ever(ana: str) -> None:
    for until in ("2025-12-31", "2040-01-01"):
        with pytest.raises(Invalid) as refused:
            forecast("ana", at=moment("2026-01-20"), until=moment(until))
        assert refused.value.code == "out_of_range"


def test_the_timeline_names_what_is_known(ana: str) -> None:
    do("cancel", "2026-01-12", account="ana", when="2026-06-01")
    found = [(one.at, one.kind, one.what) for one in timeline("ana", at=moment("2026-01-12")) if one.kind != "work"]
    assert found == [
        (moment("2026-01-15"), "due", "INV-000001 is due: 24.14 EUR open"),
        (moment("2026-02-01"), "change", "change_plan (plan pro), asked by tester on 2026-01-10"),
        (moment("2026-02-01"), "period", f"the period of fee of {ana} (Basic) ends"),
        (moment("2026-03-11"), "change", "pause, asked by tester on 2026-01-10"),
        (moment("2026-06-01"), "end", f"{ana} (Basic) ends"),
    ]


def test_what_waits_for_a_person_stands_in_the_timeline_whenever_it_was(ana: str) -> None:
    first = do("resume", "2026-01-11", account="ana", when="2026-03-20")
    pause = next(one.source for one in timeline("ana", at=moment("2026-01-11")) if one.what.startswith("pause"))
    do("withdraw_change", "2026-01-12", account="ana", change=pause)
    [waiting] = [one for one in timeline("ana", at=moment("2026-05-01")) if one.kind == "waiting"]
    assert waiting.source == first.made["change"]
    assert waiting.what.endswith(f"waits for a person: the contract {ana} is not paused")


def test_on_the_command_line(ana: str) -> None:
    page = output("forecast", "ana", "--at", "2026-01-20", "--until", "2026-03-01")
    assert "ana until 2026-03-01 00:00Z, if nothing else happens" in page
    assert "balance 24.14 → 144.90 EUR" in page
    data = json.loads(output("forecast", "ana", "--at", "2026-01-20", "--until", "2026-03-01", "--json"))
    assert [document["total"] for document in data["documents"]] == ["60.38", "60.38"]
    assert data["balances"] == [{"currency": "EUR", "before": "24.14", "after": "144.90"}]
    assert "2026-02-01 00:00Z  change   change_plan (plan pro), asked by tester on 2026-01-10" in output(
        "schedule", "ana", "--at", "2026-01-20"
    )
    rows = json.loads(output("schedule", "ana", "--at", "2026-01-20", "--json"))
    assert [row["kind"] for row in rows if row["kind"] != "work"] == ["change", "period", "change"]


def test_an_account_that_is_not_there(ana: str) -> None:
    for command in (("schedule", "nobody"), ("forecast", "nobody", "--until", "2026-03-01")):
        with pytest.raises(SystemExit):
            output(*command)
