"""Adjustments by a rule: each account's amount from what it was charged, listed in a correction set and done as any other."""

from __future__ import annotations

import io
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from billing import bulk
from billing.corrections.rules import Rule, adjustments, beyond, read_rule, within
from plans.errors import Refusal
from tests.books import advance, do, moment, open_account, publish, use

OUTAGE = "share of=fee from=2026-01-10T06:00 to=2026-01-11T18:00"  # 36 hours of January's 744


@pytest.fixture
def house(db: None, settings: Any) -> None:
    settings.BILLING_SPEAKERS = ("tester", "command line")
    publish()
    for name, plan in (("ana", "basic"), ("bo", "pro"), ("cy", "metered")):
        open_account(name)
        do("subscribe", account=name, plan=plan)
    do("publish_policy", source="currency: EUR\nlimits: {finance: {any: unlimited}}\n")


def amounts(rule: str, at: str = "2026-01-12") -> dict[str, str]:
    return {row["account"]: row["amount"] for row in adjustments(read_rule(rule), ["ana", "bo", "cy"], at=moment(at))}


def corrections(*words: str) -> str:
    out = io.StringIO()
    call_command("corrections", *words, "--at", "2026-01-12", stdout=out, stderr=out)
    return out.getvalue()


def test_an_outage_gives_back_the_share_of_its_hours_as_one_set(house: None) -> None:
    told = corrections("new", "outage", "--command", "adjust", "--all", "--rule", OUTAGE, "--reason", "Outage", "--by", "olga")
    assert "2 of 3 accounts get something by the rule" in told  # cy pays for use alone
    corrections("preview", "outage")
    corrections("approve", "outage", "--by", "fay", "--role", "finance")
    corrections("apply", "outage")
    made = bulk.fetch("SELECT account, amount, item FROM read_charge WHERE kind = 'adjustment' ORDER BY account")
    assert made == [("ana", Decimal("-0.97"), "fee"), ("bo", Decimal("-2.41"), "fee")]  # 19.95 and 49.90 × 36/744
    corrections("revert", "outage", "--reason", "Another area", "--by", "fay", "--role", "finance")
    assert sum(bulk.fetch("SELECT sum(amount) FROM read_charge WHERE kind = 'adjustment'")[0]) == 0


def test_the_rule_is_bounded(house: None) -> None:
    assert amounts(OUTAGE) == {"ana": "-0.97", "bo": "-2.41"}
    assert amounts(f"{OUTAGE} percent=200 most=2.00") == {"ana": "-1.93", "bo": "-2"}
    assert amounts(f"{OUTAGE} least=1.00") == {"bo": "-2.41"}
    assert amounts("share of=fee from=2025-12-20 to=2026-01-01") == {}
    assert amounts("share of=calls from=2026-01-10 to=2026-01-11") == {}
    do("adjust", "2026-01-05", account="bo", amount="-1.00", item="fee", reason="Before")
    assert amounts(f"{OUTAGE} once=P12M") == {"ana": "-0.97"}
    assert amounts(f"{OUTAGE} once=P1D") == {"ana": "-0.97", "bo": "-2.41"}


def test_a_leak_is_what_is_beyond_the_averages_before(house: None) -> None:
    for month, value in (("01", "5"), ("02", "7"), ("03", "60")):
        use("cy", "calls", arrived=f"2026-{month}-20", records=[{"id": f"c{month}", "at": f"2026-{month}-15", "value": value}])
    advance("2026-04-02")
    # January 5.00, February 7.00, March 60 × 0.50 = 30.00
    assert amounts("excess of=calls at=2026-03-15 times=3", "2026-04-02") == {"cy": "-12"}
    assert amounts("excess of=calls at=2026-03-15 times=3 periods=1 percent=50", "2026-04-02") == {"cy": "-4.5"}
    assert amounts("excess of=calls at=2026-01-15", "2026-04-02") == {}  # nothing before it
    assert amounts("excess of=calls at=2026-03-15 times=5", "2026-04-02") == {}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("half of=fee", "unknown_choice"),
        ("share of=fee from=2026-01-10", "missing_field"),
        ("share of=fee from=2026-01-10 to=2026-01-10", "out_of_range"),
        ("share of=fee from=soon to=2026-01-10", "not_a_time"),
        ("share of=fee from=2026-01-10 to=2026-01-11 percnt=50", "unknown_field"),
        ("excess of=fee at=2026-01-10 least=-1", "negative"),
        ("excess of=fee at=2026-01-10 once=often", "not_a_period"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_rule(rule)
    assert caught.value.code == code


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12), st.integers(0, 10**7), st.integers(1, 5))
def test_the_excess_is_exact_and_never_negative(before: list[int], charged: int, times: int) -> None:
    found = beyond(Decimal(charged), [Decimal(one) for one in before], Decimal(times))
    assert found == max(0, Fraction(charged) - Fraction(times * sum(before), len(before)))
    assert within(Rule("excess", "x"), found, "JPY") >= 0
