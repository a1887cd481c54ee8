"""Late interest as a pure target: segments, rates by date, grace, minimum, and a past that changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.due import DuePart, fallen_due, oldest_unpaid, overdue
from payments.interest.target import Charged, Dated, LateDocument, Schedule, accrued, differences, next_accrual
from plans.dunning import LateInterest, RateEntry
from plans.money import round_money

DUE = date(2026, 1, 10)
DAILY = LateInterest(rate=Decimal(1), per="day")
ONE = (RateEntry(date.min, Decimal(1)),)


def day(number: int) -> date:
    return DUE + timedelta(days=number)


def document(*moves: tuple[int, str], total: str = "60000.00", **given_: object) -> LateDocument:
    """Issued ten days before it is due; `moves` are (day after the due date, amount that was paid)."""
    found = [(datetime(2025, 12, 31, tzinfo=UTC), date(2025, 12, 31), Decimal(total))]
    found += [(datetime.combine(day(at), datetime.min.time(), UTC), day(at), -Decimal(amount)) for at, amount in moves]
    return LateDocument("i", "INV-1", "ARS", DUE, Decimal(total), Decimal(0), tuple(found), **given_)  # type: ignore[arg-type]


def amounts(lines: list[object]) -> list[tuple[int, str, str]]:
    return [(line.days, str(line.principal), str(line.amount)) for line in lines]  # type: ignore[attr-defined]


def test_each_principal_and_month_is_a_line() -> None:
    paid = document((5, "30000.00"), (10, "30000.00"))
    assert amounts(accrued(paid, DAILY, ONE, until=day(400))) == [(5, "60000.00", "3000.00"), (5, "30000.00", "1500.00")]
    assert amounts(accrued(document(), DAILY, ONE, until=day(30))) == [(22, "60000.00", "13200.00"), (8, "60000.00", "4800.00")]
    assert accrued(document(), DAILY, ONE, until=DUE) == []


def test_older_days_keep_the_older_rate() -> None:
    rates = (RateEntry(date(2020, 1, 1), Decimal("4.00")), RateEntry(date(2026, 1, 20), Decimal("2.80")))
    terms = LateInterest(rates="legal", per="month")
    lines = accrued(document(total="3000.00"), terms, rates, until=day(20))
    assert [(line.days, str(line.rate), str(line.amount)) for line in lines] == [(10, "4.00", "40.00"), (10, "2.80", "28.00")]


def test_by_year_the_day_count_decides() -> None:
    for convention, expected in (("act/365", "30.14"), ("act/360", "30.56"), ("30/360", "29.17")):
        terms = LateInterest(rate=Decimal(50), day_count=convention)  # type: ignore[arg-type]
        total = sum(line.amount for line in accrued(document(total="1000.00"), terms, (RateEntry(date.min, Decimal(50)),), until=day(22)))
        assert (convention, str(total)) == (convention, expected)


def test_within_the_grace_nothing_is_owed_and_after_it_all_days_are() -> None:
    terms = LateInterest(rate=Decimal(1), per="day", grace=5)
    assert accrued(document((5, "60000.00")), terms, ONE, until=day(9)) == []
    assert amounts(accrued(document((6, "60000.00")), terms, ONE, until=day(9))) == [(6, "60000.00", "3600.00")]
    assert accrued(document(), terms, ONE, until=day(5)) == []


def test_less_than_the_minimum_waits() -> None:
    terms = LateInterest(rate=Decimal(1), per="day", minimum=Decimal(1801))
    assert accrued(document(), terms, ONE, until=day(3)) == []
    assert len(accrued(document(), terms, ONE, until=day(4))) == 1


def test_neither_what_is_disputed_nor_what_is_for_being_late_bears_interest() -> None:
    held = document(disputed=(Dated(day(2), day(4), Decimal("50000.00")),))
    assert amounts(accrued(held, DAILY, ONE, until=day(6))) == [
        (2, "60000.00", "1200.00"),
        (2, "10000.00", "200.00"),
        (2, "60000.00", "1200.00"),
    ]
    mixed = LateDocument("i", "INV-1", "ARS", DUE, Decimal(100), Decimal(30), document(total="100").movements)
    assert amounts(accrued(mixed, DAILY, ONE, until=day(1))) == [(1, "70", "0.70")]


def test_instalments_bear_interest_from_their_own_days() -> None:
    parts = (DuePart(day(10), Decimal(30000)), DuePart(day(20), Decimal(30000)))
    plan = document(schedules=(Schedule(date(2025, 12, 31), None, parts),))
    assert amounts(accrued(plan, DAILY, ONE, until=day(22))) == [(10, "30000.00", "3000.00"), (2, "60000.00", "1200.00")]


def test_a_payment_that_is_known_late_gives_back_what_was_too_much() -> None:
    charged = Charged({DUE: Decimal("13200.00"), date(2026, 2, 1): Decimal("16800.00")}, date(2026, 3, 1))
    late = document((5, "60000.00"))
    assert next_accrual(late, DAILY, ONE, charged, "UTC") == (datetime(2026, 3, 1, tzinfo=UTC), date(2026, 3, 1))
    found = differences(accrued(late, DAILY, ONE, until=date(2026, 3, 1)), charged)
    assert [(line.start, str(amount)) for line, amount in found] == [(DUE, "-10200.00"), (date(2026, 2, 1), "-16800.00")]


def test_when_interest_is_charged_next() -> None:
    nothing = Charged({})
    assert next_accrual(document(), DAILY, ONE, nothing, "UTC") == (datetime(2026, 2, 1, tzinfo=UTC), date(2026, 2, 1))
    assert next_accrual(document((5, "60000.00")), DAILY, ONE, nothing, "UTC") == (datetime(2026, 1, 15, tzinfo=UTC), day(5))
    assert next_accrual(document((0, "60000.00")), DAILY, ONE, nothing, "UTC") is None
    assert next_accrual(document(), DAILY, (RateEntry(date.min, Decimal(0)),), nothing, "UTC") is None


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 2000)), max_size=6), st.integers(1, 250))
def test_the_lines_add_up_to_the_days_one_by_one(paid: list[tuple[int, int]], until: int) -> None:
    """Line by line rounded, and never further from the exact sum of the days than half a cent a line."""
    late = document(*[(at, f"{amount}.00") for at, amount in sorted(paid)], total="12000.00")
    lines = accrued(late, DAILY, ONE, until=day(until))
    exact = sum((Fraction(late.principal(day(number))) / 100 for number in range(until)), Fraction(0))
    assert abs(sum((Fraction(line.amount) for line in lines), Fraction(0)) - exact) <= Fraction(len(lines), 200)
    assert all(line.amount == round_money(Fraction(line.principal) * line.days / 100, "ARS") for line in lines)


@given(st.integers(0, 100), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), min_size=1, max_size=5))
def test_parts_are_paid_in_the_order_of_their_days(paid: int, given_parts: list[tuple[int, int]]) -> None:
    parts = [DuePart(day(at), Decimal(amount)) for at, amount in given_parts]
    left = max(Decimal(0), sum((part.amount for part in parts), Decimal(0)) - paid)
    oldest = oldest_unpaid(left, parts)
    for number in range(-1, 62):
        today = day(number)
        assert 0 <= overdue(left, Decimal(0), parts, today) <= fallen_due(left, parts, today) <= left
        assert (overdue(left, Decimal(0), parts, today) > 0) == (oldest is not None and oldest < today)
