"""The worked cases: read from `tests/cases/`, run, and judged.

A file is a list of cases, one source a folder. A case has `id`, `title`, `source` (a URL, or project and test), and one of

- `kind` and its inputs beside it, with what is expected in `expect` (see `kinds`; default `rating`, a case of `manage.py price`);
- `parts`: several of these;
- `play`: a scenario file in the folder `stories` beside it, which holds its own expectations;
- `waits_for`: what the system must be able to do first. Parts beside it are run all the same.

`theirs` is the source's answer where ours is another, and `because` says why ours is right to be: which rule was chosen. `note` says what
a reader should know of a case that agrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plans.strict_yaml import load
from tests.conformance.kinds import RUNNERS

CASES = Path(__file__).parents[1] / "cases"
SOURCES = ("pricing", "metering", "lago", "killbill", "domains")
AGREES, DIFFERS, NOT_YET = "agrees", "differs", "not yet"
STATUSES = (AGREES, DIFFERS, NOT_YET)
ABOUT = frozenset({"id", "title", "source", "kind", "parts", "play", "waits_for", "expect", "theirs", "because", "note"})
ABOUT_A_PART = frozenset({"kind", "expect"})


class Bad(Exception):
    """A case that is not written as the module says."""


@dataclass(frozen=True)
class Case:
    origin: str  # the folder
    file: Path
    id: str
    title: str
    source: str
    parts: tuple[Mapping[str, Any], ...]
    play: Path | None
    waits_for: str
    theirs: Any
    because: str
    note: str

    @property
    def status(self) -> str:
        """What the case says of itself; `run` (and for a story the player) proves it."""
        if self.waits_for:
            return NOT_YET
        return DIFFERS if self.because else AGREES

    def run(self) -> list[str]:
        """What is not as expected, one line each; empty where the case holds. A story is played by `stories`."""
        return [fault for part in self.parts for fault in _faults(part)]


@cache
def cases() -> tuple[Case, ...]:
    """All cases, in the order of their files. Raises Bad."""
    found = [case for origin in SOURCES for case in _of(origin)]
    seen: set[tuple[str, str]] = set()
    for case in found:
        if (case.origin, case.id) in seen:
            raise Bad(f"{case.file.name}: {case.id} is there twice")
        seen.add((case.origin, case.id))
    return tuple(found)


def _of(origin: str) -> Iterator[Case]:
    if origin == "pricing":
        file = CASES / "pricing.json"
        for given in json.loads(file.read_text()):
            yield _case(origin, file, {"title": given["id"], "source": "", **given})
        return
    for file in sorted((CASES / origin).glob("*.yaml")):
        for given in load(file.read_text(), name=file.name).value:
            yield _case(origin, file, given)


def _case(origin: str, file: Path, given: Mapping[str, Any]) -> Case:
    name = f"{file.name}: {given.get('id', '?')}"
    for field in ("id", "title"):
        if not given.get(field):
            raise Bad(f"{name} has no {field}")
    if "play" not in given and "waits_for" not in given and "expect" not in given and "parts" not in given:
        raise Bad(f"{name} expects nothing")
    if ("because" in given) != ("theirs" in given):
        raise Bad(f"{name}: `theirs` and `because` go together")
    parts = tuple(given.get("parts", ()))
    if "expect" in given:
        parts += ({name: value for name, value in given.items() if name not in ABOUT or name in ("kind", "expect", "id")},)
    play = CASES / origin / "stories" / given["play"] if "play" in given else None
    if play is not None and not play.exists():
        raise Bad(f"{name}: there is no {play}")
    return Case(
        origin=origin,
        file=file,
        id=given["id"],
        title=given["title"],
        source=given.get("source", ""),
        parts=parts,
        play=play,
        waits_for=given.get("waits_for", ""),
        theirs=given.get("theirs"),
        because=given.get("because", ""),
        note=given.get("note", ""),
    )


def _faults(part: Mapping[str, Any]) -> Iterator[str]:
    kind = part.get("kind", "rating")
    if kind not in RUNNERS:
        raise Bad(f"there is no kind {kind!r}")
    inputs = {name: value for name, value in part.items() if name not in ABOUT_A_PART}
    found = RUNNERS[kind](inputs if kind != "rating" else {"id": "part", **inputs})
    if not part["expect"]:
        raise Bad(f"a part of kind {kind} expects nothing")
    for name, wanted in part["expect"].items():
        if name not in found:
            yield f"{name}: expected {wanted!r}, found nothing"
        elif not same(wanted, found[name]):
            yield f"{name}: expected {wanted!r}, found {found[name]!r}"


def same(wanted: Any, found: Any) -> bool:
    """Exactly the same texts; lists complete and in order, of mappings only what is named."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(name in found and same(value, found[name]) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list | tuple) and len(wanted) == len(found) and all(map(same, wanted, found))
    return bool(wanted == found)
