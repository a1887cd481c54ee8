"""What is looked at every night: chains and books of a sample of streams (each night another one), their read models, and unbilled work.

The sample goes round: each stream has its night, named by its hash, so that all are looked at once in `NIGHTS` nights.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from billing import journal
from billing.models.runs import DONE, FAILED, Run
from billing.queries.unbilled import unbilled
from billing.rebuilding import compare
from billing.verification import verify

NIGHTS = 28
SHOWN = 20


@dataclass(frozen=True)
class Found:
    """How many streams were looked at, what was wrong with them, and the run that says so."""

    streams: int
    faults: int
    run: int


def tonight(streams: Iterable[str], at: datetime) -> list[str]:
    """The streams whose night it is."""
    night = at.toordinal() % NIGHTS
    return [stream for stream in streams if zlib.crc32(stream.encode()) % NIGHTS == night]


def check(*, at: datetime, by: str, streams: Iterable[str] | None = None) -> Found:
    """Look at tonight's streams (or those named) and keep the answer as a run. Changes nothing else."""
    chosen = tonight(journal.stream_ids(), at) if streams is None else list(streams)
    run = Run.objects.create(kind="verify", until=at, started_at=at, started_by=by, seen_at=at, expected=len(chosen))
    said = [f"{fault.where}: {fault.message} [{fault.code}]" for fault in verify(chosen).faults] if chosen else []
    said += [f"{one.table}: a rebuild would change {one.row[:200]}" for one in compare(chosen)]
    said += [f"{missing.account} is not billed: {missing.reason} [{missing.code}]" for missing in unbilled(at=at)]
    Run.objects.filter(pk=run.pk).update(
        status=FAILED if said else DONE, finished_at=at, done=len(chosen), failed=len(said), note="\n".join(said[:SHOWN])
    )
    return Found(len(chosen), len(said), run.pk)
