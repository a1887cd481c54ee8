"""Refusals say the same wherever they are read."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from plans.errors import Conflict, Invalid, NotFound, Refusal


class OfItsOwn(Invalid):
    def __init__(self, line: int) -> None:
        super().__init__("wrong", f"line {line} is wrong", at=f"line {line}", line=line)


@pytest.mark.parametrize("refusal", [Conflict("busy", "ask again", at="command", by="ana"), NotFound("unknown", "x" * 2_000), OfItsOwn(3)])
def test_a_refusal_travels_between_processes_whole(refusal: Any) -> None:
    read: Refusal = pickle.loads(pickle.dumps(refusal))
    assert (type(read), str(read), read.as_dict(), read.args) == (type(refusal), str(refusal), refusal.as_dict(), refusal.args)
