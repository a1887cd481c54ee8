"""Stock: every movement is an event, goods and money move together or not at all, and what is kept for somebody is not sold to others."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import bulk, journal
from billing.engine import Stamp, record
from billing.events import StockMoved
from billing.journal import Draft
from billing.rebuilding import compare, find_streams
from billing.stock.levels import Level, falls_below
from plans.errors import Conflict, Invalid, NotFound
from tests.books import advance, assert_books_hold, do, documents, moment, open_account, publish, undone

pytestmark = pytest.mark.django_db
D = Decimal

GOODS = """
catalogue: shop
currency: EUR
taxes: {vat: {rate: 10, categories: [standard]}}
items:
  mug: {name: Mug, price: "10.00", tax: standard, stock: {start: 2, minimum: 2}}
  lamp: {name: Lamp, price: "30.00", tax: standard, stock: true}
  ticket: {name: Ticket, price: "9.50", tax: standard}
"""


@pytest.fixture(autouse=True)
def shop() -> None:
    publish(GOODS)
    open_account()
    open_account("bob")


def stock(item: str = "lamp", location: str = "main") -> tuple[str, str, str]:
    """(level, reserved, value) as they stand."""
    statement = "SELECT level, reserved, value FROM read_stock WHERE item = %s AND location = %s"
    level, reserved, value = bulk.fetch(statement, [item, location])[0]
    return f"{level:f}".rstrip("0").rstrip("."), f"{reserved:f}".rstrip("0").rstrip("."), f"{value:.2f}"


def moves(item: str = "lamp") -> list[tuple[str, str, str, str]]:
    rows = bulk.fetch("SELECT reason, quantity, level, cost FROM read_stock_move WHERE item = %s ORDER BY sequence", [item])
    return [(reason, f"{quantity:.0f}", f"{level:.0f}", f"{cost:.2f}") for reason, quantity, level, cost in rows]


def effects(kind: str = "stock.low") -> list[str]:
    return [row[0] for row in bulk.fetch("SELECT id FROM effect WHERE kind = %s ORDER BY sequence", [kind])]


def test_goods_are_worth_what_they_cost_on_average_and_an_empty_place_is_worth_nothing() -> None:
    do("restock", item="lamp", quantity="3", cost="10.00")
    do("restock", item="lamp", quantity="1", cost="8.00")
    assert stock() == ("4", "0", "18.00")
    do("sell", "2026-01-02", account="ana", item="lamp", quantity="3")  # 18.00 x 3/4
    assert stock() == ("1", "0", "4.50")
    do("return", "2026-01-03", account="ana", item="lamp", quantity="1", reason="too dark")  # back at what it had cost
    assert stock() == ("2", "0", "9.00")
    do("sell", "2026-01-04", account="bob", item="lamp", quantity="2")
    assert stock() == ("0", "0", "0.00")
    assert moves() == [
        ("purchase", "3", "3", "10.00"),
        ("purchase", "1", "4", "8.00"),
        ("sold", "-3", "1", "13.50"),
        ("returned", "1", "2", "4.50"),
        ("sold", "-2", "0", "9.00"),
    ]
    assert documents() == [("invoice", "INV-000001", "99.00", "66.00"), ("credit_note", "CN-000001", "33.00", "0.00")]
    assert_books_hold()
    assert compare(find_streams([])) == []


def test_a_return_without_goods_moves_the_money_alone() -> None:
    do("restock", item="lamp", quantity="1")
    do("sell", "2026-01-02", account="ana", item="lamp")
    do("return", "2026-01-03", account="ana", item="lamp", restock="no", reason="It burnt")
    assert stock() == ("0", "0", "0.00")
    assert documents()[1] == ("credit_note", "CN-000001", "33.00", "0.00")
    with pytest.raises(Conflict, match="can come back") as refused:
        do("return", "2026-01-03", account="ana", item="lamp")
    assert refused.value.code == "returned_already"


def test_money_and_goods_move_together_or_not_at_all() -> None:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(Conflict) as refused:
        do("sell", "2026-01-02", account="ana", item="lamp")
    assert (refused.value.code, refused.value.facts["level"]) == ("out_of_stock", "0")
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    do("restock", item="lamp", quantity="1")
    events = do("sell", "2026-01-02", account="ana", item="lamp", dry_run=True).events
    assert {"sale.made", "stock.moved", "invoice.issued"} <= {one.event.kind for one in events}
    assert stock() == ("1", "0", "0.00")


def test_the_refusal_says_when_the_last_one_went_and_where_there_are_more() -> None:
    do("restock", item="lamp", quantity="1")
    do("restock", item="lamp", quantity="2", location="cellar")
    do("sell", "2026-01-02T09:30", account="ana", item="lamp")
    with pytest.raises(Conflict, match=r"the last went on 2026-01-02 09:30 UTC \(stock:lamp/3\); there are 2 at cellar"):
        do("sell", "2026-01-03", account="bob", item="lamp")


def test_what_is_reserved_is_sold_to_nobody_else() -> None:
    do("restock", item="lamp", quantity="3", cost="9.00")
    kept = do("reserve_stock", "2026-01-02", account="ana", item="lamp", quantity="2", lasts="3 days").made["reservation"]
    assert (kept, stock()) == ("stock:lamp/2", ("3", "2", "9.00"))
    with pytest.raises(Conflict, match="the first until 2026-01-05 00:00 UTC") as refused:
        do("sell", "2026-01-03", account="bob", item="lamp", quantity="2")
    assert (refused.value.code, refused.value.facts["free"]) == ("stock_reserved", "1")
    with pytest.raises(Conflict, match="1 free, 2 wanted"):
        do("reserve_stock", "2026-01-03", account="bob", item="lamp", quantity="2")
    with pytest.raises(Conflict) as refused:
        do("write_off_stock", "2026-01-03", item="lamp", quantity="2", reason="broken")
    assert refused.value.code == "stock_reserved"
    with pytest.raises(NotFound) as unknown:
        do("sell", "2026-01-03", account="bob", item="lamp", reservation=kept)
    assert unknown.value.code == "unknown_reservation"
    with pytest.raises(Conflict) as refused:
        do("sell", "2026-01-03", account="ana", item="lamp", quantity="3", reservation=kept)
    assert refused.value.code == "more_than_reserved"
    do("sell", "2026-01-03", account="ana", item="lamp", reservation=kept)  # one of two: the other is free again
    assert stock() == ("2", "0", "6.00")
    with pytest.raises(Conflict, match="was sold"):
        do("release_stock", "2026-01-03", account="ana", reservation=kept)
    assert compare(find_streams([])) == []


def test_what_is_kept_without_an_end_is_named_too() -> None:
    """What an order that is to be delivered later needs is reserved for it, and whoever else wants it is told of the reservation."""
    kept = do("reserve_stock", account="ana", item="mug", quantity="2").made["reservation"]
    with pytest.raises(
        Conflict, match=r"2 at main, 2 of them reserved, the first without an end \(stock:mug/1\); 0 free, 1 wanted"
    ) as refused:
        do("sell", "2026-01-02", account="bob", item="mug")
    assert (refused.value.code, refused.value.facts["reservation"]) == ("stock_reserved", kept)


def test_a_reservation_is_released_by_hand_or_by_time() -> None:
    first = do("reserve_stock", account="ana", item="mug", lasts="1 day").made["reservation"]
    second = do("reserve_stock", account="ana", item="mug").made["reservation"]
    assert stock("mug") == ("2", "2", "0.00")  # what the catalogue says that there is
    do("release_stock", "2026-01-01T12:00", account="ana", reservation=second)
    advance("2026-01-01T23:59")
    assert stock("mug") == ("2", "1", "0.00")
    advance("2026-01-02")
    assert stock("mug") == ("2", "0", "0.00")
    found = bulk.fetch("SELECT reservation, status FROM read_stock_reservation ORDER BY 1")
    assert found == [(first, "expired"), (second, "released")]
    ended = journal.read(["stock:mug"])[-1]
    assert (ended.event.kind, ended.effective_at, ended.actor) == ("stock.reservation_ended", moment("2026-01-02"), "beat")
    assert bulk.fetch("SELECT 1 FROM due WHERE account = 'ana'") == []
    do("sell", "2026-01-03", account="bob", item="mug", quantity="2")
    assert compare(find_streams([])) == []


def test_an_expiry_comes_before_a_sale_of_the_same_moment() -> None:
    do("reserve_stock", account="ana", item="mug", quantity="2", lasts="1 day")
    with pytest.raises(Conflict):
        do("sell", "2026-01-01T23:59", account="ana", item="mug")
    do("sell", "2026-01-02", account="ana", item="mug", quantity="2")
    assert stock("mug") == ("0", "0", "0.00")


def test_counting_records_the_difference_also_when_there_is_none() -> None:
    do("restock", item="lamp", quantity="4", cost="8.00")
    do("reserve_stock", account="ana", item="lamp", quantity="3")
    do("stocktake", "2026-01-05", item="lamp", counted="4")
    do("stocktake", "2026-01-06", item="lamp", counted="2", reason="two were stolen")
    assert stock() == ("2", "3", "4.00")  # less than was promised: nothing is free until more comes
    do("stocktake", "2026-01-07", item="lamp", counted="5")
    assert stock() == ("5", "3", "10.00")
    assert moves()[1:] == [("stocktake", "0", "4", "0.00"), ("stocktake", "-2", "2", "4.00"), ("stocktake", "3", "5", "6.00")]
    with pytest.raises(Invalid) as refused:
        do("stocktake", "2026-01-08", item="lamp", counted="-1")
    assert refused.value.code == "out_of_range"


def test_goods_go_from_place_to_place_at_what_they_had_cost() -> None:
    do("restock", item="lamp", quantity="3", cost="10.00")
    do("transfer_stock", item="lamp", quantity="1", target="shop")
    assert (stock(), stock(location="shop")) == (("2", "0", "6.67"), ("1", "0", "3.33"))
    do("sell", "2026-01-02", account="ana", item="lamp", location="shop")
    do("return", "2026-01-03", account="ana", item="lamp")  # where it came from
    assert stock(location="shop") == ("1", "0", "3.33")
    with pytest.raises(Conflict, match="1 left at shop, 2 wanted"):
        do("transfer_stock", item="lamp", quantity="2", source="shop", target="main")
    with pytest.raises(Invalid, match="already"):
        do("transfer_stock", item="lamp", quantity="1", target="main")


def test_a_warning_is_owed_once_when_what_is_free_falls_below_the_minimum() -> None:
    do("restock", item="mug", quantity="1")
    do("reserve_stock", account="ana", item="mug", quantity="1")
    assert effects() == []
    do("sell", "2026-01-02", account="bob", item="mug")
    assert effects() == ["stock:mug/4/stock.low"]
    do("sell", "2026-01-03", account="bob", item="mug")
    assert len(effects()) == 1
    do("restock", "2026-01-04", item="mug", quantity="5")
    do("write_off_stock", "2026-01-05", item="mug", quantity="5", reason="shelf fell")
    assert len(effects()) == 2


@pytest.mark.parametrize(
    ("command", "arguments", "code"),
    [
        ("restock", {"item": "lmp", "quantity": "1"}, "unknown_item"),
        ("restock", {"item": "ticket", "quantity": "1"}, "no_stock"),
        ("restock", {"item": "lamp", "quantity": "0"}, "out_of_range"),
        ("restock", {"item": "lamp", "quantity": "1", "cost": "-1"}, "out_of_range"),
        ("restock", {"item": "lamp", "quantity": "1", "cost": "0.001"}, "out_of_range"),
        ("restock", {"item": "lamp", "quantity": "-1"}, "out_of_stock"),
        ("restock", {"item": "lamp", "quantity": "1", "location": "x" * 61}, "out_of_range"),
        ("reserve_stock", {"account": "ana", "item": "mug", "expires": "2025-12-31"}, "out_of_range"),
        ("reserve_stock", {"account": "ana", "item": "mug", "expires": "2026-02-01", "lasts": "1 day"}, "conflict"),
        ("release_stock", {"account": "ana", "reservation": "stock:mug/9"}, "unknown_reservation"),
        ("release_stock", {"account": "ana", "reservation": "nonsense"}, "unknown_reservation"),
    ],
)
def test_mistakes_are_refused_by_name(command: str, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises((Invalid, NotFound, Conflict)) as refused:
        do(command, **arguments)
    assert refused.value.code == code
    assert find_streams([]) == ["ana", "bob", "house:catalogue"]


def test_the_database_keeps_a_level_from_falling_below_zero() -> None:
    """The net under the command: an event that says so is not recorded."""
    draft = Draft("stock:lamp", StockMoved(item="lamp", quantity=D(-1), level=D(-1), reason="sold"), moment("2026-01-02"))
    stamp = Stamp("x", "x", journal.database_time())
    with transaction.atomic():
        heads = journal.lock(["stock:lamp"])
        with pytest.raises(IntegrityError, match="stock_never_negative"):
            record([draft], heads=heads, stamp=stamp)
        transaction.set_rollback(True)


quantities = st.decimals(min_value="0.01", max_value="50", places=2)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), quantities, st.decimals(min_value="0", max_value="99", places=2)), max_size=12))
def test_what_came_in_less_what_went_out_is_what_is_there_in_pieces_and_in_money(steps: list[tuple[bool, Decimal, Decimal]]) -> None:
    level, pieces, money = Level("lamp"), D(0), D(0)
    for comes, quantity, cost in steps:
        if comes:
            level, worth = level.received(quantity, cost, "EUR")
            pieces, money = pieces + quantity, money + worth
        else:
            quantity = min(quantity, level.level)
            if quantity:
                level, worth = level.taken(quantity, "EUR")
                pieces, money = pieces - quantity, money - worth
                assert worth >= 0
        assert (level.level, level.value) == (pieces, money)
    if level.level:
        assert level.taken(level.level, "EUR")[0].value == 0


def test_falling_below_is_said_once() -> None:
    above, at, below = (Level("x", level=D(n)) for n in (3, 2, 1))
    assert [falls_below(a, b, D(2)) for a, b in ((above, at), (at, below), (below, below), (below, at))] == [False, True, False, False]
    assert not falls_below(at, below, None)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("stock", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_line_shows_what_is_there_and_how_it_came_to_be() -> None:
    do("restock", item="lamp", quantity="2", cost="7.00")
    do("reserve_stock", account="ana", item="lamp", expires="2026-02-01")
    do("sell", "2026-01-02", account="bob", item="lamp")
    page = run("lamp")
    assert "reserved: 1 at main for ana until 2026-02-01 00:00Z (stock:lamp/2)" in page
    assert "-1       = 1        sold bob at main, cost 3.50 EUR because of bob/2 (stock:lamp/3)" in page
    assert [line.split() for line in run().splitlines()[1:]] == [
        ["mug", "main", "2", "0", "2", "0"],
        ["lamp", "main", "1", "1", "0", "3.5"],
    ]
    data = json.loads(run("lamp", "--json"))
    assert [move["address"] for move in data["history"]] == ["stock:lamp/1", "stock:lamp/3"]
    assert data["levels"][0]["free"] == "0"
    with pytest.raises(SystemExit):
        run("lmp")


def test_plays_of_goods_can_be_rebuilt() -> None:
    with undone():
        do("restock", item="lamp", quantity="5", cost="5.00")
        for number in range(3):
            do("reserve_stock", account="ana", item="lamp", lasts=f"{number + 1} days")
        advance("2026-01-03")
        assert stock()[:2] == ("5", "1")
        assert compare(find_streams([])) == []


def test_goods_of_which_one_is_kept_and_another_given_back_are_rebuilt_together() -> None:
    """Of what was given back the event says no level: beside one that does it must be a number of the same type."""
    do("restock", "2026-01-01", item="lamp", quantity="3", cost="10.00")
    do("reserve_stock", "2026-01-02", account="ana", item="lamp", quantity="2", lasts="3 days")
    kept = do("reserve_stock", "2026-01-02", account="ana", item="mug", quantity="1", lasts="3 days").made["reservation"]
    do("release_stock", "2026-01-02", account="ana", reservation=kept)
    assert compare(find_streams([])) == []
