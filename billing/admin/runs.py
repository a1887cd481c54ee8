"""Runs while they go, and when they go: how far each is and how fast, stopped and resumed by commands; and the schedules of beat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.admin import ModelAdmin

from billing import runs
from billing.admin.base import caller_of, may_look
from billing.admin.rows import RowAdmin
from billing.models import Run
from billing.models.runs import RUNNING
from plans.errors import Conflict

SHOWN = 5


@dataclass(frozen=True)
class Shown:
    """A run as people read it."""

    address: str
    title: str
    status: str
    percent: int
    progress: str
    rate: str
    left: str
    faults: str


def shown(run: Run, at: datetime) -> Shown:
    pace = runs.pace(run, at=at)
    faults = [f"{count} {word}" for count, word in ((run.parked, "parked"), (run.failed, "failed")) if count]
    rehearsal = " (dry run)" if run.dry_run else ""
    return Shown(
        address=reverse("admin:billing_run_change", args=[run.pk]),
        title=f"{run.kind}{rehearsal} to {run.until:%Y-%m-%d %H:%M}",
        status="stopping" if run.status == RUNNING and run.stop_asked else run.status,
        percent=min(100 * run.done // run.expected, 100) if run.expected else 100,
        progress=f"{run.done:,} of {run.expected:,}",
        rate=f"{pace.per_second:,.1f}/s",
        left=str(pace.left) if pace.left else "",
        faults=", ".join(faults),
    )


def newest(at: datetime) -> list[Shown]:
    """The newest runs, for the dashboard."""
    return [shown(run, at) for run in Run.objects.order_by("-started_at", "-pk")[:SHOWN]]


@admin.register(Run)
class RunAdmin(RowAdmin):
    page_template = "admin/billing/run.html"
    list_display = ("id", "kind", "until", "state", "progress", "rate", "left", "parked", "failed", "started_at", "started_by")
    list_filter = ("kind", "status")
    search_fields = ("started_by", "note")
    ordering = ("-started_at", "-id")

    @admin.display(description="status")
    def state(self, run: Run) -> str:
        return shown(run, timezone.now()).status

    @admin.display
    def progress(self, run: Run) -> str:
        one = shown(run, timezone.now())
        return f"{one.progress} ({one.percent} %)"

    @admin.display
    def rate(self, run: Run) -> str:
        return shown(run, timezone.now()).rate

    @admin.display
    def left(self, run: Run) -> str:
        return shown(run, timezone.now()).left

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        at = timezone.now()
        return super().page(request, obj) | {"run": shown(obj, at), "going": obj.status == RUNNING, "buttons": _buttons(request, obj, at)}


def _buttons(request: HttpRequest, run: Run, at: datetime) -> list[tuple[str, str]]:
    """What may be said to the run: label, and the page of the command."""
    found = []
    for command, label, check in (("stop_run", "Stop", _stoppable), ("resume_run", "Go on", _resumable)):
        if caller_of(request).may_run(command) and check(run, at):
            found.append((label, f"{reverse('admin:billing_do', args=[command])}?run={run.pk}"))
    return found


def _stoppable(run: Run, at: datetime) -> bool:
    del at
    return run.status == RUNNING and not run.stop_asked


def _resumable(run: Run, at: datetime) -> bool:
    try:
        runs.check_resumable(run, at=at)
    except Conflict:
        return False
    return True


# --- when beat asks --------------------------------------------------------------------------------------------------------------------


class ByRole(ModelAdmin):
    """Who may stop runs may say when they begin; every role may look. These rows are beat's own, and no command writes them."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request) and caller_of(request).may_run("stop_run")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScheduleAdmin(ByRole):
    """When each task is rung for, and whether at all. Which tasks there are is the program's to say."""

    list_display = ("name", "enabled", "scheduler", "last_run_at", "total_run_count")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    fields = ("name", "task", "enabled", "interval", "crontab", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "last_run_at", "total_run_count")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


for model, page in ((PeriodicTask, ScheduleAdmin), (IntervalSchedule, ByRole), (CrontabSchedule, ByRole)):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
    admin.site.register(model, page)
