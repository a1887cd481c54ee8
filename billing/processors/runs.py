"""What people said to runs, done to their rows. A run is no read model: a rebuild says nothing to it."""

from __future__ import annotations

from billing import runs
from billing.engine import Batch
from billing.events import RunResumed, RunStopAsked


def process(batch: Batch) -> None:
    if batch.rebuilding:
        return
    for _, stopping in batch.of(RunStopAsked):
        runs.ask_to_stop(stopping.run)
    for recorded, resumed in batch.of(RunResumed):
        runs.reopen(resumed.run, at=recorded.effective_at)
