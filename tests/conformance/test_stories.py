"""Every case that is told as a story, played; and the page that says how all cases stand."""

from __future__ import annotations

import pytest

from tests.conformance import stories
from tests.conformance.registry import CASES, Case, cases
from tests.conformance.table import TABLE, written

TOLD = [case for case in cases() if case.play]


@pytest.mark.django_db
@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.id)
def test_a_story(case: Case) -> None:
    assert case.play is not None
    assert stories.play(case.play, isolation="rollback") == []


def test_no_story_is_left_out() -> None:
    assert {case.play for case in TOLD} == set(CASES.glob("*/stories/*.yaml"))


def test_the_page_is_up_to_date() -> None:
    assert TABLE.read_text() == written(cases()), "python -m tests.conformance"
