"""`manage.py scenario` and `manage.py demo`: what they print, and their exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from billing.scenario.reading import is_story
from tests.scenarios.conftest import DATA, HEAD

STORY = DATA / "three_nights.yaml"
SALE = "  - {at: 2026-01-01, do: sell, account: ana, item: ticket, expect: {ana: {owed: 10}}}\n"


def run(*arguments: object) -> int:
    """The exit status."""
    try:
        call_command(*map(str, arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def count(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
def test_a_story_that_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scenario", STORY) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Three nights and the minibar"
    assert lines[5] == "Ana Ruiz (ana)                                             owes 152.00 EUR"
    assert lines[7] == "    Night  3 × 100.00                                               300.00"
    assert "  ✓ ana.invoices[1].lines[3].quantity: 2.5" in lines
    assert lines[-2] == "All 16 expectations hold."


@pytest.mark.django_db
def test_a_story_that_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(HEAD + SALE.replace("owed: 10", "owed: 11"))
    assert run("scenario", file) == 1
    out = capsys.readouterr().out
    assert "  ✗ ana.owed: expected 11.00, found 10.00 (line 16)\n" in out
    assert f"1 of 1 expectations of {file} do not hold." in out


@pytest.mark.django_db
def test_one_json_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text("scenario: Bad\nstory: []\n")
    (tmp_path / "good.yaml").write_text(HEAD + SALE)
    (tmp_path / "other.yaml").write_text("catalogue: not-a-story\n")
    assert run("scenario", tmp_path, "--json") == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["holds"] is False
    assert document["problems"] == [f"{tmp_path}/bad.yaml:2: story: a story needs at least one step [missing_field]"]
    assert captured.err.strip() == document["problems"][0]
    [story] = document["stories"]
    assert (story["scenario"], story["holds"], story["failure"]) == ("A test", True, None)
    assert story["expectations"] == [{"path": "ana.owed", "expected": "10.00", "found": "10.00", "holds": True, "line": 16}]
    assert story["accounts"]["ana"]["amounts"][0]["balance"] == "10"
    assert story["accounts"]["ana"]["documents"][0]["lines"][0]["item"] == "ticket"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["missing.yaml", "empty"])
def test_what_is_not_there(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run("scenario", tmp_path / name) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.django_db
def test_until(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scenario", STORY, "--until", "2026-03-03") == 0
    out = capsys.readouterr().out
    assert "Played to 2026-03-03 00:00 Europe/Madrid: 3 steps" in out
    assert "Charged and on no document yet" in out
    assert run("scenario", STORY, "--until", "noon") == 2
    assert "--until: 'noon' is not a time" in capsys.readouterr().err


@pytest.mark.django_db
def test_keep(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scenario", STORY, "--keep") == 0
    assert "Kept as scenario-three-nights-and-the-ana." in capsys.readouterr().out
    assert count("SELECT count(*) FROM read_invoice WHERE account = 'scenario-three-nights-and-the-ana' AND seller = 'scenario'") == 1


def test_schema_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scenario", "--schema") == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["scenario", "story"]
    assert run("scenario", "--commands") == 0
    assert "pay: Take a payment for the invoices that it names\n    account    text, required\n" in capsys.readouterr().out
    assert run("scenario", "--commands", "--json") == 0
    found = {one["command"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["pay"]["arguments"][1] == {"name": "amount", "type": "number", "required": True}
    assert run("scenario") == 2


def world(folder: Path, name: str, steps: str) -> None:
    (folder / name).mkdir()
    (folder / name / "story.yaml").write_text(HEAD + steps)
    assert is_story(folder / name / "story.yaml")


@pytest.mark.django_db
def test_the_demo_plays_each_world_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world(tmp_path, "fair", SALE)
    world(tmp_path, "theatre", SALE)
    assert run("demo", "--examples", tmp_path) == 0
    first, events = capsys.readouterr().out, count("SELECT count(*) FROM journal")
    assert "fair-ana" in first
    assert "    Invoice INV-000001 of 2026-01-01, due 2026-01-01: 10.00 EUR\n        Ticket = 10.00\n" in first
    assert "manage.py why fair-ana" in first
    assert run("demo", "--examples", tmp_path) == 0
    assert capsys.readouterr().out == first
    assert count("SELECT count(*) FROM journal") == events
    assert count("SELECT count(DISTINCT seller) FROM read_account") == 2


@pytest.mark.django_db
def test_of_a_world_that_fails_nothing_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world(tmp_path, "fair", SALE)
    world(tmp_path, "broken", SALE + "  - {at: 2026-01-02, do: sell, account: ana, item: tickt}\n")
    assert run("demo", "--examples", tmp_path) == 1
    captured = capsys.readouterr()
    assert "broken/story.yaml:17: sell was refused: " in captured.err
    assert "fair-ana" in captured.out
    assert count("SELECT count(*) FROM read_account WHERE seller = 'broken'") == 0


@pytest.mark.django_db
def test_a_demo_without_worlds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--examples", tmp_path) == 0
    assert capsys.readouterr().out == "There are no worlds to play yet.\n"
