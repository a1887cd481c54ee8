"""Every case that is told as a story, played; and the page that says how all cases stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import stories
from tests.conformance.registry import CASES, cases
from tests.conformance.table import TABLE, written

TOLD = sorted({case.play for case in cases() if case.play})  # a story may tell several cases, an account each


@pytest.mark.django_db
@pytest.mark.parametrize("play", TOLD, ids=lambda play: play.stem)
def test_a_story(play: Path) -> None:
    assert stories.play(play, isolation="rollback") == []


def test_no_story_is_left_out() -> None:
    assert set(TOLD) == set(CASES.glob("*/stories/*.yaml"))


def test_the_page_is_up_to_date() -> None:
    assert TABLE.read_text() == written(cases()), "python -m tests.conformance"
