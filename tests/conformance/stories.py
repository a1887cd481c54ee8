"""Cases told as scenarios, played by the player of `manage.py scenario`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from billing.scenario.player import played
from billing.scenario.reading import BadStory, read_story


def play(file: Path, *, isolation: Literal["database", "rollback"]) -> list[str]:
    """What does not hold, one line each; empty where the story holds. `rollback` plays it in a transaction of the open connection."""
    try:
        story = read_story(file, name=file.name)
    except BadStory as error:
        return [str(error)]
    with played(story, isolation=isolation) as outcome:
        faults = [f"{check.path}: expected {check.expected}, found {check.found}" for check in outcome.checks if not check.holds]
        if outcome.failure is not None:
            faults.append(f"{file.name}:{outcome.failure.line}: {outcome.failure.message}")
        if not outcome.checks:
            faults.append(f"{file.name} expects nothing")
    return faults
