"""Every drill, short: the fault is injected, nothing is doubled or lost, the laws hold; and its deliberately wrong variant is caught."""

from __future__ import annotations

from contextlib import nullcontext
from random import Random
from typing import Any

import pytest

from tests.books import undone
from tests.conftest import restore_the_copy
from tests.drills.base import Drill
from tests.drills.listing import DRILLS

SEED = 7


def marked(drill: Drill) -> Any:
    return pytest.param(drill, id=drill.id, marks=[pytest.mark.django_db(transaction=drill.commits), pytest.mark.needs(*drill.needs)])


@pytest.mark.parametrize("drill", [marked(drill) for drill in DRILLS])
def test_the_fault_does_no_harm_and_its_wrong_variant_is_caught(drill: Drill) -> None:
    with nullcontext() if drill.commits else undone():
        tally = drill.run(drill.short, Random(SEED))
    assert tally.injected > 0
    assert tally.caught == ""
    if drill.commits:
        restore_the_copy()
    assert drill.wrong(drill.wrong_count, Random(SEED)).caught != ""
