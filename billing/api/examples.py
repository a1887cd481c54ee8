"""Worked examples of the API's description: what is sent and what is answered. A test calls each of them against the small world that tests
play (tests/interfaces/worlds.py) and compares the whole answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KEPT = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Example:
    """`operation` is the operationId, `path` what is called below /api/v1/. `answer` None: none is given (204, or not the point)."""

    operation: str
    name: str
    title: str
    path: str
    body: Any = None
    status: int = 200
    answer: Any = None
    kind: str = ""  # of the body; JSON where nothing is said


@cache
def examples() -> tuple[Example, ...]:
    return tuple(Example(**one) for one in yaml.load(KEPT.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
