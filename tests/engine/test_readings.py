"""Registers that are read less often than periods close: the fixed part of a price per days counts every day once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.books import advance, assert_books_hold, do, open_account, publish, sums, use

pytestmark = pytest.mark.django_db

ENERGY = """
catalogue: energy
currency: EUR
meters: {kwh: {aggregate: register, register: {spread: end}}}
plans:
  home:
    period: month
    items:
      power: {charge: usage, meter: kwh, per_days: 30, price: {model: graduated, tiers: [{flat: "30.00", unit: "0.10"}]}}
"""


def read(at: str, value: str) -> None:
    use("ana", "kwh", arrived=at, records=[{"id": at, "at": at, "value": value, "kind": "reading"}])


def by_month() -> dict[str, Decimal]:
    return {period.split()[1]: amount for (_, _, period), amount in sums().items()}


def test_a_period_without_a_reading_waits_for_the_next_one() -> None:
    """Read on 1 January and on 2 March: 60 days at 1.00 and 600 kWh at 0.10. January and February have no reading of their own."""
    publish(ENERGY)
    open_account()
    do("subscribe", account="ana", plan="home")
    read("2026-01-01", "1000")
    advance("2026-03-01")
    assert by_month() == {}
    read("2026-03-02", "1600")
    advance("2026-04-01")
    assert by_month() == {"2026-03-01": Decimal("120.00")}
    assert_books_hold()


def test_a_reading_that_comes_late_moves_the_days_to_where_it_was_taken() -> None:
    publish(ENERGY)
    open_account()
    do("subscribe", account="ana", plan="home")
    read("2026-01-01", "1000")
    read("2026-03-02", "1600")
    advance("2026-04-01")
    assert by_month() == {"2026-03-01": Decimal("120.00")}
    use("ana", "kwh", arrived="2026-04-02", records=[{"id": "late", "at": "2026-01-31", "value": "1300", "kind": "reading"}])
    advance("2026-04-02")
    assert by_month() == {"2026-01-01": Decimal("60.00"), "2026-03-01": Decimal("60.00")}
    assert_books_hold()


def test_the_days_between_the_last_reading_and_the_end_of_the_contract_are_billed_with_its_last_period() -> None:
    """Read on 1 and on 31 January, and never again: 30 days at 1.00 and 300 kWh, then 42 days of the fixed part to 14 March."""
    publish(ENERGY)
    open_account()
    do("subscribe", account="ana", plan="home")
    read("2026-01-01", "1000")
    read("2026-01-31", "1300")
    do("cancel", "2026-02-20", account="ana", when="2026-03-14", reason="moved")
    advance("2026-03-14")
    assert by_month() == {"2026-01-01": Decimal("60.00"), "2026-03-01": Decimal("42.00")}
    use("ana", "kwh", arrived="2026-03-20", records=[{"id": "final", "at": "2026-03-14", "value": "1500", "kind": "reading"}])
    advance("2026-03-20")
    assert by_month() == {"2026-01-01": Decimal("60.00"), "2026-03-01": Decimal("62.00")}  # and 200 kWh, when somebody reads after all
    assert_books_hold()


def test_a_register_that_was_never_read_is_billed_its_fixed_part_from_the_start() -> None:
    publish(ENERGY)
    open_account()
    do("subscribe", account="ana", plan="home", until="2026-02-11")
    advance("2026-03-01")
    assert by_month() == {"2026-02-01": Decimal("41.00")}
    assert_books_hold()
