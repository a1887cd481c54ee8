"""The worlds of electricity, hotel, internet, telephone and deposit: every number in them was worked out from the published rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from billing import bulk
from billing.scenario.player import Played, played
from billing.scenario.reading import find_stories, read_story
from billing.scenario.story import Step, Story
from plans.loader import read_catalogue

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WORLDS = ("deposit", "electricity", "hotel", "isp", "phone")
STORIES = [file for world in WORLDS for file in find_stories(EXAMPLES / world)]
CATALOGUES = [file for world in WORLDS for file in (EXAMPLES / world).glob("*.yaml") if file not in STORIES]
BEATS = 24


def name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def wrong(outcome: Played) -> list[str]:
    return [str(outcome.failure)] * bool(outcome.failure) + [str(check) for check in outcome.checks if not check.holds]


def with_beats(story: Story) -> Story:
    """The same story with the clockwork run at evenly spaced moments between its steps, as often as a beat would."""
    first, last = story.steps[0].at, story.steps[-1].at
    beats = [Step(0, "story", first + (last - first) * i / BEATS) for i in range(1, BEATS)]
    return replace(story, steps=tuple(sorted((*beats, *story.steps), key=_moment)))


def _moment(step: Step) -> datetime:
    return step.at


def test_every_world_has_its_files() -> None:
    for world in WORLDS:
        folder = EXAMPLES / world
        assert (folder / "README.md").read_text().startswith("# ")
        assert (folder / "catalogue.yaml").exists()
        assert (folder / "story.yaml").exists()


@pytest.mark.parametrize("file", CATALOGUES, ids=name)
def test_a_catalogue_is_good(file: Path) -> None:
    loaded = read_catalogue(file.read_text(), name=file.name)
    assert [str(problem) for problem in loaded.problems] == []


@pytest.mark.django_db
@pytest.mark.parametrize("file", STORIES, ids=name)
def test_a_story_holds(file: Path) -> None:
    with played(read_story(file), isolation="rollback") as outcome:
        assert wrong(outcome) == []
        assert outcome.steps == len(outcome.story.steps)
        assert list(parked()) == []
        assert unbalanced() == []


@pytest.mark.django_db
@pytest.mark.parametrize("file", STORIES, ids=name)
def test_it_does_not_matter_how_often_the_beat_comes(file: Path) -> None:
    with played(with_beats(read_story(file)), isolation="rollback") as outcome:
        assert wrong(outcome) == []


def parked() -> Iterator[str]:
    for account, reason in bulk.fetch("SELECT stream, data->>'reason' FROM journal WHERE kind = 'account.parked'"):
        yield f"{account}: {reason}"


def unbalanced() -> list[tuple[str, int]]:
    """Events whose postings do not add up to 0 in a currency."""
    return bulk.fetch("SELECT account, sequence FROM read_posting GROUP BY account, sequence, currency HAVING sum(amount) <> 0")
