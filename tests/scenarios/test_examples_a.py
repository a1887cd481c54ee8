"""The worlds of electricity, hotel, internet, telephone and deposit: every number in them was worked out from the published rule.

At the end of every story the laws of the books hold, what a rebuild makes of the journal is what stands, and three bookkeeping programs
accept the export.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from billing import bulk
from billing.rebuilding import compare, find_streams
from billing.scenario.player import Played, played
from billing.scenario.reading import find_stories, read_story
from billing.scenario.story import Step, Story
from billing.verification import verify
from plans.loader import read_catalogue
from tests.bookkeepers import assert_they_accept, they_are_here
from tests.books import assert_books_hold
from tests.scenarios.conftest import told

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
def test_a_story_holds_and_bookkeepers_accept_its_books(file: Path, tmp_path: Path) -> None:
    with played(read_story(file), isolation="rollback") as outcome:
        assert wrong(outcome) == []
        assert outcome.steps == len(outcome.story.steps)
        assert list(parked()) == []
        assert_books_hold()
        assert compare(find_streams([])) == []
        assert verify().faults == []
        if they_are_here():
            assert_they_accept(tmp_path)


@pytest.mark.django_db
@pytest.mark.parametrize("file", STORIES, ids=name)
def test_it_does_not_matter_how_often_the_beat_comes(file: Path) -> None:
    with played(with_beats(read_story(file)), isolation="rollback") as outcome:
        assert wrong(outcome) == []


def parked() -> Iterator[str]:
    for account, reason in bulk.fetch("SELECT stream, data->>'reason' FROM journal WHERE kind = 'account.parked'"):
        yield f"{account}: {reason}"


# --- what these worlds taught the engine, each as small as it can be

READINGS = """\
scenario: Readings
currency: EUR
catalogue:
  catalogue: readings
  currency: EUR
  meters:
    energy: {aggregate: register, register: {spread: end}}
    by-day: {aggregate: register, reads: energy}
    devices: {aggregate: max}
  plans:
    days:
      period: 2 months
      items: {fixed: {meter: energy, price: {model: flat, amount: "30.00"}, per_days: 30, proration: none}}
    late:
      period: 1 month
      invoice: {when: charges, grace: 5 days}
      items: {zeal: {price: "1.00", timing: arrears}, use: {meter: by-day, price: "0.10"}}
    picked:
      period: 1 month
      items:
        use:
          meter: by-day
          choose: {by: devices, tiers: [{up_to: 2, price: {model: unit, amount: "0.10"}}, {price: {model: unit, amount: "0.20"}}]}
accounts: {ana: ~}
story:
"""


def tell_readings(steps: str) -> list[str]:
    with played(told(steps, head=READINGS), isolation="rollback") as outcome:
        return wrong(outcome)


def reading(value: int, at: str) -> str:
    return f"{{account: ana, meter: energy, kind: reading, value: {value}, at: {at}}}"


@pytest.mark.django_db
def test_a_price_for_days_counts_those_between_the_readings() -> None:
    steps = f"""
  - {{at: 2026-01-01, do: subscribe, account: ana, plan: days}}
  - {{at: 2026-02-25, usage: [{reading(100, "2026-01-01")}, {reading(300, "2026-02-20")}]}}
  - {{at: 2026-03-01, expect: {{ana: {{unbilled: 0, owed: "50.00"}}}}}}
"""
    assert tell_readings(steps) == []


@pytest.mark.django_db
def test_what_comes_in_the_grace_goes_on_the_same_document_in_the_order_of_the_plan() -> None:
    lines = '[{item: zeal, amount: "1.00"}, {item: use, amount: "20.00"}]'
    steps = f"""
  - {{at: 2026-01-01, do: subscribe, account: ana, plan: late}}
  - {{at: 2026-02-03, usage: [{reading(100, "2026-01-01")}, {reading(300, "2026-02-01")}], expect: {{ana: {{unbilled: "21.00"}}}}}}
  - {{at: 2026-02-06, expect: {{ana: {{unbilled: 0, invoices: [{{lines: {lines}}}]}}}}}}
"""
    assert tell_readings(steps) == []


@pytest.mark.django_db
def test_the_meter_that_picks_a_price_has_the_name_of_the_quantity() -> None:
    steps = f"""
  - {{at: 2026-01-01, do: subscribe, account: ana, plan: picked}}
  - at: 2026-01-31
    usage: [{reading(100, "2026-01-01")}, {reading(300, "2026-02-01")}, {{account: ana, meter: devices, value: 3, at: 2026-01-09}}]
  - {{at: 2026-02-01, expect: {{ana: {{owed: "40.00"}}}}}}
"""
    assert tell_readings(steps) == []
