"""Bringing a file over, row by row: each good row is a command under a key made of kind, source and row, so repeating is harmless.

A bad row is put aside with its number and reason, without what it says of a person: people are kept in the vault alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from accounts import vault
from billing.codec import time_text
from billing.command import account_zone
from billing.engine import Outcome, Request, execute
from billing.imports.kinds import Kind
from billing.journal import database_time
from billing.usage.aside import Rejected, put_aside
from billing.usage.files import Row, form_of, read_rows
from billing.usage.records import plain_text, source_name
from plans.errors import Conflict, Invalid, Refusal
from plans.money import parse_decimal
from plans.periods import parse_time

ACTOR = "import"  # one for all: keys are the actor's, and who types the command must not matter
LINES_PER_ROW = 20  # an address may reach over lines of a spreadsheet's cell
PORTION = 200
SHOWN = 1_000
NOWHERE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")  # signs that no column or no screen can hold


@dataclass
class Report:
    """What became of the rows: `done` are new, `known` were brought over before, `nothing` had nothing to bring (a balance of 0)."""

    batch: str
    dry_run: bool = False
    done: int = 0
    known: int = 0
    nothing: int = 0
    rejected_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.done + self.known + self.nothing + self.rejected_count

    def as_dict(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("batch", "dry_run", "done", "known", "nothing", "rejected_count")}
        return counts | {"rejected": [line.as_dict() for line in self.rejected]}


def import_file(
    stream: BinaryIO,
    *,
    kind: Kind,
    name: str,
    source: str,
    at: datetime,
    form: str = "",
    dry_run: bool = False,
    progress: Callable[[Report], Any] | None = None,
) -> Report:
    """Bring the rows of an open file over, each by the command of its kind. `at` is when a row counts that does not say so itself.

    With `dry_run` every row is tried and undone. Raises Invalid `bad_file` where the whole file is wrong.
    """
    source_name(source, "--source")
    report = Report(f"{name} {time_text(at)}", dry_run=dry_run)
    rows = read_rows(stream, name=name, form=form_of(name, form), columns=kind.columns, lines_per_row=LINES_PER_ROW)
    importer = _Importer(kind, source, at, report)
    for row in rows:
        importer.take(row)
        if report.lines % PORTION == 0:
            importer.put_aside()
            if progress:
                progress(report)
    importer.put_aside()
    return report


@dataclass
class _Importer:
    kind: Kind
    source: str
    at: datetime
    report: Report
    waiting: list[Rejected] = field(default_factory=list)
    tried: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # of a dry run, which leaves no keys behind

    def take(self, row: Row) -> None:
        try:
            if row.error is not None or row.content is None:
                raise row.error or Invalid("bad_line", "the line says nothing")
            self._count(self._do(row.content))
        except Refusal as error:
            self._refuse(row, error)

    def _do(self, content: Mapping[str, Any]) -> str:
        """Run the row's command; answers which count of the report it belongs to."""
        request = self._request(content)
        if self.kind.command == "open_balance" and not parse_decimal(request.arguments.get("amount", ""), at="amount"):
            return "nothing"
        if self.report.dry_run and request.key in self.tried:
            if self.tried[request.key] != request.arguments:
                raise self._other_content(content)
            return "known"
        try:
            outcome: Outcome = execute(request, dry_run=self.report.dry_run)
        except Conflict as error:
            raise self._other_content(content) if error.code == "key_reused" else error from None
        if self.report.dry_run:
            self.tried[request.key] = request.arguments
        return "known" if outcome.replayed else "done"

    def _request(self, content: Mapping[str, Any]) -> Request:
        arguments = {name: _storable(value, name) for name, value in content.items() if value not in (None, "")}
        row_id = plain_text(arguments, self.kind.row_id)
        at = arguments.pop("at", None)
        if self.kind.row_id == "id":
            arguments.pop("id")
        for name in self.kind.lists:
            if isinstance(arguments.get(name), str):
                arguments[name] = [word for word in re.split(r"[\s,;]+", arguments[name]) if word]
        moment = self.at if at is None else parse_time(at, account_zone(arguments), "at")
        key = f"{self.kind.name}:{self.source}:{row_id}"
        return Request(self.kind.command, arguments, moment, actor=ACTOR, key=key)

    def _other_content(self, content: Mapping[str, Any]) -> Conflict:
        row_id = content.get(self.kind.row_id)
        return Conflict("import_conflict", f"the row {row_id!r} was brought over before and said something else", at=self.kind.row_id)

    def _count(self, name: str) -> None:
        setattr(self.report, name, getattr(self.report, name) + 1)

    def _refuse(self, row: Row, error: Refusal) -> None:
        reason = f"{error.at}: {error.message}" if error.at else error.message
        rejected = Rejected(row.number, error.code, reason, _impersonal(row.content))
        self.waiting.append(rejected)
        self.report.rejected_count += 1
        if len(self.report.rejected) < SHOWN:
            self.report.rejected.append(rejected)

    def put_aside(self) -> None:
        if not self.report.dry_run:
            put_aside(self.report.batch, self.waiting, recorded_at=database_time())
        self.waiting.clear()


def _impersonal(content: Mapping[str, Any] | None) -> str:
    """The row as JSON, without what belongs in the vault; nothing of a line that could not be read."""
    kept = {name: value for name, value in (content or {}).items() if name not in vault.FIELDS}
    return json.dumps(kept, ensure_ascii=False, default=str) if kept else ""


def _storable(value: Any, at: str) -> Any:
    """The value, refused where a text in it is one that no column can hold."""
    if isinstance(value, Mapping):
        return {_storable(name, at): _storable(element, f"{at}.{name}") for name, element in value.items()}
    if isinstance(value, list):
        return [_storable(element, at) for element in value]
    if isinstance(value, str) and NOWHERE.search(value):
        raise Invalid("bad_text", f"{value[:60]!r} holds a control character or half of a character", at=at)
    return str(value) if isinstance(value, Decimal) else value
