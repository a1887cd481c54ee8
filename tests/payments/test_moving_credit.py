"""Unused money that goes from one account to another: one amount, two halves, nothing in between."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import journal
from billing.rebuilding import compare
from tests.books import balance, do, open_account, owed, publish
from tests.payments.helpers import postings, refused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def group(db: None) -> None:
    """A subsidiary with 250.00 of unused money, and who pays for it."""
    publish()
    open_account("child")
    open_account("parent")
    do("pay", account="child", amount="250.00")


def test_all_of_it_goes_to_the_parent() -> None:
    outcome = do("transfer_credit", "2026-01-05", account="child", to="parent", reason="group account")
    assert [one.event.kind for one in outcome.events] == ["credit.sent", "credit.received"]
    sent, received = outcome.events
    assert received.cause == sent.address
    assert sent.event.entry.accounting_date == received.event.entry.accounting_date
    assert postings("credit.sent") == [("credit", "250.00"), ("transfer", "-250.00")]
    assert postings("credit.received") == [("credit", "-250.00"), ("transfer", "250.00")]
    assert (balance("credit", "child"), balance("credit", "parent")) == (Decimal(0), Decimal(-250))
    assert compare(["child", "parent"]) == []


def test_a_part_of_it_pays_what_the_parent_owes_next() -> None:
    do("transfer_credit", "2026-01-05", account="child", to="parent", amount="20.00")
    do("subscribe", "2026-01-06", account="parent", plan="basic")  # 24.14
    assert (owed("parent"), balance("credit", "child")) == (Decimal("4.14"), Decimal(-230))


def test_what_is_moved_is_not_refunded_here_any_more() -> None:
    do("transfer_credit", "2026-01-05", account="child", to="parent")
    refused("credit_note_needed", "refund", "2026-01-06", account="child", payment="1")
    do("refund", "2026-01-06", account="parent", amount="250.00")
    assert balance("credit", "parent") == 0


def test_more_than_there_is_to_nobody_to_itself_or_to_another_seller_is_refused() -> None:
    refused("not_enough_credit", "transfer_credit", "2026-01-05", account="child", to="parent", amount="250.01")
    refused("not_enough_credit", "transfer_credit", "2026-01-05", account="parent", to="child")
    refused("unknown_account", "transfer_credit", "2026-01-05", account="child", to="nobody")
    refused("same_account", "transfer_credit", "2026-01-05", account="child", to="child")
    do("open_account", "2026-01-05", account="north", seller="north")
    refused("other_seller", "transfer_credit", "2026-01-05", account="child", to="north")
    refused("out_of_range", "transfer_credit", "2026-01-05", account="child", to="parent", amount="1.001")
    assert journal.lock(["parent"])["parent"].sequence == 1
