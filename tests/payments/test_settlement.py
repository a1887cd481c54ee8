"""What a document costs by the day of its payment: several due dates with surcharges, and less for whoever pays early."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.events import PayBy
from payments.documents.reading import find_document
from payments.interest.target import LateDocument
from payments.settlement.target import surcharges
from plans.loader import read_catalogue
from tests.books import CATALOGUE, START, advance, do, documents, moment, open_account, owed, publish, undone
from tests.payments.debts import journal_of, late_charges
from tests.payments.helpers import postings, refused, row

WATER = """\
catalogue: water
currency: ARS
zone: UTC
terms: {bill: {days: 10, surcharge: {8: "1.59", 16: "3.17"}}}
plans:
  home: {name: Home, items: {water: {charge: fee, name: Water, timing: advance, price: {model: flat, amount: "75.65"}}}}
"""
EARLY = CATALOGUE.replace("terms: {net-14: {days: 14}}", "terms: {net-14: {days: 30, early: {days: 10, percent: 2}}}")


@pytest.fixture
def water(db: None) -> None:
    """A bill of 75.65, due on 11 January; 76.85 until the 19th, 78.05 until the 27th."""
    publish(WATER)
    open_account(currency="ARS")
    do("subscribe", account="ana", plan="home")
    do("cancel", account="ana")


@pytest.fixture
def early(db: None) -> None:
    """An invoice of 24.14, due on 31 January: 23.66 until the 11th."""
    publish(EARLY)
    open_account()
    do("subscribe", account="ana", plan="basic")


# --- several due dates ------------------------------------------------------------------------------------------------------------


def test_each_due_date_has_its_amount(water: None) -> None:
    advance("2026-01-11T23:00")
    assert owed() == Decimal("75.65")
    advance("2026-01-12")
    assert late_charges() == [("2026-01-12", "surcharge", "1.20")]
    assert owed() == Decimal("76.85")
    advance("2026-01-19T23:00")
    assert owed() == Decimal("76.85")
    advance("2026-03-01")
    assert late_charges()[1:] == [("2026-01-20", "surcharge", "1.20")]
    assert owed() == Decimal("78.05")
    assert [total for _, _, total, _ in documents()] == ["75.65", "1.20", "1.20"]  # a surcharge bears none itself


def test_the_second_amount_settles_the_second_due_date(water: None) -> None:
    do("pay", "2026-01-19T18:00", account="ana", amount="76.85")
    advance("2026-03-01")
    assert owed() == 0
    assert len(late_charges()) == 1


def test_who_paid_a_part_in_time_pays_on_the_rest(water: None) -> None:
    do("pay", "2026-01-11T20:00", account="ana", amount="45.65")
    advance("2026-03-01")
    assert [amount for _, _, amount in late_charges()] == ["0.48", "0.47"]  # 30.00 × 1.59 % = 0.477, × 3.17 % = 0.951


def test_what_is_disputed_costs_no_more(water: None) -> None:
    do("dispute", "2026-01-05", account="ana", invoice="1", reason="Not my meter")
    advance("2026-03-01")
    assert late_charges() == []


def test_money_that_came_in_time_and_is_known_late_gives_the_surcharge_back(water: None) -> None:
    advance("2026-02-01")
    do("pay", "2026-02-01", account="ana", amount="75.65", invoices=[1], received="2026-01-10")
    advance("2026-02-02")
    assert [amount for _, _, amount in late_charges()] == ["1.20", "1.20", "-1.20", "-1.20"]
    assert owed() == 0
    advance("2026-06-01")
    assert len(late_charges()) == 4


def test_a_void_bill_costs_nothing_more(water: None) -> None:
    advance("2026-01-15")
    do("void", "2026-01-15", account="ana", invoice="1", reason="Wrong meter", forgive=True)
    advance("2026-03-01")
    assert [amount for _, _, amount in late_charges()] == ["1.20", "-1.20"]
    assert owed() == 0


def test_the_bill_shows_what_it_costs_by_which_day(water: None) -> None:
    shown = find_document("ana", documents()[0][1], at=moment("2026-01-02"))
    assert [(day.isoformat(), f"{amount:.2f}") for day, amount, _ in shown.by_day] == [
        ("2026-01-11", "75.65"),
        ("2026-01-19", "76.85"),
        ("2026-01-27", "78.05"),
    ]


@settings(max_examples=2)
@given(st.lists(st.integers(0, 60), max_size=6), st.integers(1, 50), st.integers(0, 30))
@pytest.mark.django_db
def test_surcharges_are_the_same_however_often_the_clock_ticked(ticks: list[int], paid: int, earlier: int) -> None:
    def play(days: list[int]) -> list[Any]:
        with undone():
            publish(WATER)
            open_account(currency="ARS")
            do("subscribe", account="ana", plan="home")
            do("cancel", account="ana")
            for day in sorted({*days, paid, 60}):
                if day == paid:
                    came = max(START, START + timedelta(days=paid - earlier))
                    do("pay", START + timedelta(days=day), account="ana", amount="40.00", received=came, invoices=[1])
                advance(START + timedelta(days=day))
            return journal_of()

    assert play(ticks) == play([])


@given(st.integers(1, 10**7), st.lists(st.integers(1, 5000), min_size=1, max_size=5, unique=True))
def test_the_steps_together_are_the_percent_of_the_last(cents: int, percents: list[int]) -> None:
    due, total = date(2026, 1, 10), Decimal(cents) / 100
    steps = [PayBy(until=due + timedelta(days=10 * i), percent=Decimal(one) / 100) for i, one in enumerate(sorted(percents), start=1)]
    document = LateDocument("a/1", "1", "EUR", due, total, Decimal(0), ((START, date(2026, 1, 1), total),))
    lines = surcharges(document, steps, until=date(2027, 1, 1))
    exact = total * steps[-1].percent / 100
    assert abs(sum((line.amount for line in lines), Decimal(0)) - exact) <= Decimal("0.005")


# --- paid early -------------------------------------------------------------------------------------------------------------------


def test_who_pays_in_time_pays_two_percent_less(early: None) -> None:
    do("pay", "2026-01-11T20:00", account="ana", amount="23.66", reference="R")
    assert documents() == [("invoice", "INV-000001", "24.14", "0.00"), ("credit_note", "CN-000001", "0.48", "0.00")]
    assert postings("payment.received") == [("cash:transfer", "23.66"), ("receivable", "-23.66")]
    assert dict(postings("credit_note.issued"))["tax:vat"] == "0.08"  # tax follows what is paid in the end
    assert row("CN-000001", "net", "tax") == ("0.40", "0.08")


def test_a_day_later_the_whole_is_owed(early: None) -> None:
    do("pay", "2026-01-12", account="ana", amount="23.66")
    assert documents() == [("invoice", "INV-000001", "24.14", "0.48")]


def test_the_day_on_which_the_money_came_counts(early: None) -> None:
    do("pay", "2026-01-15", account="ana", amount="23.66", received="2026-01-10")
    assert owed() == 0


def test_a_part_earns_nothing_and_the_rest_may_complete_it(early: None) -> None:
    do("pay", "2026-01-02", account="ana", amount="10.00")
    assert documents() == [("invoice", "INV-000001", "24.14", "14.14")]
    do("pay", "2026-01-09", account="ana", amount="13.66")
    assert owed() == 0


def test_what_is_paid_beyond_is_credit(early: None) -> None:
    do("pay", "2026-01-09", account="ana", amount="24.14")
    assert owed() == 0
    assert postings("payment.received") == [("cash:transfer", "24.14"), ("credit", "-0.48"), ("receivable", "-23.66")]


def test_an_amount_that_is_named_is_paid_as_named(early: None) -> None:
    refused("more_than_open", "pay", "2026-01-09", account="ana", amount="24.15", invoices=[{"invoice": "1", "amount": "24.15"}])
    do("pay", "2026-01-09", account="ana", amount="24.14", invoices=[{"invoice": "1", "amount": "24.14"}])
    assert documents() == [("invoice", "INV-000001", "24.14", "0.00")]


def test_the_discount_is_given_once(early: None) -> None:
    do("pay", "2026-01-09", account="ana", amount="23.66")
    do("unallocate", "2026-01-10", account="ana", payment="1", reason="Wrong account")
    do("pay", "2026-01-10", account="ana", amount="23.19", channel="cash")
    assert documents()[0][3] == "0.47"


def test_one_payment_takes_the_discounts_of_those_that_it_settles(early: None) -> None:
    do("subscribe", "2026-01-03", account="ana", plan="pro")  # 60.38, 59.17 until the 13th
    do("pay", "2026-01-09", account="ana", amount="50.00")
    assert [(total, left) for kind, _, total, left in documents() if kind == "invoice"] == [("24.14", "0.00"), ("60.38", "34.04")]
    do("pay", "2026-01-09", account="ana", amount="32.83")
    assert owed() == 0


def test_money_without_a_payer_counts_from_the_day_on_which_it_came(early: None) -> None:
    do("receive", "2026-01-10", amount="23.66", reference="NO NAME")
    do("identify", "2026-01-20", account="ana", receipt="NO NAME")
    assert owed() == 0


# --- the catalogue ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "code", "where"),
    [
        ("{days: 10, surcharge: {}}", "wrong_type", "terms.t.surcharge.steps"),
        ("{days: 10, surcharge: {soon: 2}}", "wrong_type", "terms.t.surcharge.steps"),
        ("{days: 10, surcharge: {8: 2, 16: 1}}", "out_of_range", "terms.t.surcharge.steps"),
        ("{days: 10, surcharge: {8: 101}}", "out_of_range", "terms.t.surcharge.steps"),
        ("{days: 10, early: {days: 11, percent: 2}}", "out_of_range", "terms.t.early.days"),
        ("{days: 10, early: {days: 5, percent: 100}}", "out_of_range", "terms.t.early.percent"),
        ("{days: 10, early: {days: 5}}", "missing_field", "terms.t.early.percent"),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_their_place(terms: str, code: str, where: str) -> None:
    said = 'terms: {bill: {days: 10, surcharge: {8: "1.59", 16: "3.17"}}}'
    problems = read_catalogue(WATER.replace(said, f"terms: {{t: {terms}}}"), name="water.yaml").problems
    assert [(problem.code, problem.at.rpartition(" ")[2]) for problem in problems] == [(code, where)]
