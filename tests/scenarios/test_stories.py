"""Stories played whole: the one of the documentation exactly as it is written there, and one that says everything a story can say."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest

from billing.scenario.player import played
from billing.scenario.reading import find_stories, is_story, read_story
from billing.scenario.schema import schema
from plans.strict_yaml import load_file

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data"
STORIES = find_stories(DATA)


def test_the_stories_are_found_and_the_catalogue_is_none() -> None:
    assert [file.name for file in STORIES] == ["phone_and_cafe.yaml", "three_nights.yaml"]
    assert not is_story(DATA / "catalogue.yaml")


@pytest.mark.django_db
@pytest.mark.parametrize("isolation", ["database", "rollback"])
@pytest.mark.parametrize("file", STORIES, ids=lambda file: file.stem)
def test_a_story_holds(file: Path, isolation: str) -> None:
    with played(read_story(file), isolation=isolation) as outcome:
        assert outcome.failure is None
        assert [check for check in outcome.checks if not check.holds] == []
        assert len(outcome.checks) >= 16


def test_the_documentation_shows_the_story_that_is_played() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "scenarios.md").read_text(), re.S)
    assert (DATA / "three_nights.yaml").read_text() in blocks
    assert (DATA / "catalogue.yaml").read_text() in blocks


def test_the_documentation_names_every_fact() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text()
    facts = schema()["$defs"]["Facts"]["properties"]
    assert [fact for fact in facts if f"`{fact}`" not in text] == []


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", [*STORIES, *find_stories(ROOT / "examples")], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_schema_takes_every_story(file: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    found = validator.iter_errors(load_file(file.read_bytes(), name=file.name).value)
    assert [f"{error.json_path}: {error.message}" for error in found] == []


@pytest.mark.parametrize(
    "change",
    [
        {"storyy": []},
        {"story": []},
        {"story": [{"at": "2026-01-01"}]},
        {"story": [{"do": "pay", "account": "ana", "amount": "1"}]},
        {"story": [{"at": "2026-01-01", "do": "sing"}]},
        {"story": [{"at": "2026-01-01", "do": "pay", "account": "ana"}]},
        {"story": [{"at": "2026-01-01", "do": "pay", "account": "ana", "amount": "1", "mount": "1"}]},
        {"story": [{"at": "2026-01-01", "amount": "1", "expect": {}}]},
        {"story": [{"at": "2026-01-01", "expect": {"ana": {"oved": "1"}}}]},
        {"story": [{"at": "2026-01-01", "expect": {"ana": {"invoices": [{"sum": "1"}]}}}]},
        {"story": [{"at": "2026-01-01", "usage": [{"account": "ana", "meter": "x", "vaule": "1"}]}]},
        {"accounts": {"ana": {"nmae": "Ana"}}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, object]) -> None:
    good = {"scenario": "A", "accounts": {"ana": None}, "story": [{"at": "2026-01-01", "expect": {"ana": {"owed": "0"}}}]}
    validator = jsonschema.Draft202012Validator(schema())
    assert validator.is_valid(good)
    assert not validator.is_valid(good | change)
