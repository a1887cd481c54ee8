"""What pages of a draft show, as plain values: parts, mistakes, the difference to what is published, examples, back-tests, requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.access import Caller
from billing.admin.charts import Value, bar_chart
from billing.publications.commands import waiting_publications
from billing.publications.kept import stories
from plans import store
from plans.errors import Invalid, NotFound
from plans.fields import join
from plans.loader import Loaded, read_catalogue
from plans.loading.described import Described, Help, described
from plans.loading.difference import changes, shown
from plans.loading.editing import Part, parts, value_at, written
from plans.pricing.cases import answer, holds
from plans.store import Draft
from plans.strict_yaml import load_file

#: What to do about a mistake, by its code; the message says what is wrong.
REMEDIES = {
    "unknown_field": "Take the field away, or write it as it is suggested.",
    "missing_field": "Add the field.",
    "wrong_type": "Write what was expected.",
    "not_a_number": "Write a plain number, such as 12.50.",
    "unknown_choice": "Choose one of the words.",
    "example_differs": "Correct the price, or the example where that is wrong.",
    "bad_file": "Mend the text at this line; the rest is read when it can be.",
    "duplicate_key": "Keep one of the two.",
    "bad_code": "Choose a name of small letters, digits, dots and dashes.",
}


@cache
def help_of_fields() -> Help:
    """The tables of docs/catalogue.md; nothing where the page is not installed."""
    page = Path(settings.BASE_DIR) / "docs" / "catalogue.md"
    return described(page.read_text(encoding="utf-8")) if page.exists() else {}


def as_html(text: str) -> SafeString:
    """Words between backticks as code."""
    pieces = text.split("`")
    return format_html_join("", "{}", ((format_html("<code>{}</code>", one) if i % 2 else one,) for i, one in enumerate(pieces)))


def read(draft: Draft) -> Loaded:
    return read_catalogue(draft.source, name=f"{draft.name}@draft")


def address_of(name: str, show: str = "", **wanted: str) -> str:
    query = urlencode(({"show": show} if show else {}) | wanted)
    return reverse("admin:billing_draft", args=[name]) + (f"?{query}" if query else "")


def part_address(name: str, part: Part) -> str:
    return f"{reverse('admin:billing_draft_part', args=[name])}?at={part.address}"


# --- parts and mistakes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mistake:
    line: int | None
    path: str
    message: str
    remedy: str
    part: str = ""  # the address of the form where it can be mended


def mistakes(draft: Draft, loaded: Loaded) -> list[Mistake]:
    """Every mistake with its line, what to do, and the form of the part that it is in."""
    known = {_path(part): part for part in parts(loaded.document.value)} if loaded.document else {}
    return [_mistake(draft, problem, known) for problem in loaded.problems]


def _mistake(draft: Draft, problem: Invalid, known: Mapping[str, Part]) -> Mistake:
    path, line = str(problem.facts.get("path", "")), problem.facts.get("line")
    if line is None and problem.at.rpartition(":")[2].isdigit():
        line = int(problem.at.rpartition(":")[2])
    part = max((one for one in known if one and path.startswith(one)), key=len, default="")
    form = part_address(draft.name, known[part]) if part else ""
    return Mistake(line if isinstance(line, int) else None, path, problem.message, REMEDIES.get(problem.code, ""), form)


def _path(part: Part) -> str:
    """As messages write it."""
    path = ""
    for step in part.place:
        path = join(path, step)
    return path


def outline(draft: Draft, loaded: Loaded) -> list[tuple[str, list[dict[str, Any]]]]:
    """(section, its parts), each with a link to its form; how deep it stands in its section."""
    found: dict[str, list[dict[str, Any]]] = {}
    for part in parts(loaded.document.value if loaded.document else None):
        section = str(part.place[0]) if part.place else "catalogue"
        entry = {"title": part.title, "kind": part.kind, "depth": max(len(part.place) - 2, 0), "address": part_address(draft.name, part)}
        found.setdefault(section, []).append(entry)
    return list(found.items())


@dataclass(frozen=True)
class Field:
    """One field of a form: what is written, what it means, what is wrong with it."""

    name: str
    text: str
    help: SafeString
    default: SafeString
    errors: Sequence[str] = ()


def fields(value: Any, part: Part, *, typed: Mapping[str, str], errors: Mapping[str, str]) -> tuple[list[Field], list[Field]]:
    """The fields that the part has, and those that it might have."""
    now, known = written(value, part), help_of_fields().get(part.kind, {})
    there = [_field(name, typed.get(name, text), known.get(name), errors) for name, text in now.items()]
    more = [_field(name, typed.get(name, ""), one, errors) for name, one in known.items() if name not in now]
    return there, more


def _field(name: str, text: str, known: Described | None, errors: Mapping[str, str]) -> Field:
    meaning, default = (known.meaning, known.default) if known else ("", "")
    return Field(name, text, as_html(meaning), as_html(default), [errors[name]] if name in errors else [])


def errors_of(part: Part, loaded: Loaded) -> dict[str, str]:
    """field → what is wrong in it."""
    start, found = _path(part), {}
    for problem in loaded.problems:
        path = str(problem.facts.get("path", ""))
        if path.startswith(start):
            name = path.removeprefix(start).lstrip(".").split(".")[0].split("[")[0]
            found.setdefault(name, f"{problem.message}. {REMEDIES.get(problem.code, '')}".strip())
    return found


def sections_of(value: Any, part: Part) -> list[str]:
    """Where something may be added inside the part: sections that are written as a mapping, or not at all."""
    inside = ["items", "minimums"] if part.kind == "plan" else []
    if not part.place:
        inside = ["plans", "items", "meters", "taxes", "terms", "discounts", "coupons", "features", "resources", "dunning", "instalments"]
    here = value_at(value, part.place)
    return [name for name in inside if isinstance(here.get(name, {}), Mapping)]


# --- difference, examples ---------------------------------------------------------------------------------------------------------


def published_source(name: str) -> str:
    try:
        return store.published(name).source
    except NotFound:
        return ""


def difference(draft: Draft) -> list[dict[str, str]]:
    """What changed: where, the field, from what to what."""
    before, published = {}, published_source(draft.name)
    if published:
        before = load_file(published, name=draft.name).value
    try:
        after = load_file(draft.source, name=draft.name).value
    except Invalid:
        return []
    return [_difference(one.path, one.before, one.after) for one in changes(before, after)]


def _difference(path: str, before: Any, after: Any) -> dict[str, str]:
    steps = path.replace("[", ".").replace("]", "").split(".")
    kind, where = "changed", ""
    if before is None or after is None:
        kind = "new" if before is None else "gone"
    if len(steps) > 1 and steps[0] == "plans":
        where = f"plan {steps[1]}"
        steps = steps[2:]
    if len(steps) > 1 and steps[0] == "items":
        where = f"{where} · item {steps[1]}".removeprefix(" · ")
        steps = steps[2:]
    field = " ".join(steps)
    return {"kind": kind, "where": where or "catalogue", "field": field, "before": _value(before), "after": _value(after)}


def _value(value: Any) -> str:
    return "" if value is None else shown(value)


def examples(draft: Draft) -> list[dict[str, Any]]:
    """Every worked example of the draft, priced: what it says, what was expected, what came out."""
    loaded = read_catalogue(draft.source, name=draft.name, published=True)  # references and examples are not checked: that is shown here
    found = []
    for example in loaded.catalogue.examples if loaded.catalogue else ():
        case, said = example.case, answer(example.case)
        wanted = case.get("expect") or {}
        given = {name: case[name] for name in ("quantity", "events", "runs", "quantities", "days") if name in case}
        out = {name: said.get(name, said.get("error")) for name in wanted}
        found.append({"at": example.at, "given": shown(given), "expected": shown(wanted), "found": shown(out), "holds": holds(said, case)})
    return found


def kept_stories(draft: Draft, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    """The stories that are kept with the catalogue, and what came of each with this text."""
    return [
        {
            "name": row.name,
            "source": typed["source"] if typed.get("story") == row.name and "source" in typed else row.source,
            "by": row.kept_by,
            "played_at": row.played_at if row.played == draft.digest else None,
            "holds": row.holds,
            "said": row.said if row.played == draft.digest else "",
        }
        for row in stories(draft.name)
    ]


# --- back-test and requests -------------------------------------------------------------------------------------------------------


def backtested(draft: Draft) -> dict[str, Any] | None:
    """The newest back-test of exactly this text, with a chart of how it is spread."""
    kept = store.newest_backtest(draft.name, draft.digest)
    if kept is None:
        return None
    result = orjson.loads(kept.result)
    for one in result["currencies"]:
        bars = [Value(bar["label"], bar["accounts"], str(bar["accounts"]), "#movers") for bar in one["spread"]]
        one["chart"] = bar_chart(bars)
    for one in result["movers"]:
        one["address"] = reverse("admin:billing_draft_account", args=[draft.name, one["account"]]) + f"?moved={result['moved']}"
    result["since"], result["until"] = datetime.fromisoformat(result["since"]), datetime.fromisoformat(result["until"])
    return result | {"at": kept.at, "by": kept.by, "items_": result["items"]}  # a template takes `items` for the pairs of a mapping


def publications(name: str, draft: Draft | None, caller: Caller, at: datetime) -> list[dict[str, Any]]:
    """What was asked for and may still be decided, and what the one who looks may do about it."""
    return [
        {
            "request": one.made.request,
            "by": one.made.by,
            "reason": one.made.reason,
            "effective": one.arguments.get("effective", ""),
            "same": draft is not None and one.arguments["digest"] == draft.digest,
            "own": one.made.by == caller.actor,
            "expires": one.made.expires_at,
        }
        for one in waiting_publications(name, at)
    ]
