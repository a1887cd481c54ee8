"""docs/changes.md and docs/contracts.md: every story on the pages is played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import stories

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [(DOCS / name).read_text(encoding="utf-8") for name in ("changes.md", "contracts.md")]
STORIES = [story for page in PAGES for story in re.findall(r"```yaml\n(scenario: (.*?)\n.*?)```", page, re.DOTALL)]


def test_the_pages_tell_stories() -> None:
    assert len(STORIES) >= 9


@pytest.mark.django_db
@pytest.mark.parametrize("story", [text for text, _ in STORIES], ids=[title for _, title in STORIES])
def test_a_story_of_the_page_holds(story: str, tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(story, encoding="utf-8")
    assert stories.play(path, isolation="rollback") == []
