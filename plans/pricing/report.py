"""Case files in, answers out: as one JSON list, or as a table that a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plans.errors import Invalid
from plans.pricing.cases import answer, holds
from plans.strict_yaml import Document, load_file

GOOD, UNMET, BAD_FILE = 0, 1, 2  # exit statuses


@dataclass(frozen=True)
class Answered:
    """One case's answer, where the case stands, and whether it is as it should be."""

    answer: Mapping[str, Any]
    where: str
    holds: bool


def answer_text(text: str | bytes, *, name: str) -> list[Answered]:
    """Every case of one file, in order. Raises Invalid where the file is not a list of cases in YAML or JSON."""
    document = load_file(text, name=name)
    if not isinstance(document.value, list):
        raise Invalid("wrong_type", "expected a list of cases", at=f"{name}:1")
    return [_answered(case, position, document) for position, case in enumerate(document.value)]


def _answered(case: object, position: int, document: Document) -> Answered:
    found = answer(case)
    path = f"[{position}]"
    if "error" in found and found["error"]["at"]:
        at = found["error"]["at"]
        path += at if at.startswith("[") else f".{at}"
    elif "differs" in found:
        path += ".expect"
    line = document.line(path)
    return Answered(found, document.name if line is None else f"{document.name}:{line}", holds(found, case))


def status(answers: Iterable[Answered]) -> int:
    """The exit status: 0 when every case is as it should be, else 1."""
    return GOOD if all(one.holds for one in answers) else UNMET


def as_json(answers: Iterable[Answered]) -> str:
    """The answers as one JSON list."""
    return json.dumps([one.answer for one in answers], ensure_ascii=False, indent=1)


def as_table(answers: Iterable[Answered]) -> str:
    """One line a case, its steps below it, errors with file and line, unmet expectations with both values; a count at the end."""
    answers = list(answers)
    lines = [line for one in answers for line in _rows(one)]
    wrong = sum(not one.holds for one in answers)
    return "\n".join([*lines, f"{len(answers)} cases, {wrong} not as they should be"])


def _rows(one: Answered) -> list[str]:
    found = one.answer
    mark = "ok" if one.holds else "!!"
    title = f"{mark} {found['id'] or '(no id)'}"
    if "error" in found:
        error = found["error"]
        at = f"{error['at']}: " if error["at"] else ""
        rows = [f"{title:<40} {error['code']}", f"     {one.where}: {at}{error['message']}"]
    else:
        runs = f"  runs {' + '.join(found['runs'])}" if len(found["runs"]) > 1 else ""
        rows = [f"{title:<40} {found['amount']:>14}  exact {found['exact']}{runs}"]
        rows += [f"     {_step(step)}" for step in found["steps"]]
    for name, values in found.get("differs", {}).items():
        rows.append(f"     {one.where}: {name}: expected {_shown(values['expected'])}, found {_shown(values['found'])}")
    return rows


def _step(step: Mapping[str, str]) -> str:
    facts = ", ".join(f"{name} {value or '…'}" for name, value in step.items() if name not in ("step", "amount"))
    return f"{step['step']:<12} {facts:<60} {step.get('amount', ''):>14}".rstrip()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
