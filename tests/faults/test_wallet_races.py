"""Races for one wallet, forced. Each proof has a wrong variant that it catches."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing import clockwork, journal
from billing.engine import Stamp, record
from billing.journal import Draft
from billing.loading import load
from billing.wallets.loading import load_wallets
from billing.wallets.queries import spendable
from billing.wallets.works import expiry
from plans.errors import Refusal
from tests.books import advance, assert_books_hold, balance, do, moment, open_account, publish
from tests.drills.base import codes, race
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
