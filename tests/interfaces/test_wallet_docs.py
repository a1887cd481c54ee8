"""docs/wallets.md: its story is played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "wallets.md").read_text(encoding="utf-8")


@pytest.mark.django_db(transaction=True)
def test_the_story_of_the_page_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [story] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "phone.yaml"
    path.write_text(story, encoding="utf-8")
    call_command("scenario", str(path))
    assert "All 12 expectations hold." in capsys.readouterr().out
