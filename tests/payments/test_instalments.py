"""Payment plans: agreed, kept, broken, settled early; their interest, and what dunning and interest make of them meanwhile."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import bulk
from billing.queries.credit import credit_status
from billing.queries.status import status
from payments.instalments.schedule import over_documents, parts_of
from plans.errors import Invalid
from tests.books import advance, balance, do, documents, moment, open_account, owed, publish
from tests.payments.debts import DUNNED, late_charges, statuses, steps
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db

OFFERS = (
    DUNNED
    + """\
instalments:
  three: {count: 3}
  business: {name: Three at 8 %, count: 3, rate: 8, tolerance: 5}
"""
)


@pytest.fixture
def bill() -> None:
    """22,000.00 brought over, due on 10 March 2024, and the offers."""
    publish(OFFERS, "2024-01-01")
    open_account(at="2024-01-01")
    do("set_dunning", "2024-01-01", account="ana", policy="ladder")
    do("open_balance", "2024-03-10", account="ana", amount="22000.00", due="2024-03-20")


def overdue(at: str) -> str:
    return f"{status('ana', at=moment(at)).in_currency('EUR').overdue:.2f}"


def plan_status() -> str:
    return str(bulk.fetch("SELECT status FROM read_instalment_plan ORDER BY sequence DESC LIMIT 1")[0][0])


def test_a_plan_that_is_kept_is_not_overdue(bill: None) -> None:
    do("instalments", "2024-03-12", account="ana", count=3, first="2024-04-10")
    rows = bulk.fetch("SELECT due::text, amount FROM read_due_part ORDER BY due")
    assert [(due, f"{amount:.2f}") for due, amount in rows] == [
        ("2024-04-10", "7333.33"),
        ("2024-05-10", "7333.33"),
        ("2024-06-10", "7333.34"),
    ]
    for day, amount in (("2024-04-10", "7333.33"), ("2024-05-10", "7333.33"), ("2024-06-09", "7333.34")):
        assert overdue(day) == "0.00"
        do("pay", f"{day}T12:00", account="ana", amount=amount)
    advance("2024-12-01")
    assert plan_status() == "completed"
    assert owed() == 0
    assert [step for _, _, step in steps() if step != "before-3"] == []
    assert statuses() == []


def test_french_interest_is_charged_on_each_due_day() -> None:
    publish(OFFERS)
    open_account()
    do("set_dunning", account="ana", policy="ladder")
    do("open_balance", account="ana", amount="100000.00", due="2026-01-01")
    do("instalments", "2026-01-01T09:00", account="ana", offer="business")
    for day in ("2026-02-01", "2026-03-01", "2026-04-01"):
        do("pay", f"{day}T18:00", account="ana", amount="38803.35")
    assert [(day, amount) for day, _, amount in late_charges()] == [
        ("2026-02-01", "8000.00"),
        ("2026-03-01", "5535.73"),
        ("2026-04-01", "2874.32"),
    ]
    assert [(total, due) for _, _, total, due in documents()] == [
        ("100000.00", "0.00"),
        ("8000.00", "0.00"),
        ("5535.73", "0.00"),
        ("2874.32", "0.00"),
    ]
    assert plan_status() == "completed"
    assert balance("revenue:instalment-interest") == Decimal("-16410.05")
    assert balance("credit") == 0


def test_an_instalment_that_is_not_paid_breaks_the_plan_and_all_is_due(bill: None) -> None:
    do("instalments", "2024-03-12", account="ana", offer="three", first="2024-04-10")
    do("pay", "2024-04-10", account="ana", amount="7333.33")
    advance("2024-05-11")
    assert plan_status() == "broken"
    assert overdue("2024-05-11") == "14666.67"
    advance("2024-05-25")
    assert [(day, step) for day, _, step in steps() if step.startswith("day")] == [("2024-05-12", "day-1"), ("2024-05-21", "day-10")]


def test_within_the_tolerance_an_instalment_is_overdue_but_the_plan_stands() -> None:
    publish(OFFERS)
    open_account()
    do("set_dunning", account="ana", policy="ladder")
    do("open_balance", account="ana", amount="100000.00", due="2026-01-01")
    do("instalments", "2026-01-01", account="ana", offer="business")
    advance("2026-02-03")
    assert (plan_status(), overdue("2026-02-03")) == ("active", "38803.35")
    assert steps()[-1] == ("2026-02-02", "", "day-1")
    do("pay", "2026-02-06T23:00", account="ana", amount="38803.35")
    assert (plan_status(), overdue("2026-02-07")) == ("active", "0.00")
    assert statuses()[-1][1] == "good"
    advance("2026-03-07")
    assert plan_status() == "broken"


def test_whoever_agrees_on_a_plan_is_served_again(bill: None) -> None:
    contract = do("subscribe", "2024-03-10", account="ana", plan="basic").made["contract"]
    advance("2024-04-15")
    assert credit_status("ana").suspended == {contract: True}
    do("instalments", "2024-04-15T10:00", account="ana", offer="three")
    assert statuses()[-1] == ("2024-04-15", "good")
    assert credit_status("ana").suspended == {}


def test_a_plan_settled_early_costs_the_days_that_passed() -> None:
    publish(OFFERS)
    open_account()
    do("open_balance", account="ana", amount="100000.00", due="2026-01-01")
    refused("unknown_offer", "instalments", account="ana", offer="buisness")
    refused("missing_field", "instalments", account="ana")
    do("instalments", account="ana", count=3, rate=8, method="flat", down="10000.00")
    refused("in_plan", "instalments", account="ana", count=2)
    do("pay", account="ana", amount="10000.00")
    refused("unknown_choice", "end_instalments", account="ana", outcome="won")
    do("end_instalments", "2026-01-16T12:00", account="ana")
    # Flat: 7,200.00 a month, 15 of its 31 days.
    assert late_charges() == [("2026-01-16", "instalment-interest", "3483.87")]
    assert plan_status() == "settled"
    refused("unknown_plan", "end_instalments", "2026-01-17", account="ana")
    assert owed() == Decimal("93483.87")


def test_what_is_disputed_is_not_divided(bill: None) -> None:
    do("dispute", "2024-03-11", account="ana", invoice=1, amount="1.00", reason="Reading")
    refused("disputed", "instalments", "2024-03-12", account="ana", count=2)


def test_too_little_is_not_divided() -> None:
    with pytest.raises(Invalid, match=r"0\.45 EUR is too little for 10 instalments"):
        parts_of(Decimal("0.45"), "EUR", dues=DUES[:10], start=date(2026, 1, 1), method="none", rate=Decimal(0))


DUES = [date(2026, 1, 31) + timedelta(days=30 * number) for number in range(40)]


@given(st.integers(100_000, 10**9), st.integers(1, 40), st.sampled_from(["none", "flat", "french"]), st.integers(1, 2000))
def test_parts_sum_to_the_whole_and_are_equal_but_for_the_last(cents: int, count: int, method: str, rate: int) -> None:
    principal = Decimal(cents).scaleb(-2)
    percent = Decimal(rate).scaleb(-2) if method != "none" else Decimal(0)
    parts = parts_of(principal, "EUR", dues=DUES[:count], start=date(2026, 1, 1), method=method, rate=percent)
    assert sum(part.principal for part in parts) == principal
    assert all(part.principal > 0 and part.interest >= 0 for part in parts)
    assert len({part.amount for part in parts[:-1]}) <= 1
    if count > 1:
        assert abs(parts[-1].amount - parts[0].amount) <= count * Decimal("0.01") * (1 + percent / 100) ** count
    shares = over_documents(parts, [("a", principal / 4 - (principal / 4) % Decimal("0.01")), ("b", principal * 3 // 4)])
    assert all(part.amount > 0 for found in shares.values() for part in found)
