"""docs/money.md says what is posted: its stories are played, and every event posts what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from billing import bulk, journal
from billing.engine import Outcome
from payments import commands
from payments.statements.booking import book
from payments.statements.files import read_statement
from tests.books import CATALOGUE, advance, do, moment, open_account, publish

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "money.md").read_text(encoding="utf-8")
OF_THE_HOUSE = ("receive", "bank_fee", "explain_line", "exchange")  # commands that name no account
#: (what the invoice's payment terms say beside their 14 days, or `bank: ` and a line of a statement; the story)
STORIES = re.findall(r"^```money ?(.*?)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def played(terms: str, story: str) -> str:
    """The story with what its commands posted. The line `DATE clock` lets the clockwork run until then."""
    bank, _, line = terms.partition("bank: ")
    terms = bank if line else terms
    publish(CATALOGUE.replace("{days: 14}", f"{{days: 14, {terms}}}") if terms else CATALOGUE)
    if line:
        book(
            read_statement(f"date;amount;text;reference\n{line}\n".encode(), form="csv", own=""),
            seller="main",
            file="x",
            at=moment("2026-01-07"),
        )
    open_account()
    open_account("ben")
    do("subscribe", account="ana", plan="basic")
    do("publish_rates", source="date,from,to,rate,source\n2026-01-02,EUR,USD,1.10,ECB\n")
    lines = []
    for line in story.splitlines():
        if line.strip() and not line.startswith(" "):
            date, name, *words = shlex.split(line)
            if name == "clock":
                lines += [line, *charged(date)]
                continue
            account = {} if name in OF_THE_HOUSE else {"account": "ana"}
            lines += [line, *shown(do(name, date, **account, **arguments(words)))]
    return "\n".join(lines) + "\n"


def arguments(words: list[str]) -> dict[str, Any]:
    pairs = [word.partition("=") for word in words]
    return {name: value[1:-1].split(",") if value.startswith("[") else value for name, _, value in pairs}


def shown(outcome: Outcome) -> list[str]:
    events = [recorded.event for recorded in outcome.events if recorded.command != "advance"]
    return [line for event in events for line in shown_event(event)]


def shown_event(event: Any) -> list[str]:
    legs = [
        f"{leg.ledger} {leg.amount:.2f}{'' if leg.currency == 'EUR' else f' {leg.currency}'}"
        for leg in getattr(getattr(event, "entry", None), "postings", ())
    ]
    return [f"    {event.kind}: {', '.join(legs) or 'no posting'}"]


def charged(until: str) -> list[str]:
    """What the clockwork does by then, without the books of the month."""
    before = bulk.fetch("SELECT max(sequence) FROM journal WHERE stream = 'ana'")[0][0]
    advance(until)
    events = [recorded for recorded in journal.read(["ana"], after=before) if recorded.event.kind != "revenue.recognised"]
    return [line for recorded in events for line in shown_event(recorded.event)]


@pytest.mark.django_db
@pytest.mark.parametrize(("terms", "story"), STORIES, ids=[" ".join(story.split()[1:2]) for _, story in STORIES])
def test_the_page_shows_what_is_posted(terms: str, story: str) -> None:
    assert played(terms, story) == story


def test_the_page_shows_every_command() -> None:
    assert STORIES
    told = {line.split()[1] for _, story in STORIES for line in story.splitlines() if not line.startswith(" ")}
    assert {command.name for command in commands.COMMANDS} - told == set()
