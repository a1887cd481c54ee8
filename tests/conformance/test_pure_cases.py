"""Every case that needs no database, run."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conformance.registry import Case, cases

GIVEN = {"pricing": 81, "metering": 185, "lago": 100, "killbill": 108, "domains": 96}


def test_every_given_case_is_there() -> None:
    assert Counter(case.origin for case in cases()) == GIVEN


@pytest.mark.parametrize("case", [case for case in cases() if case.parts], ids=lambda case: case.id)
def test_a_case(case: Case) -> None:
    assert case.run() == []


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_case_is_run_or_says_what_it_waits_for(case: Case) -> None:
    assert case.parts or case.play or case.waits_for
