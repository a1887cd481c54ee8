"""Runs of the clockwork: people ask them to stop, and have them go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from billing import runs
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import RunResumed, RunStopAsked
from billing.journal import Draft

HOUSE = "house:runs"


@dataclass(frozen=True)
class OneRun:
    run: int
    reason: str = ""


def _house(args: Any) -> list[str]:
    del args
    return [HOUSE]


def stop_run(context: Context, args: OneRun) -> Decision:
    """Ask a run to stop after the chunk that it is at; what is left stays due, and another run or the same one does it."""
    runs.check_stoppable(runs.find(args.run))
    return Decision([Draft(HOUSE, RunStopAsked(run=args.run, reason=args.reason), context.at)])


def resume_run(context: Context, args: OneRun) -> Decision:
    """Have a run go on that was stopped, failed, or lost its workers: the next beat takes it up."""
    runs.check_resumable(runs.find(args.run), at=context.at)
    return Decision([Draft(HOUSE, RunResumed(run=args.run, reason=args.reason), context.at)])


COMMANDS = (
    Command("stop_run", "Stop a run after the chunk that it is at", OneRun, stop_run, _house),
    Command("resume_run", "Go on with a run that was stopped or failed", OneRun, resume_run, _house),
)
