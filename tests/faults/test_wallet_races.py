"""Races for one wallet, forced. Each proof has a wrong variant that it catches."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing import bulk, clockwork, journal
from billing.engine import Stamp, record
from billing.journal import Draft
from billing.loading import load
from billing.wallets.gate import can_use
from billing.wallets.loading import load_wallets
from billing.wallets.queries import spendable
from billing.wallets.works import expiry
from plans.errors import Refusal
from tests.books import advance, assert_books_hold, balance, do, moment, open_account, publish, use
from tests.faults.test_races import codes, race
from tests.prepaid import CATALOGUE

pytestmark = pytest.mark.django_db(transaction=True)

NOON = moment("2026-01-02T12:00")


def prepaid(amount: str, **given: Any) -> None:
    publish(CATALOGUE)
    open_account()
    do("subscribe", account="ana", plan="phone")
    do("top_up", account="ana", amount=amount, **given)


def left() -> Decimal:
    return spendable("ana", at=NOON)["EUR"]


def test_fifty_workers_that_draw_3_from_100_succeed_33_times() -> None:
    prepaid("100.00")
    answers = race(50, lambda _: do("commit", NOON, account="ana", item="calls", quantity="3"))
    assert codes(answers) == ["Outcome"] * 33 + ["not_enough_prepaid"] * 17
    assert left() == 1
    assert balance("prepaid") == -1
    assert bulk.fetch("SELECT count(*), sum(value) FROM usage_record") == [(33, Decimal(99))]
    assert_books_hold()


def test_a_gate_that_is_asked_before_the_lock_lets_too_many_in() -> None:
    """The wrong variant: ask whether there is enough, then record the use."""
    prepaid("10.00")

    def careless(number: int) -> Any:
        if not can_use("ana", "calls", Decimal(3), at=NOON).allowed:
            return "refused"
        time.sleep(0.3)
        return use("ana", "seconds", arrived=NOON, records=[{"id": f"{number}", "at": NOON, "value": "3"}])

    answers = race(8, careless)
    advance(NOON)
    assert "refused" not in answers
    assert left() == -14  # eight uses of 3 from 10: what the check under the lock prevents
    assert_books_hold()


def test_what_is_reserved_at_once_is_never_more_than_there_is() -> None:
    prepaid("20.00")
    answers = race(8, lambda _: do("reserve", NOON, account="ana", amount="6.00"))
    assert codes(answers) == ["Outcome"] * 3 + ["not_enough_prepaid"] * 5
    assert left() == 2


def test_one_reservation_is_committed_once() -> None:
    prepaid("20.00")
    name = do("reserve", NOON, account="ana", amount="20.00", item="calls").made["reservation"]
    answers = race(6, lambda _: do("commit", NOON, account="ana", item="calls", quantity="5", reservation=name))
    assert codes(answers).count("Outcome") == 1
    assert codes(answers).count("unknown_reservation") == 5
    assert left() == 15


def expire_and_use(account: str) -> None:
    """A use just before the end, the beat at the end, and a use at the end, all at once."""

    def act(number: int) -> Any:
        if number == 1:
            return clockwork.run(until=NOON, actor="beat")
        at, quantity = (NOON, "1") if number else (moment("2026-01-02T11:59"), "7")
        return do("commit", at, account=account, item="calls", quantity=quantity)

    early, _, late = race(3, act)
    advance(NOON)
    assert isinstance(late, Refusal)
    assert late.code == "not_enough_prepaid"
    used = Decimal(0) if isinstance(early, Refusal) else Decimal(7)
    assert balance("revenue:usage", account) == -used
    assert balance("revenue:breakage", account) == used - 10
    assert balance("prepaid", account) == 0


def test_expiry_and_use_at_once_come_out_in_one_order_or_the_other() -> None:
    publish(CATALOGUE)
    for account in ("a", "b", "c"):
        open_account(account)
        do("subscribe", account=account, plan="phone")
        do("top_up", account=account, amount="10.00", expires=NOON.isoformat())
        expire_and_use(account)
    assert_books_hold()


def test_an_expiry_decided_before_the_lock_is_stopped_by_the_database() -> None:
    """The wrong variant: read the lot, then lock and expire what was read; a use came between."""
    prepaid("10.00")

    def careless(number: int) -> Any:
        if number:
            time.sleep(0.2)
            return do("commit", NOON, account="ana", item="calls", quantity="7")
        lots = load_wallets(["ana"])["ana"]["EUR"].lots
        time.sleep(1.5)
        with transaction.atomic():
            heads = journal.lock(["ana"])
            event = expiry(load(["ana"])["ana"], lots, NOON)
            record([Draft("ana", event, NOON)], heads=heads, stamp=Stamp("racer", "careless", journal.database_time()))
        return None

    stale, committed = race(2, careless)
    assert isinstance(stale, IntegrityError)
    assert "wallet_lot_never_negative" in str(stale)
    assert not isinstance(committed, Exception)
    assert left() == 3
    assert_books_hold()


def test_top_ups_and_uses_at_once_add_up() -> None:
    prepaid("30.00")

    def either(number: int) -> Any:
        if number % 2:
            return do("top_up", NOON, account="ana", amount="5.00")
        return do("commit", NOON, account="ana", item="calls", quantity="4")

    answers = race(12, either)
    uses = sum(not isinstance(answer, Refusal) for number, answer in enumerate(answers) if number % 2 == 0)
    assert left() == 30 + 6 * 5 - 4 * uses
    assert_books_hold()


def test_a_wallet_that_never_was_is_opened_by_many_at_once() -> None:
    publish(CATALOGUE)
    open_account()
    do("subscribe", account="ana", plan="phone")
    assert codes(race(6, lambda _: do("commit", NOON, account="ana", item="calls", quantity="3"))) == ["not_enough_prepaid"] * 6

    def either(number: int) -> Any:
        if number == 0:
            return do("top_up", NOON, account="ana", amount="10.00")
        return do("commit", NOON, account="ana", item="calls", quantity="3")

    answers = race(8, either)
    served = codes(answers).count("Outcome") - 1
    assert served <= 3
    assert left() == 10 - 3 * served
    assert codes(race(6, lambda _: do("top_up", NOON, account="ana", amount="5.00"))) == ["Outcome"] * 6
    assert left() == 40 - 3 * served
    assert_books_hold()


# --- the bank: money that goes round, and readers who must always find all of it ------------------------------------------------------

BANK = ("a", "b", "c")


def bank() -> None:
    publish(CATALOGUE)
    for account in BANK:
        open_account(account)
        do("top_up", account=account, amount="10.00")


def snapshot() -> tuple[Decimal, Decimal]:
    """What all wallets hold, and the least lot, as one statement sees them."""
    found: tuple[Decimal, Decimal] = bulk.fetch('SELECT sum("left"), min("left") FROM read_wallet_lot')[0]
    return found


def test_every_reader_finds_all_the_money_while_it_is_sent_round() -> None:
    bank()

    def act(number: int) -> Any:
        if number >= 4:
            return {snapshot() for _ in range(40)}
        for turn in range(5):
            sender, receiver = BANK[(number + turn) % 3], BANK[(number + 2 * turn + 1) % 3]
            if sender != receiver:
                with suppress(Refusal):
                    do("transfer_wallet", NOON, account=sender, to=receiver, amount=f"{number + 3}.00")
        return None

    answers = race(6, act)
    seen = set().union(*answers[4:])
    assert {total for total, _ in seen} == {Decimal(30)}
    assert min(least for _, least in seen) >= 0
    assert sum(spendable(account, at=NOON)["EUR"] for account in BANK) == 30
    assert sum(balance("transfer", account) for account in BANK) == 0
    assert_books_hold()


def test_a_transfer_in_two_transactions_is_caught_by_the_reader() -> None:
    """The wrong variant: take it off one wallet, commit, then put it on the other."""
    bank()
    between, read = threading.Event(), threading.Event()

    def act(number: int) -> Any:
        if number:
            between.wait(20)
            found = snapshot()
            read.set()
            return found
        do("refund_wallet", NOON, account="a", amount="4.00", channel="other")
        between.set()
        read.wait(20)
        return do("top_up", NOON, account="b", amount="4.00", channel="other")

    _, (total, _) = race(2, act)
    assert total == 26
    assert snapshot()[0] == 30
