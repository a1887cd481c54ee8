"""Whatever is sent to a command: it does it or it refuses, and what it did can be billed. Nothing else comes out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import bulk
from billing.command import registry
from plans.errors import Refusal
from tests.books import advance, assert_books_hold, do, undone, use
from tests.hostile import NASTY, STOCKED, arguments_of, commands, furnish, known_ids, sensible

AT = "2026-02-11"


@pytest.fixture
def shop(db: None) -> dict[str, list[Any]]:
    furnish()
    return known_ids()


def refused(command: str, arguments: dict[str, Any]) -> Refusal | None:
    try:
        do(command, AT, **arguments)
    except Refusal as refusal:
        return refusal
    return None


def send(command: str, arguments: dict[str, Any]) -> bool:
    """Whether it was done. Then a quarter is billed, and no account may be parked."""
    with undone():
        refusal = refused(command, arguments)
        if refusal is not None:
            assert (refusal.code != "", refusal.message != "", len(str(refusal)) < 1200) == (True, True, True)
            return False
        advance("2026-05-20")
        parked = bulk.fetch("SELECT account, reason FROM read_account WHERE status = 'parked'")
        assert parked == [], parked
        assert_books_hold()
        return True


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_hostile_argument_is_refused_or_harmless(shop: dict[str, list[Any]], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(commands()), label="command")
    command = registry()[name]
    given_arguments = list(arguments_of(command))
    hostile = data.draw(st.sets(st.sampled_from([argument for argument, _, _ in given_arguments]), min_size=1, max_size=2), label="hostile")
    arguments = {}
    for argument, hint, required in given_arguments:
        if argument in hostile:
            arguments[argument] = data.draw(st.sampled_from(NASTY), label=argument)
        elif required or data.draw(st.booleans()):
            arguments[argument] = data.draw(st.sampled_from(sensible(shop, argument, hint)), label=argument)
    send(name, arguments)


BEYOND = [
    ("restock", {"item": "router", "quantity": "1e29"}, "out_of_range", "quantity"),
    ("subscribe", {"account": "ben", "plan": "pro", "start": "0001-01-01"}, "out_of_range", "start"),
    ("renew", {"account": "ben", "until": "9999-12-31"}, "out_of_range", "until"),
    ("cancel", {"account": "ben", "when": "0001-01-01"}, "out_of_range", "when"),
    ("subscribe", {"account": "ben", "plan": "pro", "quantities": {"fee": "1e29"}}, "out_of_range", "quantities.fee"),
    ("subscribe", {"account": "ben", "plan": "seats", "items": [{}]}, "wrong_type", "items[0]"),
    ("sell", {"account": "ben", "item": "ticket", "quantity": "1e14", "price": {"model": "unit", "amount": "1e29"}}, "out_of_range", ""),
    ("adjust", {"account": "ben", "amount": "1.00", "reason": "\ud800"}, "bad_text", "reason"),
    ("adjust", {"account": "a\x00", "amount": "1.00", "reason": "x"}, "bad_text", "account"),
    ("adjust", {"account": "ben", "amount": 0.1, "reason": "x"}, "not_a_number", "amount"),
    ("open_balance", {"account": "cleo", "amount": "5.00", "due": "0001-01-01"}, "out_of_range", "due"),
    ("publish_catalogue", {"source": STOCKED.replace('"50"', "many")}, "not_a_number", "catalogue:5: items.full.attributes.stock_start"),
]


@pytest.mark.parametrize(("command", "arguments", "code", "at"), BEYOND)
def test_what_no_column_holds_is_refused_by_its_place(
    shop: dict[str, list[Any]], command: str, arguments: dict[str, Any], code: str, at: str
) -> None:
    before = bulk.fetch("SELECT count(*) FROM journal")
    refusal = refused(command, arguments)
    assert refusal is not None
    assert (refusal.code, refusal.at) == (code, at)
    assert bulk.fetch("SELECT count(*) FROM journal") == before


def test_use_beyond_the_books_is_put_aside(shop: dict[str, list[Any]]) -> None:
    nasty = ["1e29", "1e400", "NaN", -(10**50), 0.1]
    report = use(
        "ana", "calls", arrived="2026-02-11", records=[{"id": str(i), "at": "2026-02-11", "value": v} for i, v in enumerate(nasty)]
    )
    assert [line.code for line in report.rejected] == ["out_of_range", *["not_a_number"] * 4]
    times = ["0001-01-01", "9999-12-31", "2026-02-30"]
    report = use("ana", "calls", arrived="2026-02-11", records=[{"id": at, "at": at, "value": 1} for at in times])
    assert [line.code for line in report.rejected] == ["out_of_range", "out_of_range", "not_a_time"]
