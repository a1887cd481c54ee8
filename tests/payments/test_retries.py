"""What was declined is tried again by the class of the decline; the customer is asked where he must do something."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from billing import bulk, delivery
from tests.books import advance, do, moment, open_account, owed, publish
from tests.payments.debts import mails
from tests.payments.gateways import RETRIED, collections, live, taken, with_card

pytestmark = pytest.mark.django_db


def days(account: str = "ana") -> list[tuple[str, str, str]]:
    """(day asked, decline or status, trigger) of each collection."""
    statement = """
        SELECT requested_at::date::text, coalesce(nullif(decline, ''), status), trigger FROM read_collection WHERE account = %s
        ORDER BY sequence"""
    return bulk.fetch(statement, [account])


@pytest.fixture
def billed(db: None) -> None:
    publish(RETRIED)
    open_account(email="ana@customers.example")
    do("subscribe", account="ana", plan="basic")


def test_soft_declines_follow_the_ladder_until_one_pays(billed: None) -> None:
    with_card("decline_soft,decline_soft,approve")
    live("2026-01-31")
    assert days() == [("2026-01-15", "soft", "due"), ("2026-01-16", "soft", "retry"), ("2026-01-18", "settled", "retry")]
    assert taken() == {"theirs": "24.14", "ours": "24.14"}
    assert mails() == []


def test_a_hard_decline_stops_the_ladder_and_asks_for_another_method(billed: None) -> None:
    with_card("decline_soft,decline_soft,decline_hard,approve")
    live("2026-01-31")
    assert days() == [("2026-01-15", "soft", "due"), ("2026-01-16", "soft", "retry"), ("2026-01-18", "hard", "retry")]
    assert mails() == [("2026-01-18", "declined", "done")]
    (sent,) = [one for one in mail.outbox if "declined" in one.subject]
    assert sent.to == ["ana@customers.example"]
    assert "INV-000001" in sent.subject
    assert "Please give us another one" in sent.body
    assert "24.14" in sent.body
    new = do("add_method", "2026-01-25T10:00", account="ana", gateway_token="sandbox:approve").made["method"]
    do("set_default_method", "2026-01-25T10:00", account="ana", method=new)
    live("2026-01-31")
    assert days()[3:] == [("2026-01-25", "settled", "retry")]
    assert owed() == 0


def test_who_must_confirm_gets_a_link_and_is_tried_again_two_days_after_he_did_not(billed: None, settings: Any) -> None:
    settings.PAYMENT_LINK = "https://pay.example/{account}/{number}"
    with_card("abandon,approve")
    live("2026-01-15T12:00")
    assert mails() == [("2026-01-15", "confirmation", "done")]
    (sent,) = [one for one in mail.outbox if "confirm" in one.subject]
    assert "https://pay.example/ana/INV-000001" in sent.body
    live("2026-01-31")
    assert days() == [("2026-01-15", "confirmation", "due"), ("2026-01-18", "settled", "retry")]  # given up on the 16th


def test_a_mail_that_leaves_late_does_not_ask_for_what_is_settled(billed: None) -> None:
    with_card("confirm")
    live("2026-01-16")
    assert [row[1] for row in collections()] == ["settled"]
    assert mails() == [("2026-01-15", "confirmation", "done")]
    bulk.fetch("UPDATE effect SET state = 'owed' WHERE kind = 'collection.tell' RETURNING id")
    live("2026-01-17")
    assert mails() == [("2026-01-15", "confirmation", "done nothing is to be confirmed any more: the collection is settled")]


def test_days_of_a_pause_do_not_count(billed: None) -> None:
    with_card("decline_soft,approve")
    live("2026-01-15T12:00")
    do("pause_dunning", "2026-01-15T12:00", account="ana", reason="in hospital", until="2026-01-25")
    live("2026-01-31")
    assert days()[1:] == [("2026-01-26", "settled", "retry")]


def test_what_is_disputed_is_not_tried_again(billed: None) -> None:
    with_card("decline_soft,approve")
    live("2026-01-15T12:00")
    do("dispute", "2026-01-15T12:00", account="ana", invoice="INV-000001", amount="10.00", reason="too much")
    live("2026-01-20")
    assert collections()[1:] == [("14.14", "settled", "", "2", "retry")]


def test_a_payment_plan_is_collected_on_its_days(billed: None) -> None:
    with_card("decline_soft,approve")
    live("2026-01-15T12:00")
    do("instalments", "2026-01-15T13:00", account="ana", invoices=["INV-000001"], count=2, first="2026-02-10")
    live("2026-03-31")
    assert [(day, *collection[:2]) for (day, _, _), collection in zip(days(), collections(), strict=True)] == [
        ("2026-01-15", "24.14", "failed"),
        ("2026-02-10", "12.07", "settled"),  # not on the 16th of January
        ("2026-02-15", "24.14", "settled"),  # the invoice of February
        ("2026-03-10", "12.07", "settled"),
        ("2026-03-15", "24.14", "settled"),
    ]


def test_after_an_outage_declines_count_from_when_they_were_heard_of(billed: None) -> None:
    """The clock was down: each attempt is answered before the next is made, so the card is not tried four times in a minute."""
    with_card("decline_soft")
    advance("2026-01-22")
    assert days() == [("2026-01-15", "requested", "due")]
    delivery.deliver(until=moment("2026-01-22"), known_at=moment("2026-01-22"))
    advance("2026-01-22")
    assert days() == [("2026-01-15", "soft", "due")]
    live("2026-01-24")
    assert days()[1:] == [("2026-01-23", "soft", "retry")]


def test_without_retries_in_the_policy_nothing_is_tried_again(db: None) -> None:
    publish(RETRIED.replace("retries: {soft: [1, 3, 6], confirmation: [2]}", "retries: {}"))
    open_account()
    do("subscribe", account="ana", plan="basic")
    with_card("decline_soft,approve")
    live("2026-01-31")
    assert len(days()) == 1
