"""docs/wallets.md: its stories are played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "wallets.md").read_text(encoding="utf-8")
STORIES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("story", STORIES, ids=range(len(STORIES)))
def test_the_stories_of_the_page_hold(story: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "phone.yaml"
    path.write_text(story, encoding="utf-8")
    call_command("scenario", str(path))
    assert re.search(r"All \d+ expectations hold\.", capsys.readouterr().out)
