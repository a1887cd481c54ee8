"""Fees by notice: the first step that holds, half-open; tables with holes and overlaps are refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid, NotAllowed
from plans.notice import Fee, fee_for, parse_fee, parse_steps
from plans.resources import read_resource

D = Decimal
NIGHTS = [D("100.00"), D("120.00"), D("80.00")]


@pytest.mark.parametrize(
    ("text", "fee"),
    [
        ("25.00", "25.00"),
        (25, "25.00"),
        ("10 %", "30.00"),
        ("12.5%", "37.50"),
        ("1 night", "100.00"),
        ("2 nights", "220.00"),
        ("9 nights", "300.00"),
        ("all", "300.00"),
        ({"percent": 50, "minimum": "200.00"}, "200.00"),
        ({"units": 2, "maximum": "150"}, "150.00"),
        ({"amount": "400.00"}, "400.00"),
    ],
)
def test_a_fee_is_an_amount_a_share_or_the_first_units(text: Any, fee: str) -> None:
    assert f"{parse_fee(text, 'fee').of(NIGHTS, 'EUR'):f}" == fee


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("ten", "bad_fee"),
        ("-1", "bad_fee"),
        ("101 %", "out_of_range"),
        (True, "bad_fee"),
        (None, "bad_fee"),
        ({"percent": 1, "amount": 2}, "conflict"),
        ({}, "conflict"),
        ({"percent": 1, "minimum": 5, "maximum": 4}, "conflict"),
        ({"percent": 1, "at": 5}, "unknown_field"),
    ],
)
def test_what_is_no_fee_is_refused(value: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_fee(value, "fee")
    assert refused.value.code == code


def test_the_first_step_whose_notice_is_kept_holds() -> None:
    steps = parse_steps([{"before": "8d", "fee": "0"}, {"before": "48h", "fee": "5 %"}, {"fee": "refused"}], "cancellation")
    told = [timedelta(days=9), timedelta(days=8), timedelta(days=8) - timedelta(seconds=1), timedelta(hours=48)]
    assert [fee_for(steps, notice).of(NIGHTS, "EUR") for notice in told] == [0, 0, 15, 15]
    for late in (timedelta(hours=47), timedelta(0), timedelta(days=-1)):
        with pytest.raises(NotAllowed) as refused:
            fee_for(steps, late).of(NIGHTS, "EUR")
        assert refused.value.code == "too_late"
    assert fee_for((), timedelta(0)) == Fee()
    assert Fee().of(NIGHTS, "EUR") == 0


@pytest.mark.parametrize(
    ("steps", "code", "words"),
    [
        ([{"before": "8d", "fee": 0}], "notice_hole", "a notice under 8d"),
        ([{"fee": 0}, {"before": "8d", "fee": 1}], "notice_overlap", "never reached"),
        ([{"before": "8d", "fee": 0}, {"before": "8d", "fee": 1}, {"fee": 2}], "notice_overlap", "from 8d on"),
        ([{"before": "8d", "fee": 0}, {"before": "3d", "under": "7d", "fee": 1}, {"fee": 2}], "notice_hole", "from 7d to 8d"),
        ([{"before": "8d", "fee": 0}, {"before": "3d", "under": "9d", "fee": 1}, {"fee": 2}], "notice_overlap", "from 8d to 9d"),
        ([{"before": "8d", "under": "9d", "fee": 0}, {"fee": 2}], "notice_hole", "of 9d and more"),
    ],
)
def test_a_table_with_a_hole_or_an_overlap_is_refused(steps: Any, code: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        parse_steps(steps, "cancellation")
    assert refused.value.code == code


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=6, unique=True), st.integers(-100, 6000))
def test_every_notice_has_exactly_one_step(hours: list[int], told: int) -> None:
    bounds = sorted(hours, reverse=True)
    steps = parse_steps([*({"before": f"{bound}h", "fee": str(i)} for i, bound in enumerate(bounds)), {"fee": "99"}], "x")
    expected = next((i for i, bound in enumerate(bounds) if told >= bound), 99)
    assert fee_for(steps, timedelta(hours=told)).amount == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, "missing_field"),
        ({"capacity": 2, "units": ["a"]}, "missing_field"),
        ({"units": ["a", "a"]}, "conflict"),
        ({"units": ["a"], "overbooking": 1}, "conflict"),
        ({"capacity": 1, "item": "a", "plan": "b"}, "conflict"),
        ({"capacity": 1, "starts": ["2026-03-01"]}, "conflict"),
        ({"capacity": 1, "cancellation": [{"fee": "1"}]}, "missing_field"),
        ({"capacity": 1, "fee_item": "fee", "no_show": "refused"}, "bad_fee"),
        ({"capacity": 1, "per": "week"}, "unknown_choice"),
        ({"capacity": 1, "rooms": 3}, "unknown_field"),
    ],
)
def test_a_resource_that_contradicts_itself_is_refused(value: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_resource("room", value, "resources.room", zone="UTC")
    assert refused.value.code == code
