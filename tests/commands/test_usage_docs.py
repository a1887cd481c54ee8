"""docs/usage.md says what happens: its files and commands are run, in order, and answer what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.books import do, open_account, publish

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "usage.md"
BLOCK = re.compile(r"^```(csv|jsonl|console) (.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CATALOGUE = """
catalogue: phone
currency: EUR
zone: Europe/Madrid
seller: {name: Phone Ltd, country: ES}
calendars:
  hours:
    bands: {evening: ["18:00-24:00"]}
    otherwise: day
meters:
  calls: {aggregate: sum, filter: {direction: [out]}, derive: {band: hours}}
plans:
  mobile:
    name: Mobile
    period: 1 month
    items:
      calls: {charge: usage, name: Calls, meter: calls, price: {model: unit, amount: "0.10"}}
"""


def run(words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.suppress(SystemExit):
        call_command(*words, stdout=out, stderr=io.StringIO(), no_color=True)
    return out.getvalue()


@pytest.mark.django_db
def test_the_page_shows_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(CATALOGUE)
    open_account("ana", zone="Europe/Madrid")
    do("subscribe", "2026-01-31T23:00", account="ana", plan="mobile")
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 11
    for kind, name, text in blocks:
        if kind == "console":
            assert run(name.split()) == text, name
        else:
            Path(name).write_text(text)
