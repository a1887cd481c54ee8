"""`docs/conformance.md`: every case with its status, written from the cases after they were run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance.registry import DIFFERS, NOT_YET, SOURCES, STATUSES, Case

TABLE = Path(__file__).parents[2] / "docs" / "conformance.md"
ABOUT = {
    "pricing": "Price models in the form of `manage.py price`: OpenMeter, Flexprice, Lago, Stripe and others.",
    "metering": "Rating, re-rating, proration, rounding, allocation, calendars, conversion, grants: test-suites and documentation.",
    "lago": "Lago: aggregations, coupons, taxes, and timelines of subscriptions.",
    "killbill": "Kill Bill: timelines of subscriptions, alignments, phases, repairs, pauses, usage, credits.",
    "domains": "Published tariffs and rules of trades: electricity, hotel, ISP, ads, SaaS, mobile, deposits, tickets, services, money.",
}
HEAD = """\
# Conformance

Worked cases from other systems and from published tariffs, run against this one. This page is generated from the cases under `tests/cases/`
by `python -m tests.conformance`; it says nothing that was not run.

- **agrees**: a test runs the case and this system answers what the source says.
- **differs**: a test runs the case and asserts our own answer; the reason names the rule that was chosen.
- **not yet**: the case waits for what it names. Parts that can be computed already are run all the same.
"""


def written(cases: Iterable[Case]) -> str:
    """The whole page."""
    found = list(cases)
    return "\n".join([HEAD, *_counts(found), *(line for origin in SOURCES for line in _source(origin, found))]) + "\n"


def _counts(cases: list[Case]) -> Iterator[str]:
    counted = Counter((case.origin, case.status) for case in cases)
    yield f"| cases | {' | '.join(STATUSES)} | all |"
    yield "|---|" + "---:|" * (len(STATUSES) + 1)
    for origin in SOURCES:
        row = [counted[origin, status] for status in STATUSES]
        yield f"| [{origin}](#{origin}) | {' | '.join(map(str, row))} | {sum(row)} |"
    row = [sum(counted[origin, status] for origin in SOURCES) for status in STATUSES]
    yield f"| **together** | {' | '.join(map(str, row))} | {sum(row)} |"
    yield ""
    yield "What the others wait for:"
    yield ""
    waits = Counter(case.waits_for for case in cases if case.status == NOT_YET)
    for what, count in sorted(waits.items(), key=lambda pair: (-pair[1], pair[0])):
        yield f"- {count} × {what}"
    yield ""


def _source(origin: str, cases: list[Case]) -> Iterator[str]:
    yield f"## {origin}"
    yield ""
    yield ABOUT[origin]
    yield ""
    yield "| case | what | status | |"
    yield "|---|---|---|---|"
    for case in cases:
        if case.origin == origin:
            title = "" if case.title == case.id else _cell(case.title)
            yield f"| {case.id} | {title} | {case.status} | {_remark(case)} |"
    yield ""


def _remark(case: Case) -> str:
    if case.status == DIFFERS:
        return _cell(f"{case.because} Theirs: {_shown(case.theirs)}.")
    if case.status == NOT_YET:
        return _cell(f"waits for {case.waits_for}" + ("; in part run" if case.parts or case.play else ""))
    return _cell(case.note or ("told as a story" if case.play else ""))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(f"({_shown(one)})" if isinstance(one, list | dict) else _shown(one) for one in value)
    return str(value)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
