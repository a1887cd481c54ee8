"""A story's file → `Story`. Whatever is unknown, misspelt or out of order is an error that names file, line and what was expected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from billing.codec import time_text
from billing.command import Command, parse_arguments, registry
from billing.scenario.expecting import read_facts
from billing.scenario.story import Expectation, Policy, Step, Story
from billing.usage.records import read_measurement
from plans.catalogue import Catalogue
from plans.errors import Invalid, Refusal
from plans.fields import Fields, describe, join, suggestion
from plans.loader import parse_catalogue, read_catalogue
from plans.money import decimals
from plans.periods import parse_time, zone_of
from plans.strict_yaml import Document, load_file, located

LARGEST = 5_000_000  # bytes
STEP_FIELDS = ("at", "do", "usage", "bank", "expect", "as", "refused", "preview", "token", "as_of", "known_at")
OPEN, PUBLISH = "open_account", "publish_catalogue"


class BadStory(Exception):
    """The file can't be played. Each problem reads `file:line: path: what was expected`."""

    def __init__(self, problems: tuple[Refusal, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def is_story(path: Path) -> bool:
    """Whether a file of a folder is a story: named `story*.yaml`, or with a line that starts with `scenario:`."""
    if path.name.startswith("story"):
        return True
    try:
        return any(line.startswith(b"scenario:") for line in path.read_bytes()[:LARGEST].splitlines())
    except OSError:
        return False


def find_stories(path: Path) -> list[Path]:
    """The file itself, or the stories of the folder and the folders in it, in order."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*.y*ml") if file.is_file() and file.suffix in (".yaml", ".yml") and is_story(file))


def read_story(path: Path, *, name: str = "") -> Story:
    """Read and check the file at `path`; `name` is how messages call it. Raises BadStory."""
    name = name or str(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BadStory((Invalid("bad_file", f"it can't be read: {error.strerror or error}", at=name),)) from None
    return parse_story(text, path=path, name=name)


def parse_story(text: str | bytes, *, path: Path, name: str) -> Story:
    """A story's text; `path` is where its catalogue is looked for. Raises BadStory."""
    try:
        if len(text) > LARGEST:
            raise Invalid("bad_file", f"longer than {LARGEST} bytes", at=name)
        document = load_file(text, name=name)
    except Invalid as error:
        raise BadStory((error,)) from None
    try:
        return _Reader(document, path).story()
    except Refusal as error:
        raise BadStory((located(error, document),)) from None


@dataclass
class _Reader:
    """One file being read: the names that later steps may use are known when they come."""

    document: Document
    path: Path
    zone: str = "UTC"
    currency: str = "EUR"
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)  # of every account, those that a step opens too
    names: set[str] = field(default_factory=set)
    catalogue: Catalogue | None = None
    publishes: bool = False  # a step publishes another catalogue, so meters may come later

    def story(self) -> Story:
        top = Fields(self.document.value)
        title, about = top.text("scenario"), top.text("about", "", longest=20_000)
        self.zone, self.currency = top.text("zone", "UTC"), top.text("currency", "EUR")
        zone_of(self.zone, at="zone")
        decimals(self.currency, at="currency")
        policy = self._policy(top.raw("catalogue", None))
        for account, given, at in top.mapping("accounts", []):
            self._account(account, {} if given is None else given, at)
        steps = top.items("story")
        self.publishes = any(isinstance(step, Mapping) and step.get("do") == PUBLISH for step, _ in steps)
        top.done()
        return Story(
            name=self.document.name,
            scenario=title,
            about=about,
            zone=self.zone,
            currency=self.currency,
            policy=policy,
            accounts=self.accounts,
            zones=self.zones,
            steps=self._steps(steps),
            lines=self.document.line,
        )

    # --- the catalogue

    def _policy(self, value: Any) -> Policy | None:
        if value is None:
            return None
        if isinstance(value, Mapping):
            return self._inline(value)
        if not isinstance(value, str) or not value.strip():
            raise Invalid("wrong_type", f"expected the name of a file or a mapping, found {describe(value)}", at="catalogue")
        text, name = self._beside(value, "catalogue")
        loaded = read_catalogue(text, name=name)
        if loaded.catalogue is None:
            raise BadStory(loaded.problems)
        self.catalogue = loaded.catalogue
        return Policy(loaded.source, name, loaded.catalogue.name)

    def _inline(self, value: Mapping[str, Any]) -> Policy:
        loaded = parse_catalogue(value)
        if loaded.catalogue is None:
            problems = [located(_below(problem, "catalogue"), self.document) for problem in loaded.problems]
            raise BadStory(tuple(problems))
        self.catalogue = loaded.catalogue
        return Policy(json.dumps(value, indent=1, ensure_ascii=False), f"{self.document.name} (catalogue)", loaded.catalogue.name)

    def _beside(self, value: str, at: str) -> tuple[str, str]:
        """The text of a file beside the story, and how messages name it."""
        try:
            file = self.path.parent / value
            return file.read_text(encoding="utf-8-sig"), str(Path(self.document.name).parent / value)
        except UnicodeDecodeError:
            raise Invalid("bad_file", f"{value!r} is not UTF-8 text", at=at) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Invalid("bad_file", f"there is no readable file {value[:80]!r} beside the story: {reason}", at=at) from None

    # --- accounts

    def _account(self, account: str, given: Any, at: str) -> None:
        if not isinstance(given, Mapping):
            raise Invalid("wrong_type", f"expected a mapping of details, found {describe(given)}", at=at)
        if "account" in given:
            raise Invalid("unknown_field", "the account is named by its key", at=join(at, "account"))
        arguments = {"zone": self.zone, "currency": self.currency, **given, "account": account}
        zone_of(str(arguments["zone"]), at=join(at, "zone"))
        decimals(str(arguments["currency"]), at=join(at, "currency"))
        self._typed(registry()[OPEN], arguments, at)
        self.accounts[account] = arguments
        self.zones[account] = str(arguments["zone"])

    def _zone(self, account: Any) -> str:
        return self.zones.get(account, self.zone) if isinstance(account, str) else self.zone

    def _known(self, account: Any, at: str) -> str:
        if not isinstance(account, str) or account not in self.zones:
            hint = suggestion(str(account), list(self.zones))
            raise Invalid("unknown_account", f"the story has no account {describe(account)}{hint}", at=at)
        return account

    # --- steps

    def _steps(self, given: list[tuple[Any, str]]) -> tuple[Step, ...]:
        steps: list[Step] = []
        for number, (value, at) in enumerate(given, start=1):
            step = self._step(number, value, at)
            if steps and step.at < steps[-1].at:
                line = self.document.line(steps[-1].path)
                message = f"steps stand in the order of time, and this one is before the step on line {line}"
                raise Invalid("wrong_order", message, at=join(at, "at"))
            steps.append(step)
        if not steps:
            raise Invalid("missing_field", "a story needs at least one step", at="story")
        return tuple(steps)

    def _step(self, number: int, value: Any, at: str) -> Step:
        fields = Fields(value, at)
        moment = fields.read("at", lambda text, path: parse_time(text, self.zone, path))
        do, refused, name = fields.text("do", ""), fields.text("refused", ""), fields.text("as", "", longest=60)
        usage = fields.items("usage", [])
        preview, token = self._preview(fields, do)
        bank = self._bank(fields)
        does = [word for word, given in (("do", do), ("usage", usage), ("bank", bank)) if given]
        if len(does) > 1:
            raise Invalid("conflict", "a step does one thing: `do`, `usage` or `bank`", at=fields.path(does[1]))
        if not does and not fields.has("expect"):
            raise Invalid("missing_field", "a step needs `do`, `usage`, `bank` or `expect`", at=at)
        arguments = self._arguments(fields, do, refused, at)
        records = tuple(self._record(one, path, moment, f"{number}-{i}", refused) for i, (one, path) in enumerate(usage, start=1))
        if do == OPEN and not refused:
            self.zones.setdefault(str(arguments["account"]), str(arguments["zone"]))
        self._name(name, fields, do=do, refused=refused)
        as_of, known_at = (fields.read(word, lambda text, path: parse_time(text, self.zone, path), None) for word in ("as_of", "known_at"))
        expect = self._expect(fields)
        if (as_of or known_at) and not expect:
            raise Invalid("missing_field", "`as_of` and `known_at` stand beside an `expect`", at=fields.path("expect"))
        fields.done()
        return Step(number, at, moment, do, arguments, records, bank, expect, name, refused, preview, token, as_of, known_at)

    def _bank(self, step: Fields) -> str:
        """A statement of the bank: the text itself, or the name of a file beside the story."""
        text = step.raw("bank", "")
        if not isinstance(text, str):
            raise Invalid("wrong_type", f"expected a statement or the name of a file, found {describe(text)}", at=step.path("bank"))
        return text if not text or "\n" in text.strip() else self._beside(text.strip(), step.path("bank"))[0]

    def _preview(self, step: Fields, do: str) -> tuple[bool, str]:
        """`preview: yes` shows what a command would do; `token` names such a step, and does exactly that."""
        preview, token = step.choice("preview", ("yes", "no"), "no") == "yes", step.text("token", "")
        if (preview or token) and not do:
            raise Invalid("missing_field", "a preview is one of a command: `do`", at=step.path("do"))
        if preview and token:
            raise Invalid("conflict", "a step shows what would happen, or does it", at=step.path("token"))
        if token and token not in self.names:
            raise Invalid("unknown_name", f"no preview is named {token!r}{suggestion(token, sorted(self.names))}", at=step.path("token"))
        return preview, token

    def _arguments(self, step: Fields, do: str, refused: str, at: str) -> dict[str, Any]:
        extra = [name for name in step.values if name not in STEP_FIELDS]
        if not do:
            if extra:
                message = f"the field {extra[0]!r} is not known here, without `do`{suggestion(extra[0], STEP_FIELDS)}"
                raise Invalid("unknown_field", message, at=step.path(extra[0]))
            return {}
        if do not in registry():
            raise Invalid("unknown_command", f"there is no command {do!r}{suggestion(do, sorted(registry()))}", at=step.path("do"))
        arguments = {name: step.raw(name, None) for name in extra}
        command = registry()[do]
        if do == PUBLISH:
            self._published(arguments, at)
        if do == OPEN:
            arguments = {"zone": self.zone, "currency": self.currency, **arguments}
        elif "account" in {one.name for one in fields(command.arguments)}:
            self._known(arguments.get("account"), join(at, "account"))
        try:
            self._typed(command, arguments, at)
        except Refusal as error:
            if error.code != refused:
                raise
        return arguments

    def _typed(self, command: Command, arguments: Mapping[str, Any], at: str) -> None:
        """Refuse what the command would refuse to read. Names given by `as` are text, as the ids that they stand for."""
        known = [one.name for one in fields(command.arguments)]
        for name in arguments:
            if name not in known and name != "zone":
                message = f"{command.name} has no argument {name!r}{suggestion(name, known)}"
                raise Invalid("unknown_field", message, at=join(at, name))
        try:
            parse_arguments(command.arguments, arguments, zone=self._zone(arguments.get("account")))
        except Refusal as error:
            raise _below(error, at) from None

    def _published(self, arguments: dict[str, Any], at: str) -> None:
        """`source` may be the catalogue as a mapping, or the name of a file beside the story."""
        source = arguments.get("source")
        if isinstance(source, Mapping):
            arguments["source"] = json.dumps(source, indent=1, ensure_ascii=False)
        elif isinstance(source, str) and "\n" not in source.strip():
            arguments["source"], name = self._beside(source.strip(), join(at, "source"))
            arguments.setdefault("name", name)

    def _name(self, name: str, step: Fields, *, do: str, refused: str) -> None:
        if not name:
            return
        if not do or refused:
            raise Invalid("conflict", "`as` names what a command made; this step makes nothing", at=step.path("as"))
        if name in self.names or name in self.zones or name.isdigit():
            raise Invalid("conflict", f"the name {name!r} is taken already, or a number", at=step.path("as"))
        self.names.add(name)

    def _record(self, value: Any, at: str, moment: datetime, default_id: str, refused: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Invalid("wrong_type", f"expected a mapping of fields, found {describe(value)}", at=at)
        record = {"id": default_id, **value}
        if "voids" not in record:
            record.setdefault("at", time_text(moment))
        self._known(record.get("account"), join(at, "account"))
        try:
            read_measurement(record, source="scenario", zone_of_account=self._zone)
        except Refusal as error:
            if error.code != refused:
                raise _below(error, at) from None
        self._meter(record.get("meter"), join(at, "meter"), refused)
        return record

    def _meter(self, meter: Any, at: str, refused: str) -> None:
        """A misspelt meter would count for nothing, silently."""
        meters = self.catalogue.meters if self.catalogue else {}
        known = [*meters, *(found.reads for found in meters.values() if found.reads)]
        if not self.publishes and not refused and meter not in known:
            raise Invalid("unknown_meter", f"the catalogue has no meter {describe(meter)}{suggestion(str(meter), known)}", at=at)

    def _expect(self, step: Fields) -> tuple[Expectation, ...]:
        found: list[Expectation] = []
        for account, facts, at in step.mapping("expect", []):
            self._known(account, at)
            found += read_facts(account, facts, at, self._zone(account))
        return tuple(found)


def _below(error: Refusal, at: str) -> Refusal:
    """The same refusal, its path below `at`."""
    path = at if not error.at else at + error.at if error.at.startswith("[") else f"{at}.{error.at}"
    return type(error)(error.code, error.message, at=path, **error.facts)
