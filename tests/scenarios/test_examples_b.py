"""The worlds of advertisements, software, cinema and cleaning; the amounts that they state, worked out once more.

At the end of every story the laws of the books hold, what a rebuild makes of the journal is what stands, and three bookkeeping programs
accept the export.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from billing.rebuilding import compare, find_streams
from billing.scenario.player import played
from billing.scenario.reading import find_stories, read_story
from billing.verification import verify
from plans.loader import read_catalogue
from plans.money import round_money
from tests.bookkeepers import assert_they_accept, they_are_here
from tests.books import assert_books_hold
from tests.scenarios.test_examples_a import name, parked, with_beats, wrong

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WORLDS = ("ads", "cinema", "cleaning", "saas")
STORIES = [file for world in WORLDS for file in find_stories(EXAMPLES / world)]


@pytest.mark.parametrize("world", WORLDS)
def test_a_world_has_its_files_and_a_good_catalogue(world: str) -> None:
    folder = EXAMPLES / world
    assert (folder / "README.md").read_text().startswith("# ")
    assert (folder / "story.yaml").exists()
    assert [str(problem) for problem in read_catalogue((folder / "catalogue.yaml").read_text(), name=world).problems] == []


def test_the_index_names_every_world() -> None:
    index = (EXAMPLES / "README.md").read_text()
    assert [folder.name for folder in sorted(EXAMPLES.iterdir()) if folder.is_dir() and f"]({folder.name}/)" not in index] == []


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


#: What the stories state, as exact sums of what is written beside them.
STATED = [
    ("saas/story.yaml", "11.61", Fraction(36) * 10 / 31),
    ("saas/story.yaml", "40.65", Fraction(60) * 21 / 31),
    ("saas/story.yaml", "56.81", Fraction("230.40") * 90 / 365),
    ("saas/story.yaml", "260.38", Fraction("345.60") * 275 / 365),
    ("saas/story-upgrade.yaml", "19.35", Fraction(60) * 10 / 31),
    ("saas/story-upgrade.yaml", "67.74", Fraction(100) * 21 / 31),
    ("saas/story-upgrade.yaml", "33.87", Fraction(50) * 21 / 31),
    ("saas/story-parts.yaml", "-3.64", -Fraction(10) * 881_112 / 2_419_200),
    ("saas/story-parts.yaml", "-16.02", -Fraction(31) * 384 / 743),
    ("saas/story-parts.yaml", "32.04", Fraction(62) * 384 / 743),
    ("ads/story.yaml", "1250.00", Fraction(1_000_003) * Fraction("1.25") / 1000),
    ("ads/story.yaml", "16.65", 37 * Fraction("0.45")),
    ("ads/story.yaml", "1156.00", Fraction(1700) * 68 / 100),
    ("ads/story.yaml", "11.32", Fraction(1156) - Fraction("1683.35") * 68 / 100),
    ("cinema/story.yaml", "17.76", Fraction(19) * 100 / 107),
    ("cinema/story.yaml", "60.75", Fraction(65) * 100 / 107),
    ("cinema/story.yaml", "39.26", (Fraction("60.75") + 2 * Fraction("8.88")) / 2),
    ("cleaning/story.yaml", "154.84", Fraction(300) * 16 / 31),
]


@pytest.mark.parametrize(("file", "stated", "exact"), STATED, ids=[f"{file}:{stated}" for file, stated, _ in STATED])
def test_a_stated_amount_is_the_rounded_exact_one(file: str, stated: str, exact: Fraction) -> None:
    assert format(round_money(exact, "EUR"), "f") == stated
    assert stated.lstrip("-") in (EXAMPLES / file).read_text()
