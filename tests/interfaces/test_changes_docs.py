"""docs/changes.md: every story on the page is played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import stories

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "changes.md").read_text(encoding="utf-8")
STORIES = re.findall(r"```yaml\n(scenario: (.*?)\n.*?)```", PAGE, re.DOTALL)


def test_the_page_tells_stories() -> None:
    assert len(STORIES) >= 5


@pytest.mark.django_db
@pytest.mark.parametrize("story", [text for text, _ in STORIES], ids=[title for _, title in STORIES])
def test_a_story_of_the_page_holds(story: str, tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(story, encoding="utf-8")
    assert stories.play(path, isolation="rollback") == []
