"""Celery's side of the clockwork: it says when work is looked for and on how many workers; the rows of the database say what is due.

Every task may run twice, late, or on any worker: what it does is claimed row by row. What people wait for (`urgent`) has a queue of its
own, apart from runs (`bulk`). A long run is cut into shares of limited time, so that a broker never thinks that a task was lost.
"""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing import clockwork, delivery, runs, upkeep
from billing.models.runs import RUNNING, Run
from billing.publications.commands import expire_overdue
from billing.usage.partitions import keep_months

logger = logging.getLogger(__name__)
ACTOR = "clockwork"


@shared_task(name="billing.tasks.advance_due")  # type: ignore[untyped-decorator]
def advance_due() -> dict[str, int]:
    """Bill everything that is due by now: a run, shared among as many workers as the settings allow. One that lost its workers goes on."""
    now = timezone.now()
    expire_overdue(at=now, actor=ACTOR)
    for lost in runs.silent(at=now):
        runs.resume(lost.pk, at=now)
        share.delay(lost.pk)
    due = clockwork.count_due(now)
    if not due or Run.objects.filter(kind="advance", status=RUNNING, dry_run=False).exists():
        return {"due": due, "shares": 0}
    run = runs.start("advance", until=now, by=ACTOR, at=now)
    shares = min(settings.RUN_SHARES, -(-due // clockwork.CHUNK))
    for _ in range(shares):
        share.delay(run.pk)
    return {"due": due, "shares": shares}


@shared_task(name="billing.tasks.share")  # type: ignore[untyped-decorator]
def share(number: int) -> dict[str, int]:
    """A share of a run: chunks until nothing is left, or until the share has had its time; then another share goes on."""
    run = Run.objects.filter(pk=number).first()
    if run is None or run.status != RUNNING:
        return {"done": 0}
    began = time.monotonic()
    over = runs.work_for(
        run,
        actor=ACTOR,
        chunk=clockwork.CHUNK,
        clock=timezone.now,
        enough=lambda: time.monotonic() - began > settings.RUN_SHARE_SECONDS,
    )
    if not over:
        share.delay(number)
    return {"done": run.done}


@shared_task(name="billing.tasks.deliver_effects")  # type: ignore[untyped-decorator]
def deliver_effects() -> dict[str, int]:
    """Deliver every effect that is due by now and has a handler."""
    report = delivery.deliver(until=timezone.now())
    return {"done": report.done, "later": report.later, "failed": report.failed, "stale": report.stale}


@shared_task(name="billing.tasks.keep_usage_months")  # type: ignore[untyped-decorator]
def keep_usage_months() -> dict[str, int]:
    """Make the tables of the coming months of use."""
    return {f"{month:%Y-%m}": moved for month, moved in keep_months(at=timezone.now()).items()}


@shared_task(name="billing.tasks.check_nightly")  # type: ignore[untyped-decorator]
def check_nightly() -> dict[str, int]:
    """Look for what must never be: broken chains, books that do not hold, read models that a rebuild would change, forgotten work."""
    found = upkeep.check(at=timezone.now(), by=ACTOR)
    if found.faults:
        logger.error("the nightly check found %d faults; run %d has them", found.faults, found.run)
    return {"streams": found.streams, "faults": found.faults}
