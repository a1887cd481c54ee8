"""`rating`: a case in the form of `manage.py price`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plans.pricing.cases import answer


def rating(inputs: Mapping[str, Any]) -> Any:
    """The answer to the case, with its errors as codes."""
    found = answer(inputs)
    return found | ({"error": found["error"]["code"]} if "error" in found else {})
