"""The ladder: reminders, fees, credit status, cancellation, collection; eased by payments, paused by disputes and people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing import bulk
from billing.delivery import OwedEffect
from billing.queries.credit import credit_status
from payments.dunning.effects import superseded
from tests.books import START, advance, balance, do, documents, moment, open_account, owed, publish, undone
from tests.payments.debts import DUNNED, journal_of, late_charges, statuses, steps
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def dunned() -> None:
    """One invoice of 24.14, due on 15 January; its contract ends with the month."""
    publish(DUNNED)
    open_account()
    do("subscribe", account="ana", plan="basic", until="2026-02-01")


def test_the_whole_ladder(dunned: None) -> None:
    advance("2026-05-01")
    assert steps() == [
        ("2026-01-12", "ana/5", "before-3"),
        ("2026-01-16", "", "day-1"),
        ("2026-01-25", "", "day-10"),
        ("2026-02-04", "", "day-20"),
        ("2026-03-16", "", "day-60"),
        ("2026-04-15", "", "day-90"),
    ]
    assert statuses() == [("2026-01-16", "grace"), ("2026-01-25", "limited"), ("2026-02-04", "suspended")]
    assert late_charges() == [("2026-01-25", "late-fee", "5.00")]
    assert documents() == [("invoice", "INV-000001", "24.14", "24.14"), ("invoice", "INV-000002", "6.05", "6.05")]
    assert balance("revenue:late-fees") == -5


def test_who_pays_in_time_hears_only_that_it_is_due(dunned: None) -> None:
    do("pay", "2026-01-15T20:00", account="ana", amount="24.14")
    advance("2026-05-01")
    assert [step for _, _, step in steps()] == ["before-3"]
    assert statuses() == []


def test_a_payment_ends_the_case_and_a_suspension_costs_its_reconnection() -> None:
    publish(DUNNED)
    open_account()
    contract = do("subscribe", account="ana", plan="basic").made["contract"]
    advance("2026-02-10")
    assert credit_status("ana").suspended == {contract: True}
    do("pay", "2026-02-10T10:00", account="ana", amount="60.00")
    assert steps()[-1] == ("2026-02-10", "", "eased")
    assert statuses()[-1] == ("2026-02-10", "good")
    assert late_charges() == [("2026-01-25", "late-fee", "5.00"), ("2026-02-10", "reconnection", "12.00")]
    advance("2026-02-16")
    assert statuses()[-1] == ("2026-02-10", "good")  # all of it is paid: January, February, the fee; the reconnection is due on the 10th


def test_money_that_came_before_a_step_takes_its_fee_back_and_reconnects_for_nothing() -> None:
    """The bank told of it on 10 February; it had come on 14 January, a day before the invoice was due."""
    publish(DUNNED)
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2026-02-10")
    do("pay", "2026-02-10T10:00", account="ana", amount="24.14", received="2026-01-14T12:00", invoices=["INV-000001"])
    assert credit_status("ana").suspended == {}
    assert [(item, amount) for _, item, amount in late_charges()] == [("late-fee", "5.00"), ("late-fee", "-5.00")]
    assert ("credit_note", "CN-000001", "6.05", "0.00") in documents()
    assert balance("revenue:late-fees") == 0
    assert f"{owed():.2f}" == "24.14"  # February
    assert statuses()[-1] == ("2026-02-10", "good")


def test_money_that_came_after_a_step_leaves_its_fee() -> None:
    publish(DUNNED)
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2026-02-10")
    do("pay", "2026-02-10T10:00", account="ana", amount="24.14", received="2026-01-25T12:00", invoices=["INV-000001"])
    assert [fee for fee in late_charges() if fee[1] == "late-fee"] == [("2026-01-25", "late-fee", "5.00")]


def test_the_oldest_debt_decides_where_the_account_stands() -> None:
    publish(DUNNED)
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2026-02-20")  # January is 36 days late, February 5
    assert statuses()[-1] == ("2026-02-04", "suspended")
    do("pay", "2026-02-20T09:00", account="ana", amount="30.19")  # January and the fee
    assert steps()[-1] == ("2026-02-20", "", "eased day-1")
    assert statuses()[-1] == ("2026-02-20", "grace")
    advance("2026-02-26")
    assert steps()[-1] == ("2026-02-25", "", "day-10")
    assert [fee for fee in late_charges() if fee[1] == "late-fee"] == [
        ("2026-01-25", "late-fee", "5.00"),
        ("2026-02-25", "late-fee", "5.00"),
    ]


def test_less_than_the_minimum_is_not_pursued(dunned: None) -> None:
    do("pay", "2026-01-14", account="ana", amount="23.15")
    advance("2026-05-01")
    assert [step for _, _, step in steps()] == ["before-3"]
    assert f"{owed():.2f}" == "0.99"


def test_each_document_by_itself() -> None:
    publish(DUNNED)
    open_account()
    do("set_dunning", account="ana", policy="by-document", reason="Key account")
    do("subscribe", account="ana", plan="basic", until="2026-03-01")
    advance("2026-02-21")
    taken = [(day, subject, step) for day, subject, step in steps()]
    january, february = "ana/6", taken[3][1]
    fee = taken[1][1]  # INV-000002 bills the fee: it is pursued, but bears no fee
    assert taken == [
        ("2026-01-20", january, "day-5"),
        ("2026-02-08", fee, "day-5"),
        ("2026-02-14", january, "day-30"),
        ("2026-02-20", february, "day-5"),
    ]
    assert [fee for _, _, fee in late_charges()] == ["3.00", "3.00"]
    do("pay", "2026-02-22", account="ana", amount="24.14", invoices=[1])
    assert steps()[-1][2] == "eased"
    assert statuses() == [("2026-02-14", "suspended"), ("2026-02-22", "good")]


def test_what_the_customer_disputes_is_not_pursued(dunned: None) -> None:
    do("dispute", "2026-01-14", account="ana", invoice=1, reason="Down all month")
    advance("2026-03-01")
    assert [step for _, _, step in steps()] == ["before-3"]
    do("resolve_dispute", "2026-03-01", account="ana", outcome="rejected")
    advance("2026-03-12")
    assert [(day, step) for day, _, step in steps()][1:] == [("2026-03-02", "day-1"), ("2026-03-11", "day-10")]


def test_a_lost_dispute_of_the_bank_counts_from_that_day(dunned: None) -> None:
    do("pay", "2026-01-10", account="ana", amount="24.14", channel="card")
    do("open_dispute", "2026-01-20", account="ana", payment="1")
    advance("2026-03-01")
    assert steps() == []
    do("lose_dispute", "2026-03-01", account="ana")
    advance("2026-03-12")
    assert [(day, step) for day, _, step in steps()] == [("2026-03-02", "day-1"), ("2026-03-11", "day-10")]


def test_days_of_a_pause_do_not_count(dunned: None) -> None:
    advance("2026-01-18")
    do("pause_dunning", "2026-01-18T10:00", account="ana", reason="Promised to pay", until="2026-01-28")
    refused("paused", "pause_dunning", "2026-01-19", account="ana", reason="Again")
    advance("2026-02-05")
    assert [(day, step) for day, _, step in steps()][2:] == [("2026-02-04", "day-10")]  # ten days after the 25th
    do("pause_dunning", "2026-02-06", account="ana", reason="Ill")
    advance("2026-06-01")
    assert len(steps()) == 3
    do("resume_dunning", "2026-06-02", account="ana")
    advance("2026-07-01")
    assert [(day, step) for day, _, step in steps()][3:] == [("2026-06-10", "day-20")]  # eight days were left
    refused("not_paused", "resume_dunning", "2026-07-02", account="ana")


def test_what_a_person_set_is_not_lifted_by_a_payment(dunned: None) -> None:
    advance("2026-01-17")
    do("set_credit_status", "2026-01-17T12:00", account="ana", status="limited", reason="Bounced cheques")
    do("pay", "2026-01-18", account="ana", amount="24.14")
    assert steps()[-1][2] == "eased"
    assert credit_status("ana").status == "limited"


def test_bad_words_are_refused(dunned: None) -> None:
    refused("unknown_choice", "set_dunning", account="ana", policy="laddr")
    refused("out_of_range", "pause_dunning", "2026-01-18", account="ana", reason="x", until="2026-01-18")
    refused("unknown_account", "pause_dunning", account="bob", reason="x")


def test_after_an_outage_the_books_catch_up_and_the_customer_gets_one_reminder(dunned: None) -> None:
    advance("2026-03-01")
    reminders = [OwedEffect(*row[:5], orjson.loads(row[5]), row[6], at=moment("2026-03-01")) for row in bulk.fetch(REMINDERS)]
    assert [(effect.payload["text"], superseded(effect)) for effect in reminders] == [
        ("due-soon", True),
        ("overdue", True),
        ("second", True),
        ("last", False),
    ]
    do("pay", "2026-03-01T10:00", account="ana", amount="24.14", invoices=[1])
    assert [superseded(replace(effect, at=moment("2026-03-02"))) for effect in reminders] == [True] * 4


REMINDERS = "SELECT id, kind, account, stream, sequence, payload::text, attempt FROM effect WHERE kind = 'dunning.remind' ORDER BY sequence"


EVERYTHING = (
    DUNNED.replace('    reconnection: "12.00"', '    reconnection: "12.00"\n    interest: {rate: 24, grace: 2}', 1)
    + "instalments:\n  three: {count: 3, rate: 2, tolerance: 3}\n"
)


SELDOM: list[object] = []  # what came of the fewest ticks: played once


@settings(max_examples=1)
@given(st.lists(st.integers(0, 110), max_size=6))
@example([*range(9, 60, 9)])
def test_the_books_are_the_same_however_often_the_clock_ticked(ticks: list[int]) -> None:
    """The ladder, late interest, a suspension, a payment, and a payment plan that is broken."""

    def play(days: list[int]) -> list[object]:
        with undone():
            publish(EVERYTHING)
            open_account()
            do("subscribe", account="ana", plan="basic", until="2026-04-01")
            for day in sorted(set(days)):
                if day == 40:
                    do("pay", START + timedelta(days=40), account="ana", amount="24.14")
                if day == 50:
                    do("instalments", START + timedelta(days=50), account="ana", offer="three")
                advance(START + timedelta(days=day))
            found = journal_of()
            kinds = {kind for _, kind, *_ in found}
            assert {"dunning.step_taken", "dunning.eased", "instalments.agreed", "instalments.ended", "credit_status.changed"} <= kinds
            assert {item for _, item, _ in late_charges()} >= {"late-fee", "late-interest", "reconnection"}
            return found

    if not SELDOM:
        SELDOM.extend(play([40, 50, 110]))
    assert play([*ticks, 40, 50, 110]) == SELDOM
