"""Celery's side of the clockwork: it says when work is looked for; the rows of the database say what is due."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from billing import clockwork, delivery
from billing.usage.partitions import keep_months


@shared_task(name="billing.tasks.advance_due")  # type: ignore[untyped-decorator]
def advance_due() -> dict[str, int]:
    """Bill everything that is due by now. Safe to run twice, late, and on any number of workers at once."""
    report = clockwork.run(until=timezone.now(), actor="clockwork")
    return {"accounts": report.accounts, "events": report.events, "parked": report.parked}


@shared_task(name="billing.tasks.deliver_effects")  # type: ignore[untyped-decorator]
def deliver_effects() -> dict[str, int]:
    """Deliver every effect that is due by now and has a handler. Safe to run twice, late, and on any number of workers at once."""
    report = delivery.deliver(until=timezone.now())
    return {"done": report.done, "later": report.later, "failed": report.failed, "stale": report.stale}


@shared_task(name="billing.tasks.keep_usage_months")  # type: ignore[untyped-decorator]
def keep_usage_months() -> dict[str, int]:
    """Make the tables of the coming months of use. Safe to run twice, late, and on any number of workers at once."""
    return {f"{month:%Y-%m}": moved for month, moved in keep_months(at=timezone.now()).items()}
