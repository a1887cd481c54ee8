"""Measuring at the edges of a period, a record and a window."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plans.errors import Invalid
from plans.metering import effective
from plans.periods import Span
from tests.pure.test_metering import MARCH, A, amend, at, reasons, show, use


def test_an_amendment_into_another_period_leaves_this_one() -> None:
    moved = use("x", "2026-04-02", "1", amends=("", "a"), sequence=1)
    found = show({}, A, moved)
    assert (found.quantity, reasons(found)) == (Decimal(0), {"a": "amended", "x": "outside_period"})


def test_a_record_can_t_end_before_it_starts() -> None:
    with pytest.raises(Invalid) as refusal:
        use("a", "2026-03-02", "1", until="2026-03-02")
    assert refusal.value.code == "out_of_range"


def test_a_level_that_ends_as_the_period_starts_was_not_in_force_in_it() -> None:
    meter = {"aggregate": "max", "values": "changes"}
    found = show(meter, use("d", "2026-03-01", "-3"), before=[use("p", "2026-01-10", "5")])
    assert (found.quantity, found.counted) == (Decimal(2), ("d",))


def test_a_window_weighs_its_own_time_whatever_the_period() -> None:
    day = Span(at("2026-03-02"), at("2026-03-03"))
    meter = {"aggregate": "time_weighted", "window": "hour", "over": "max"}
    assert show(meter, use("a", "2026-03-02T10:00", "4"), span=day, full=MARCH).quantity == 4


def test_corrections_in_a_circle_are_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        effective([amend("a", "b", 1), amend("b", "a", 2)])
    assert refusal.value.code == "conflict"
