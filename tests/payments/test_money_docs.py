"""docs/money.md says what is posted: its stories are played, and every event posts what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from billing.engine import Outcome
from payments import commands
from tests.books import do, open_account, publish

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "money.md").read_text(encoding="utf-8")
OF_THE_HOUSE = ("receive", "bank_fee", "exchange")  # commands that name no account
STORIES = re.findall(r"^```money\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def played(story: str) -> str:
    """The story with what its commands posted."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    do("publish_rates", source="date,from,to,rate,source\n2026-01-02,EUR,USD,1.10,ECB\n")
    lines = []
    for line in story.splitlines():
        if line.strip() and not line.startswith(" "):
            date, name, *words = shlex.split(line)
            account = {} if name in OF_THE_HOUSE else {"account": "ana"}
            lines += [line, *shown(do(name, date, **account, **arguments(words)))]
    return "\n".join(lines) + "\n"


def arguments(words: list[str]) -> dict[str, Any]:
    pairs = [word.partition("=") for word in words]
    return {name: value[1:-1].split(",") if value.startswith("[") else value for name, _, value in pairs}


def shown(outcome: Outcome) -> list[str]:
    found = []
    for recorded in outcome.events:
        if recorded.command == "advance":
            continue
        legs = [
            f"{leg.ledger} {leg.amount:.2f}{'' if leg.currency == 'EUR' else f' {leg.currency}'}"
            for leg in getattr(getattr(recorded.event, "entry", None), "postings", ())
        ]
        found.append(f"    {recorded.event.kind}: {', '.join(legs) or 'no posting'}")
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.split()[1])
def test_the_page_shows_what_is_posted(story: str) -> None:
    assert played(story) == story


def test_the_page_shows_every_command() -> None:
    assert STORIES
    told = {line.split()[1] for story in STORIES for line in story.splitlines() if not line.startswith(" ")}
    assert {command.name for command in commands.COMMANDS} - told == set()
