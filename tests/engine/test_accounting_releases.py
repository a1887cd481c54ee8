"""What a person takes back of a charge in advance (recipe R6d): the part not earned yet is released, the earned part goes off revenue."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import bulk, journal
from billing.events import ChargeAccrued, CreditNoteIssued, InvoiceVoided, Key
from billing.rebuilding import compare
from plans.errors import Refusal
from plans.money import round_money
from tests.books import CATALOGUE, advance, assert_books_hold, balance, do, documents, open_account, publish, undone

D = Decimal
YEARLY = (
    CATALOGUE
    + """\
  yearly:
    name: Yearly
    items:
      fee: {name: Yearly fee, period: 1 year, timing: advance, price: "365.00", tax: standard}
"""
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def year() -> None:
    publish(YEARLY)
    open_account()
    do("subscribe", "2026-01-01", account="ana", plan="yearly")
    advance("2026-03-15")


def legs(outcome: Any, kind: str = "credit_note.issued") -> dict[str, str]:
    [event] = [one.event for one in outcome.events if one.event.kind == kind]
    return {posting.ledger: f"{posting.amount:.2f}" for posting in event.entry.postings}


def roll_forward(month: str) -> list[list[str]]:
    """item, opening, charged, credited, recognised, closing"""
    out = io.StringIO()
    call_command("export", "deferred", "--from", month, "--to", month, stdout=out)
    return [[row[0], *row[2:]] for row in csv.reader(io.StringIO(out.getvalue()))][1:]


def test_the_unearned_part_is_released_and_the_earned_part_is_a_credit_note(year: None) -> None:
    note = do("credit_note", "2026-03-15", account="ana", invoice="1", reason="Ended by agreement")
    # 73 of 365 days are past
    assert legs(note) == {"deferred": "292.00", "credit_notes": "73.00", "tax:vat": "76.65", "receivable": "-441.65"}
    advance("2026-04-01")
    assert balance("deferred") == 0
    assert balance("revenue:subscription") + balance("credit_notes") == 0
    assert roll_forward("2026-03")[0] == ["fee", "306.00", "0.00", "292.00", "14.00", "0.00"]
    advance("2027-01-01")  # a new year: nothing of the old one moves any more
    assert balance("credit_notes") == D("73.00")
    assert_books_hold()


def test_less_than_what_is_unearned_costs_no_revenue_and_lessens_the_days_to_come(year: None) -> None:
    note = do("credit_note", "2026-03-15", account="ana", invoice="1", amount="146.00", reason="Goodwill")
    assert legs(note)["deferred"] == "146.00"
    assert "credit_notes" not in legs(note)
    advance("2026-04-01")
    # 73.00 by the 14th, then (365 - 146 - 73) / 292 = 0.50 a day
    assert balance("revenue:subscription") == D("-81.50")
    again = do("credit_note", "2026-04-11", account="ana", invoice="1", amount="200.00", reason="And the rest")
    assert legs(again) | {"tax:vat": "", "receivable": ""} == {
        "deferred": "132.50",
        "credit_notes": "67.50",
        "tax:vat": "",
        "receivable": "",
    }
    advance("2027-01-01")
    assert balance("revenue:subscription") == D("-86.50")
    assert compare(["ana"]) == []
    assert_books_hold()


def test_a_cancellation_after_a_credit_note_never_gives_back_more_than_was_billed(year: None) -> None:
    do("credit_note", "2026-03-15", account="ana", invoice="1", amount="300.00", reason="Agreed")
    do("cancel", "2026-04-01", account="ana")
    advance("2026-06-01")
    # 275.00 of the days to come would be taken back, but 65.00 are all that the note left of the bill
    assert [row[2] for row in documents() if row[0] == "credit_note"] == ["363.00", "78.65"]
    assert balance("unbilled") == 0
    assert balance("deferred") == 0
    assert balance("revenue:subscription") + balance("credit_notes") == 0
    assert_books_hold()


def test_a_forgiven_void_releases_and_another_void_does_not(year: None) -> None:
    voided = do("void", "2026-03-15", account="ana", invoice="1", reason="Wrong customer", forgive="yes")
    assert legs(voided, "invoice.voided") == {"deferred": "292.00", "credit_notes": "73.00", "receivable": "-441.65", "tax:vat": "76.65"}
    advance("2026-04-01")
    assert balance("deferred") == 0
    assert roll_forward("2026-03")[-1][-1] == "0.00"
    assert compare(["ana"]) == []
    with undone():
        do("subscribe", "2026-04-01", account="ana", plan="basic")
        again = do("void", "2026-04-01", account="ana", invoice="2", reason="Wrong address")
        assert "deferred" not in legs(again, "invoice.voided")


def test_refunds_and_disputes_release_too(year: None) -> None:
    do("pay", "2026-03-15", account="ana", amount="441.65", channel="cash")
    refunded = do("refund", "2026-03-15", account="ana", payment="1", amount="121.00", credit_note="yes", reason="Half")
    assert legs(refunded)["deferred"] == "100.00"
    do("subscribe", "2026-03-15", account="ana", plan="basic")
    do("dispute", "2026-03-15", account="ana", invoice="2", amount="12.10", reason="Down")
    upheld = do("resolve_dispute", "2026-03-15", account="ana", outcome="upheld")
    assert legs(upheld) == {"deferred": "10.00", "tax:vat": "2.10", "receivable": "-12.10"}


# --- a law ------------------------------------------------------------------------------------------------------------------------


def unearned(day: date) -> Decimal:
    """What the charges of the journal have not earned by the start of the day, each by its own days: computed from the facts alone."""
    spans: dict[Key, list[tuple[date, Decimal]]] = {}  # key → from a day on, what is still to earn is spread to the end
    charged: dict[Key, Decimal] = {}
    bounds: dict[Key, tuple[date, date]] = {}
    for recorded in journal.read(["ana"]):
        event = recorded.event
        if isinstance(event, ChargeAccrued) and event.earned_in and event.amount:
            charged[event.key] = charged.get(event.key, D(0)) + event.amount
            bounds[event.key] = event.start.date(), event.end.date()
        elif isinstance(event, CreditNoteIssued | InvoiceVoided):
            for one in event.released:
                charged[one.key] -= one.amount
                spans.setdefault(one.key, []).append((one.since, one.settled))
    total = D(0)
    for key, amount in charged.items():
        start, end = bounds[key]
        since, settled = spans.get(key, [(start, D(0))])[-1]
        if day < end:
            part = max(Fraction(0), Fraction((day - since).days, (end - since).days))
            total += amount - settled - round_money(Fraction(amount - settled) * part, "EUR")
    return total


STEPS = st.lists(
    st.tuples(
        st.integers(1, 45),
        st.sampled_from(["credit", "credit_all", "cancel", "pause", "resume", "change", "quantity", "void", "forgive", "pay", "refund"]),
    ),
    min_size=2,
    max_size=7,
)


def arguments(step: str, number: int) -> tuple[str, dict[str, Any]]:
    return {
        "credit": ("credit_note", {"invoice": str(number % 2 + 1), "amount": f"{3 * number + 4}.37", "reason": "x"}),
        "credit_all": ("credit_note", {"invoice": str(number % 2 + 1), "reason": "x"}),
        "cancel": ("cancel", {}),
        "pause": ("pause", {"reason": "x"}),
        "resume": ("resume", {}),
        "change": ("change_plan", {"plan": ("pro", "basic", "yearly", "seats")[number % 4]}),
        "quantity": ("change_quantity", {"item": "seat", "quantity": str(number + 2)}),
        "void": ("void", {"invoice": str(number % 3 + 1), "reason": "x"}),
        "forgive": ("void", {"invoice": str(number % 3 + 1), "reason": "x", "forgive": "yes"}),
        "pay": ("pay", {"amount": f"{number * 40 + 10}.00"}),
        "refund": ("refund", {"payment": "1", "amount": "7.00", "credit_note": "yes", "reason": "x"}),
    }[step]


def month_ends(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        if day.day == 1:
            yield day
        day += timedelta(days=1)


@settings(max_examples=8)
@given(steps=STEPS, first=st.sampled_from(["basic", "seats", "yearly"]))
def test_at_every_month_end_deferred_is_what_no_charge_has_earned_yet(steps: list[tuple[int, str]], first: str) -> None:
    with undone():
        publish(YEARLY)
        open_account()
        do("subscribe", "2026-01-10", account="ana", plan=first)
        day = date(2026, 1, 10)
        for number, (days, step) in enumerate(steps):
            for end in month_ends(day + timedelta(days=1), day + timedelta(days=days)):
                advance(str(end))
                assert -balance("deferred") == unearned(end), (end, steps[:number])
            day += timedelta(days=days)
            name, given_arguments = arguments(step, number)
            try:
                do(name, str(day), account="ana", **given_arguments)
            except Refusal:
                continue
        advance("2027-03-01")
        assert -balance("deferred") == unearned(date(2027, 3, 1))
        for month in {f"{one:%Y-%m}" for one in (day, date(2026, 2, 1))}:
            rows = roll_forward(month)
            assert all(D(row[1]) + D(row[2]) - D(row[3]) - D(row[4]) == D(row[5]) for row in rows)
        held = bulk.fetch("SELECT -coalesce(sum(amount), 0) FROM read_posting WHERE ledger = 'deferred'")[0][0]
        assert D(roll_forward("2027-02")[-1][-1]) == held
        assert_books_hold()
        assert compare(["ana"]) == []


@pytest.mark.parametrize("how", ["credit_note", "void"])
def test_what_was_released_whole_is_not_given_back_again_by_a_cancellation(how: str) -> None:
    """On the first day nothing is earned, so the correction moves nothing on `credit_notes`: it is seen all the same."""
    publish(YEARLY)
    open_account()
    do("subscribe", "2026-01-01", account="ana", plan="yearly")
    forgiven = {"forgive": "yes"} if how == "void" else {}
    do(how, "2026-01-01", account="ana", invoice="1", reason="Wrong plan", **forgiven)
    assert (balance("deferred"), balance("credit_notes")) == (0, 0)
    do("cancel", "2026-02-01", account="ana")
    advance("2027-02-01")
    assert (balance("credit"), balance("unbilled"), balance("deferred"), balance("revenue:subscription")) == (0, 0, 0, 0)
    assert_books_hold()
