"""Runs: all work of a kind up to a moment, in chunks that any number of workers share; visible while it goes, stopped and resumed.

What is due is in the rows of the database, not in the run: a run that dies leaves nothing half done, and resuming it, or starting another,
does what is left. The run's own row is written after each chunk, in a transaction of its own, so that no chunk waits for another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Protocol

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from billing import bulk, clockwork, delivery
from billing.models.runs import DONE, FAILED, RUNNING, STOPPED, Run
from plans.errors import Conflict, NotFound

KINDS = ("advance", "effects")
#: For how long a chunk of accounts is meant to hold its locks, and how few accounts it is begun with: its size follows from how long the
#: chunk before it took. Commands for an account of the chunk wait so long, and so much is lost where its worker dies.
HOLD_SECONDS = Fraction(1, 4)
FEWEST = 10


@dataclass
class Progress:
    """What one chunk did."""

    done: int = 0
    events: int = 0
    parked: int = 0
    failed: int = 0


class Chunk(Protocol):
    """Does one chunk of the work; answers what it did, and whether something is left."""

    def __call__(self) -> tuple[Progress, bool]: ...


def start(kind: str, *, until: datetime, by: str, at: datetime, dry_run: bool = False) -> Run:
    """A new run. It expects what is due now; usage that arrives meanwhile adds to it."""
    expected = _due(kind, until)
    return Run.objects.create(kind=kind, until=until, dry_run=dry_run, started_at=at, started_by=by, seen_at=at, expected=expected)


def _due(kind: str, until: datetime) -> int:
    if kind == "effects":
        return int(bulk.fetch("SELECT count(*) FROM effect WHERE state = 'owed' AND due_at <= %s", [until])[0][0])
    return clockwork.count_due(until)


def work(run: Run, *, actor: str, chunk: int, clock: Callable[[], datetime], known_at: datetime | None = None) -> Run:
    """Work on the run until nothing is left or somebody asks it to stop. The clock tells only when it was worked on."""
    work_for(run, actor=actor, chunk=chunk, clock=clock, known_at=known_at, enough=lambda: False)
    return run


def work_for(
    run: Run,
    *,
    actor: str,
    chunk: int,
    clock: Callable[[], datetime],
    enough: Callable[[], bool],
    known_at: datetime | None = None,
) -> bool:
    """Work on the run until it is over, or until it is `enough` for this worker; answers whether it is over."""
    do = chunks(run, actor=actor, size=chunk, known_at=known_at)
    try:
        while True:
            progress, more = do()
            if not _keep(run, progress, at=clock()):
                _finish(run, STOPPED, at=clock())
                return True
            if not more:
                _finish(run, DONE, at=clock())
                return True
            if enough():
                return False
    except Exception as error:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()  # where the server went away, what follows asks for a new connection
        _finish(run, FAILED, at=clock(), note=f"{type(error).__name__}: {error}"[:500])
        raise


def chunks(run: Run, *, actor: str, size: int, known_at: datetime | None) -> Chunk:
    """How a chunk of the run's kind is done."""
    if run.kind == "effects":
        return lambda: _effects(run.until, size, known_at)
    if run.dry_run:
        return _Rehearsed(run.until, actor, size)
    return _Advanced(run.until, actor, size, known_at)


class _Advanced:
    """Chunks of at most `most` accounts, sized by time. It remembers which were busy, so that they are not claimed over and over but left
    to the next run."""

    def __init__(self, until: datetime, actor: str, most: int, known_at: datetime | None) -> None:
        self.until, self.actor, self.most, self.known_at = until, actor, most, known_at
        self.size = min(FEWEST, most)
        self.busy: set[str] = set()

    def __call__(self) -> tuple[Progress, bool]:
        report = clockwork.RunReport(busy=self.busy)
        began = time.perf_counter_ns()
        claimed = clockwork.run_chunk(until=self.until, actor=self.actor, known_at=self.known_at, chunk=self.size, report=report)
        if claimed == self.size:
            self.size = sized(self.size, Fraction(time.perf_counter_ns() - began, 10**9), most=self.most)
        return Progress(report.accounts, report.events, report.parked), bool(claimed)


