"""Races, forced: many threads on real connections, started at one barrier. Each proof has a wrong variant that it catches."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from django.db import transaction

from billing import bulk, clockwork, journal
from billing.engine import Outcome, Request, Stamp, execute, record
from billing.events import StockMoved
from billing.journal import Draft
from tests.books import assert_books_hold, do, moment, open_account, publish
from tests.drills.base import codes, race

pytestmark = pytest.mark.django_db(transaction=True)


def subscribers(count: int) -> None:
    publish()
    for number in range(count):
        open_account(f"a{number:03d}")
        do("subscribe", "2026-01-15", account=f"a{number:03d}", plan="metered")
        do("sell", "2026-01-15", account=f"a{number:03d}", item="ticket", invoice="next_invoice")


def test_one_key_is_one_effect_however_many_ask_at_once() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    answers = race(8, lambda _: do("pay", "2026-01-02", account="ana", amount="24.14", key="p-1"))
    assert [answer.made for answer in answers] == [answers[0].made] * 8
    assert sum(not answer.replayed for answer in answers) == 1
    assert bulk.fetch("SELECT count(*) FROM read_payment") == [(1,)]
    assert_books_hold()


def test_one_key_opens_one_account_though_its_stream_is_not_there_yet() -> None:
    answers = race(8, lambda _: open_account("new", key="k"))
    assert sum(not answer.replayed for answer in answers) == 1
    assert bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'account.opened'") == [(1,)]


def test_without_keys_one_account_is_opened_and_the_others_are_refused() -> None:
    answers = race(8, lambda _: open_account("new"))
    assert codes(answers) == ["Outcome", *["account_exists"] * 7]


def test_the_last_router_is_sold_once() -> None:
    publish()
    do("restock", item="router", quantity="1")
    for number in range(20):
        open_account(f"b{number}")
    answers = race(20, lambda number: do("sell", "2026-01-02", account=f"b{number}", item="router"))
    assert codes(answers) == ["Outcome", *["out_of_stock"] * 19]
    assert bulk.fetch("SELECT level FROM read_stock") == [(Decimal(0),)]
    assert bulk.fetch("SELECT count(*) FROM read_charge") == [(1,)]


def test_a_sale_that_looks_before_it_locks_oversells() -> None:
    """The wrong variant: read the level, then lock and write what was read."""
    publish()
    do("restock", item="router", quantity="1")

    def careless(number: int) -> None:
        level = Decimal(bulk.fetch("SELECT level FROM read_stock")[0][0])
        time.sleep(0.2)
        with transaction.atomic():
            heads = journal.lock(["stock:router"])
            event = StockMoved(item="router", quantity=Decimal(-1), level=level - 1, reason="sold")
            stamp = Stamp(f"racer {number}", "careless", journal.database_time())
            record([Draft("stock:router", event, moment("2026-01-02"))], heads=heads, stamp=stamp)

    answers = race(4, careless)
    sold = bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'stock.moved' AND data->>'reason' = 'sold'")[0][0]
    assert answers == [None] * 4
    assert sold == 4  # four routers of one: what the lock before the look prevents


def test_payments_at_once_pay_an_invoice_once_and_the_rest_is_credit() -> None:
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    answers = race(8, lambda _: do("pay", "2026-01-02", account="ana", amount="10.00", invoices=["INV-000001"]))
    # 24.14 takes 10.00, 10.00 and 4.14 of the third; then nothing is open
    assert codes(answers) == ["Outcome"] * 3 + ["invoice_paid"] * 5
    assert bulk.fetch("SELECT open FROM read_invoice") == [(Decimal(0),)]
    assert bulk.fetch("SELECT amount FROM read_balance WHERE ledger = 'credit'") == [(Decimal("-5.86"),)]
    assert_books_hold()


def test_of_many_with_one_form_one_wins_and_the_others_hear_by_whom() -> None:
    """All preview the same state; the wrong variant beside it confirms without the preview's token, and everybody overwrites the last."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="seats", quantity="5")
    forms = [do("change_quantity", "2026-01-16", account="ana", quantity=str(10 + number), dry_run=True) for number in range(4)]
    answers = race(4, lambda number: confirmed(forms[number], str(10 + number)))
    assert codes(answers) == ["Outcome", *["stale_preview"] * 3]
    winner = next(one for one in answers if isinstance(one, Outcome)).events[0].address
    assert all(winner in str(one) for one in answers if not isinstance(one, Outcome))
    careless = race(4, lambda number: do("change_quantity", "2026-01-16T01:00", account="ana", quantity=str(20 + number)))
    assert codes(careless) == ["Outcome"] * 4
    assert bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'contract.quantity_changed'") == [(5,)]


def confirmed(form: Outcome, quantity: str) -> Outcome:
    assert form.preview is not None
    asked = {"account": "ana", "quantity": quantity}
    return execute(Request("change_quantity", asked, moment("2026-01-16T00:01"), actor="tester", token=form.preview.token))


def test_workers_at_once_bill_every_account_exactly_once() -> None:
    subscribers(60)
    when = moment("2026-02-15")
    reports = race(4, lambda number: clockwork.run(until=when, actor=f"worker {number}", chunk=7))
    assert all(isinstance(report, clockwork.RunReport) for report in reports), reports
    assert sum(report.accounts for report in reports) == 60
    assert_billed_once(60)


def assert_billed_once(accounts: int) -> None:
    per_account = bulk.fetch("SELECT count(*), count(DISTINCT account) FROM read_invoice")
    assert per_account == [(accounts, accounts)]
    numbers = [row[0] for row in bulk.fetch("SELECT number FROM read_invoice ORDER BY number")]
    assert numbers == [f"INV-{number:06d}" for number in range(1, accounts + 1)]
    assert bulk.fetch("SELECT DISTINCT total FROM read_invoice") == [(Decimal("15.13"),)]  # (9.50 + minimum 3.00) × 1.21, tax per line
    assert_books_hold()
