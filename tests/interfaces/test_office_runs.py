"""Runs in the office: seen while they go, stopped and resumed by commands."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing import runs, tasks
from billing.models import JournalEvent, Run
from billing.models.runs import RUNNING, STOPPED
from plans.errors import Conflict
from tests.books import do, moment
from tests.interfaces.callers import staff

pytestmark = pytest.mark.django_db
NOW = moment("2026-02-20")


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def text(response: Any) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


@pytest.fixture
def run() -> Run:
    """Half done in fifty seconds: ten accounts a second, and as long again."""
    began = NOW - timedelta(seconds=50)
    made = runs.start("advance", until=NOW, by="beat", at=began)
    Run.objects.filter(pk=made.pk).update(expected=1000, done=500, parked=2, seen_at=NOW)
    made.refresh_from_db()
    return made


def page_of(run: Run) -> str:
    return f"/admin/billing/run/{run.pk}/change/"


def test_a_run_is_seen_while_it_goes(run: Run) -> None:
    viewer = staff("viewer")
    for shown in (text(viewer.get("/admin/billing/run/")), text(viewer.get(page_of(run))), text(viewer.get("/admin/"))):
        for words in ("500 of 1,000", "10.0/s", "0:00:50", "running"):
            assert words in shown, (words, shown[:300])
    page = viewer.get(page_of(run)).content.decode()
    assert '<progress max="100" value="50"' in page
    assert '<meta http-equiv="refresh"' in page
    assert "2 parked" in page
    assert "stop_run" not in page


def say(command: str, run: Run, who: Any) -> Any:
    address = f"/admin/billing/account/do/{command}/?run={run.pk}"
    shown = who.post(address, {"run": str(run.pk), "_step": "preview"})
    given = {
        name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', text_of(shown))
    }
    return who.post(address, given | {"_step": "confirm"}, follow=True)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_it_is_stopped_and_goes_on_by_commands(run: Run) -> None:
    boss = staff("administrator")
    assert f"do/stop_run/?run={run.pk}" in text_of(boss.get(page_of(run)))
    say("stop_run", run, boss)
    run.refresh_from_db()
    assert run.stop_asked
    assert JournalEvent.objects.get(kind="run.stop_asked").actor == "user:staff-administrator"
    runs.work(run, actor="worker", chunk=1, clock=lambda: NOW)
    assert run.status == STOPPED
    assert f"do/resume_run/?run={run.pk}" in text_of(boss.get(page_of(run)))
    say("resume_run", run, boss)
    assert [one.pk for one in runs.silent(at=NOW)] == [run.pk]


def test_the_next_beat_takes_up_what_is_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Run.objects.filter(pk=run.pk).update(status=STOPPED)
    do("resume_run", NOW, run=run.pk)
    rung: list[int] = []
    monkeypatch.setattr(tasks.share, "delay", rung.append)
    tasks.advance_due()
    run.refresh_from_db()
    assert (rung, run.status) == ([run.pk], RUNNING)


def test_what_is_over_is_refused_and_roles_are_kept(run: Run) -> None:
    assert staff("clerk").get(f"/admin/billing/account/do/stop_run/?run={run.pk}").status_code == 403
    with pytest.raises(Conflict) as refused:
        do("resume_run", NOW, run=run.pk)
    assert refused.value.code == "run_over"
    runs.work(run, actor="worker", chunk=100, clock=lambda: NOW)
    with pytest.raises(Conflict):
        do("stop_run", NOW, run=run.pk)
    Run.objects.filter(pk=run.pk).update(kind="verify", status="failed")
    with pytest.raises(Conflict):
        do("resume_run", NOW, run=run.pk)
