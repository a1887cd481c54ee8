"""Schedules that people change and beat keeps; and tasks that may run twice and late, however often beat rings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from billing import tasks
from billing.models import JournalEvent, Run
from config.celery import app
from config.schedules import KeptSchedules
from tests.books import moment
from tests.interfaces.callers import staff
from tests.interfaces.worlds import play

pytestmark = pytest.mark.django_db(transaction=True)  # beat ends connections as it likes


def beat() -> KeptSchedules:
    return KeptSchedules(app=app)


def change(who: Any, task: PeriodicTask, **given: str) -> Any:
    return who.post(f"/admin/django_celery_beat/periodictask/{task.pk}/change/", {"crontab": ""} | given)


def test_a_schedule_is_changed_in_the_office_and_beat_keeps_it() -> None:
    first = beat()
    assert first.schedule["advance"].schedule.run_every == timedelta(seconds=60)
    task, nightly = (PeriodicTask.objects.get(name=name) for name in ("advance", "nightly"))
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    boss = staff("administrator")
    assert "billing.tasks.advance_due" in boss.get(f"/admin/django_celery_beat/periodictask/{task.pk}/change/").content.decode()
    assert change(boss, task, interval=str(hourly.pk), enabled="on").status_code == 302
    assert first.schedule["advance"].schedule.run_every == timedelta(hours=1)
    assert beat().schedule["advance"].schedule.run_every == timedelta(hours=1)  # the next beat does not put the settings back
    assert change(boss, task, interval=str(hourly.pk)).status_code == 302
    assert "advance" not in beat().schedule
    assert change(boss, nightly, interval="", enabled="on").status_code == 200  # the form again: it needs a time
    nightly.refresh_from_db()
    assert nightly.crontab is not None
    assert staff("viewer").get("/admin/django_celery_beat/periodictask/").status_code == 200
    assert change(staff("clerk"), nightly, interval="").status_code == 403
    assert staff().get("/admin/django_celery_beat/periodictask/").status_code == 403


def test_every_task_that_beat_rings_for_may_run_twice_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weeks after beat last rang, and again: what is due is done once."""
    play()
    monkeypatch.setattr(tasks.share, "delay", lambda number: tasks.share(number))
    monkeypatch.setattr(timezone, "now", lambda: moment("2026-04-10"))
    ringing = [app.tasks[entry.task] for entry in beat().schedule.values() if entry.task.startswith("billing.")]
    assert len(ringing) == 4
    before = JournalEvent.objects.count()
    for task in ringing:
        task()
    done = JournalEvent.objects.count()
    assert done > before
    for task in (*ringing, *ringing):
        task()
    tasks.share(Run.objects.filter(kind="advance").latest("pk").pk)
    assert JournalEvent.objects.count() == done
