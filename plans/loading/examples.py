"""Worked examples of prices: each must come out as it says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from plans.catalogue import Example
from plans.errors import Invalid
from plans.loading.problems import Problems
from plans.pricing.cases import answer, holds


def check_examples(examples: Sequence[Example], problems: Problems) -> None:
    """Price each example; one that comes out otherwise is the problem `example_differs`, with what was expected and what was found."""
    for example in examples:
        found = answer(example.case)
        if holds(found, example.case):
            continue
        if "differs" in found:
            problems.add(_differs(example, found["differs"]))
        else:
            error = found["error"]
            at = f"{example.at}.{error['at']}" if error["at"] in example.case else example.at
            problems.add(Invalid(error["code"], error["message"], at=at))


def _differs(example: Example, differs: Mapping[str, Any]) -> Invalid:
    said = ", ".join(f"{name} expected {_shown(values['expected'])}, found {_shown(values['found'])}" for name, values in differs.items())
    name, values = next(iter(differs.items()))
    return Invalid(
        "example_differs",
        f"the example does not hold: {said}",
        at=f"{example.at}.{name}",
        expected=_shown(values["expected"]),
        found=_shown(values["found"]),
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
