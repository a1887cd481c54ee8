"""What people said to runs, done to their rows. A run is no read model: a rebuild says nothing to it."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from billing.events import RunResumed, RunStopAsked
from billing.models.runs import RUNNING, Run
from billing.pipeline import Batch


def process(batch: Batch) -> None:
    if batch.rebuilding:
        return
    for _, stopping in batch.of(RunStopAsked):
        Run.objects.filter(pk=stopping.run).update(stop_asked=True)
    for recorded, resumed in batch.of(RunResumed):
        long_ago = recorded.effective_at - timedelta(seconds=settings.RUN_SILENT_SECONDS + 1)  # so the next beat takes it up
        Run.objects.filter(pk=resumed.run).update(status=RUNNING, stop_asked=False, finished_at=None, seen_at=long_ago, note="")