def sized(size: int, seconds: Fraction, *, most: int) -> int:
    """How many accounts the next chunk takes, where `size` of them took so long: as many as are done in HOLD_SECONDS, at most four times as
    many as before, and never more than `most` or fewer than one."""
    fits = size * HOLD_SECONDS / seconds if seconds > 0 else 4 * size
    return max(1, min(int(fits), 4 * size, most))


def _effects(until: datetime, size: int, known_at: datetime | None) -> tuple[Progress, bool]:
    report = delivery.deliver_chunk(until=until, known_at=known_at, chunk=size)
    return Progress(done=report.done + report.later, failed=report.failed), bool(report.attempts)


class _Rehearsed:
    """Chunks of a dry run: each is undone, so the next begins after the last account."""

    def __init__(self, until: datetime, actor: str, size: int) -> None:
        self.until, self.actor, self.size, self.after = until, actor, size, ""

    def __call__(self) -> tuple[Progress, bool]:
        accounts, report = clockwork.rehearse_chunk(until=self.until, actor=self.actor, chunk=self.size, after=self.after)
        self.after = accounts[-1] if accounts else self.after
        return Progress(report.accounts, report.events, report.parked), bool(accounts)


def _keep(run: Run, progress: Progress, *, at: datetime) -> bool:
    """Add what a chunk did; answers whether to go on."""
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(
            done=F("done") + progress.done,
            events=F("events") + progress.events,
            parked=F("parked") + progress.parked,
            failed=F("failed") + progress.failed,
            seen_at=at,
        )
    run.refresh_from_db()
    return not run.stop_asked


def _finish(run: Run, status: str, *, at: datetime, note: str = "") -> Run:
    """The first who finds nothing left says so; who stops, or fails, says that."""
    Run.objects.filter(pk=run.pk, status=RUNNING).update(status=status, finished_at=at, seen_at=at, note=note)
    run.refresh_from_db()
    return run


# --- what people say to runs --------------------------------------------------------------------------------------------------------


def find(number: int) -> Run:
    """Raises NotFound `unknown_run`."""
    found = Run.objects.filter(pk=number).first()
    if found is None:
        raise NotFound("unknown_run", f"there is no run {number}", at="run")
    return found


def check_stoppable(run: Run) -> None:
    """Raises Conflict `run_over` for a run that is over."""
    if run.status != RUNNING:
        raise Conflict("run_over", f"the run {run.pk} is {run.status}", at="run")


def check_resumable(run: Run, *, at: datetime) -> None:
    """Raises Conflict `run_over` for a run that is done, or worked on, and for one that no row of the database says how to go on with."""
    if run.kind not in KINDS or run.status == DONE or (run.status == RUNNING and at - run.seen_at < silent_after()):
        raise Conflict("run_over", f"the run {run.pk} ({run.kind}) is {run.status}; there is nothing to resume", at="run")


def resume(number: int, *, at: datetime) -> Run:
    """Go on with it at once, as who works on it. Raises Conflict `run_over` where it is done, or worked on."""
    run = find(number)
    check_resumable(run, at=at)
    Run.objects.filter(pk=number).update(status=RUNNING, stop_asked=False, finished_at=None, seen_at=at, note="")
    run.refresh_from_db()
    return run


@dataclass(frozen=True)
class Pace:
    """How fast a run goes, and how long it will still take at that pace; None where nothing can be said."""

    per_second: float  # accounts or effects; for people, no amount
    left: timedelta | None


def pace(run: Run, *, at: datetime) -> Pace:
    seconds = ((run.finished_at or at) - run.started_at).total_seconds()
    rate = run.done / seconds if seconds > 0 else 0
    remaining = max(run.expected - run.done, 0)
    left = timedelta(seconds=round(remaining / rate)) if rate and run.status == RUNNING else None
    return Pace(rate, left)


def silent_after() -> timedelta:
    """A run of which nobody said anything for so long has lost its workers. Taking up one that has not is harmless: one worker more."""
    return timedelta(seconds=settings.RUN_SILENT_SECONDS)


def silent(*, at: datetime) -> list[Run]:
    """Runs that nobody works on any more although they are not over."""
    return list(Run.objects.filter(status=RUNNING, seen_at__lt=at - silent_after()).order_by("pk"))
