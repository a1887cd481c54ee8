"""Processes killed while they charge, beside the drill F4 (tests/drills/gateway.py): at every attempt, in a refund; and money that is
recorded before the call, which the same assertions catch."""

from __future__ import annotations

import pytest

from billing import bulk
from tests.books import assert_books_hold, do
from tests.drills.gateway import AT, ONCE, killed_after, outcome
from tests.payments.gateways import live, subscribed, taken, with_card

pytestmark = pytest.mark.django_db(transaction=True)


def requested(words: str = "approve") -> None:
    subscribed()
    with_card(words, mode="manual")
    do("collect", AT, account="ana")


def test_a_charge_survives_a_kill_at_every_attempt() -> None:
    """The next process dies too, and the one after it, each somewhere else."""
    requested()
    for step in ("claimed", "charged", "recorded"):
        killed_after(step)
    live("2026-01-03")
    assert outcome() == ONCE
    assert_books_hold()


def test_a_refund_survives_a_kill_after_the_gateway_gave_it_back() -> None:
    requested()
    live(AT)
    do("refund", AT, account="ana", payment="1", credit_note=True)
    killed_after("charged")
    live("2026-01-03")
    assert bulk.fetch("SELECT status FROM read_refund") == [("settled",)]
    assert bulk.fetch("SELECT count(*) FROM sandbox_operation WHERE kind = 'refund'") == [(1,)]
    assert taken() == {"theirs": "0.00", "ours": "0.00"}
    assert_books_hold()


def test_a_set_up_survives_a_kill_at_every_attempt() -> None:
    """Also between the two commands that it ends with: the method is kept, then its collection settled."""
    subscribed()
    do("set_up_method", AT, account="ana", gateway_token="sandbox:approve")
    for step in ("claimed", "charged", "asked"):
        killed_after(step)
    live("2026-01-03")
    assert bulk.fetch("SELECT status, is_default FROM read_payment_method") == [("active", True)]
    assert bulk.fetch("SELECT trigger, status FROM read_collection") == [("set_up", "settled")]
    assert bulk.fetch("SELECT count(*) FROM sandbox_operation") == [(1,)]


def test_a_deposit_goes_out_once_whoever_dies() -> None:
    subscribed()
    with_card("approve", mode="manual")
    do("take_deposit", AT, account="ana", amount="50.00")
    do("release_deposit", AT, account="ana", channel="sandbox")
    for step in ("charged", "recorded"):
        killed_after(step)
    live("2026-01-03")
    assert bulk.fetch("SELECT status FROM read_refund") == [("settled",)]
    assert bulk.fetch("SELECT kind, amount::int FROM sandbox_operation") == [("payout", 50)]
    assert_books_hold()


def test_money_recorded_before_the_call_may_never_have_come() -> None:
    """The wrong variant: settle, then call. The process dies between, and the books hold money that nobody has."""
    requested()
    killed_after("wrong: settled, not yet charged")
    live("2026-01-03")
    assert outcome() != ONCE
    assert taken() == {"theirs": "0.00", "ours": "24.14"}
