"""`manage.py scenario FILE|FOLDER...`: play stories, as `docs/scenarios.md` describes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError

from billing.command import registry
from billing.scenario import report, schema
from billing.scenario.player import Played, played
from billing.scenario.reading import BadStory, find_stories, read_story
from billing.scenario.statement import Statement, statement
from billing.scenario.story import Story
from plans.errors import Invalid, Refusal
from plans.periods import parse_time

HOLDS, DIFFERS, BAD = 0, 1, 2
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Play stories: a readable statement for each account, every expectation marked. "
        "Exit status: 0 all expectations hold; 1 some do not; 2 a file is bad, or the database can't be used."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="*", metavar="FILE|FOLDER", help="stories, or folders that hold them")
        parser.add_argument("--json", action="store_true", help="the outcome as one JSON document, nothing else on standard output")
        parser.add_argument("--keep", action="store_true", help="play into the configured database, under the seller `scenario`")
        parser.add_argument("--until", metavar="T", help="stop there, in the story's zone")
        parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the format")
        parser.add_argument("--commands", action="store_true", help="print every command, its arguments and their types")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["schema"]:
            self._print(json.dumps(schema.schema(), indent=1, ensure_ascii=False))
        elif options["commands"]:
            self._print(_commands_json() if options["json"] else _commands_text())
        elif not options["paths"]:
            self.stderr.write("Name a story or a folder of stories; --schema and --commands say what they may hold.")
            sys.exit(BAD)
        else:
            try:
                self._exit(self._all(options))
            except KeyboardInterrupt:
                self.stderr.write("Interrupted; what was played is dropped, unless --keep committed it.")
                sys.exit(INTERRUPTED)

    def _all(self, options: dict[str, Any]) -> int:
        outcomes, problems, code = [], [], HOLDS
        for path in options["paths"]:
            found = find_stories(Path(path))
            if not found:
                problems.append(f"{path}: there is no story in this folder")
                code = BAD
            for file in found:
                try:
                    outcome = self._one(file, options)
                    outcomes.append(outcome)
                    code = code if outcome["holds"] else max(code, DIFFERS)
                except (BadStory, Refusal, DatabaseError, psycopg.Error) as error:
                    problems += _problems(error, file)
                    code = BAD
        if options["json"]:
            document = {"holds": code == HOLDS, "stories": outcomes, "problems": problems}
            self._print(json.dumps(document, indent=1, ensure_ascii=False))
        for problem in problems:
            self.stderr.write(problem)
        return code

    def _one(self, file: Path, options: dict[str, Any]) -> dict[str, Any]:
        story = read_story(file)
        until = _until(story, options["until"])
        with played(story, until=until, isolation="shared" if options["keep"] else "database") as outcome:
            statements = _statements(outcome)
        if not options["json"]:
            self._print(report.as_text(outcome, statements))
            if outcome.setting.shared:
                self._print("Kept as " + ", ".join(outcome.ids.values()) + ".")
            self._print("")
        return report.as_document(outcome, statements)

    def _print(self, text: str) -> None:
        self.stdout.write(text)

    def _exit(self, code: int) -> None:
        if code:
            sys.exit(code)


def _until(story: Story, text: str | None) -> datetime | None:
    return None if text is None else parse_time(text, story.zone, "--until")


def _statements(outcome: Played) -> list[Statement]:
    return [statement(key, account, at=outcome.moment) for key, account in outcome.ids.items()]


def _problems(error: Exception, file: Path) -> Sequence[str]:
    if isinstance(error, BadStory):
        return [str(problem) for problem in error.problems]
    if isinstance(error, Invalid):
        return [str(error)]
    return [f"{file}: the database can't be used: {' '.join(str(error).split())[:300]}"]


def _commands_text() -> str:
    lines = []
    for command in registry().values():
        lines += [f"{command.name}: {command.summary}"]
        listed = schema.arguments_of(command)
        width = max((len(name) for name, _, _ in listed), default=0)
        lines += [f"    {name:{width}}  {kind}{', required' if required else ''}" for name, kind, required in listed] + [""]
    return "\n".join(lines).rstrip()


def _commands_json() -> str:
    found = [
        {
            "command": command.name,
            "summary": command.summary,
            "arguments": [{"name": name, "type": kind, "required": required} for name, kind, required in schema.arguments_of(command)],
        }
        for command in registry().values()
    ]
    return json.dumps(found, indent=1)
