"""Bookings: nothing is booked twice, the database refuses it too, holds end, and a change of mind costs what its notice costs."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from billing import bulk, journal
from billing.engine import Stamp, record
from billing.events import BookingMade, Stay
from billing.journal import Draft
from plans.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from tests.books import advance, do, documents, lines, moment, open_account, publish

pytestmark = pytest.mark.django_db
D = Decimal

HOUSE = """
catalogue: house
currency: EUR
zone: Europe/Rome
taxes: {vat: {rate: 10, categories: [standard]}}
items:
  seat: {name: Seat, price: "10.00", tax: standard}
  van: {name: Van, price: "60.00", tax: standard}
  parking: {name: Parking space, price: "2.00", tax: standard}
  fee: {name: Cancellation, price: "1.00", tax: none}
resources:
  double:
    name: Double room
    capacity: 2
    plan: night
    hold: 2 hours
    fee_item: fee
    cancellation: [{before: 15d, fee: 10 %}, {before: 3d, fee: 2 nights}, {fee: all}]
    no_show: {after: 12h, fee: 1 night}
  suite: {name: Suite, units: [rose, lily], plan: night}
  studio: {name: Studio, capacity: 1, overbooking: 1}
  hall:
    name: Hall
    per: show
    capacity: 3
    item: seat
    starts: [2026-03-07T20:00, 2026-03-08T20:00]
    length: 2 hours
    cancellation: [{before: 5h, fee: "0"}, {before: 1h, fee: 50 %}, {fee: refused}]
    change: [{before: 1h, fee: "0"}, {fee: refused}]
    refund_from: "10.00"
  van:
    name: Van
    per: day
    units: [v1]
    item: van
    fee_item: fee
    cancellation: [{before: 24h, fee: "5.00"}, {fee: 1 day}]
    change: [{fee: "3.00"}]
  parking: {name: Parking, per: hour, capacity: 1, item: parking}
plans:
  night:
    invoice: end
    items:
      room: {name: Night, period: 1 day, timing: arrears, proration: none, follows: room, tax: standard}
lists:
  room: [{from: 2026-01-01, price: "100.00"}, {from: 2026-03-10, price: "150.00"}]
"""


@pytest.fixture(autouse=True)
def house() -> None:
    publish(HOUSE)
    for name in ("ana", "bob", "eve"):
        open_account(name, zone="Europe/Rome")


def book(account: str, thing: str, start: str, until: str | None = None, *, at: str = "2026-02-01", **more: Any) -> str:
    given = {"until": until} if until else {}
    return str(do("book", at, account=account, thing=thing, start=start, **given, **more).made["booking"])


def refused(code: str, call: Any, *args: Any, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as found:
        call(*args, **more)
    assert found.value.code == code
    return found.value


def status(booking: str) -> str:
    return str(bulk.fetch("SELECT status FROM read_booking WHERE booking = %s", [booking])[0][0])


def taken(thing: str = "double") -> dict[str, int]:
    rows = bulk.fetch("SELECT (slot AT TIME ZONE 'Europe/Rome')::date::text, taken FROM read_capacity WHERE thing = %s ORDER BY 1", [thing])
    return {day: count for day, count in rows if count}


def test_arrivals_on_the_day_of_departure_fit_and_the_third_overlap_names_the_dates_of_the_others() -> None:
    a = book("ana", "double", "2026-03-10T15:00", "2026-03-12T11:00")
    b = book("bob", "double", "2026-03-11T15:00", "2026-03-13T11:00")
    book("eve", "double", "2026-03-12T15:00", "2026-03-14T11:00")
    refusal = refused("full", book, "eve", "double", "2026-03-11T15:00", "2026-03-12T11:00")
    assert refusal.message == (
        "Double room on 2026-03-11: 2 of 2 are taken, 1 wanted: 2026-03-10 15:00 to 2026-03-12 11:00 (thing:double/1), "
        "2026-03-11 15:00 to 2026-03-13 11:00 (thing:double/2)"
    )
    assert (a, b) == ("thing:double/1", "thing:double/2")
    assert taken() == {"2026-03-10": 1, "2026-03-11": 2, "2026-03-12": 2, "2026-03-13": 1}


def test_single_things_are_found_by_the_minute_and_any_free_one_will_do() -> None:
    book("ana", "suite", "2026-03-01T15:00", "2026-03-04T11:00", unit="rose")
    book("bob", "suite", "2026-03-04T11:00", "2026-03-05T11:00", unit="rose")  # at the very minute
    assert refused("booked", book, "eve", "suite", "2026-03-04T10:59", "2026-03-04T11:30", unit="rose").message == (
        "Suite rose is taken: 2026-03-01 15:00 to 2026-03-04 11:00 (thing:suite/1), 2026-03-04 11:00 to 2026-03-05 11:00 (thing:suite/2)"
    )
    third = book("eve", "suite", "2026-03-02T15:00", "2026-03-03T11:00")
    assert bulk.fetch("SELECT unit FROM read_booking WHERE booking = %s", [third]) == [("lily",)]
    refusal = refused("booked", book, "bob", "suite", "2026-03-02T15:00", "2026-03-03T11:00")
    assert refusal.facts["booking"] == "thing:suite/1"


def test_the_database_refuses_an_overlap_that_no_command_looked_at() -> None:
    book("ana", "suite", "2026-03-01T15:00", "2026-03-04T11:00", unit="rose")
    draft = careless(
        "suite", Stay(unit="rose", quantity=1, start=moment("2026-03-03"), end=moment("2026-03-05"), slots=(), amounts=()), None
    )
    with transaction.atomic():
        heads = journal.lock([draft.stream])
        with pytest.raises(IntegrityError, match="booking_never_twice"):
            record([draft], heads=heads, stamp=Stamp("x", "x", journal.database_time()))
        transaction.set_rollback(True)


def test_the_database_refuses_more_of_a_pool_than_there_is() -> None:
    stay = Stay(unit="", quantity=3, start=moment("2026-03-03"), end=moment("2026-03-04"), slots=(moment("2026-03-03"),), amounts=(D(0),))
    draft = careless("double", stay, 2)
    with transaction.atomic():
        heads = journal.lock([draft.stream])
        with pytest.raises(IntegrityError, match="capacity_never_exceeded"):
            record([draft], heads=heads, stamp=Stamp("x", "x", journal.database_time()))
        transaction.set_rollback(True)


def careless(thing: str, stay: Stay, limit: int | None) -> Draft:
    """An event that nobody checked."""
    event = BookingMade(
        thing=thing,
        booking=f"thing:{thing}/99",
        account="bob",
        stay=stay,
        status="confirmed",
        due=None,
        limit=limit,
        overbooked=False,
        currency="EUR",
        catalogue="house",
        version=1,
        sale="",
        name="",
        reference="",
    )
    return Draft(f"thing:{thing}", event, moment("2026-02-01"))


def test_overbooking_is_a_policy_and_said() -> None:
    first, second = (book(account, "studio", "2026-03-01T15:00", "2026-03-02T11:00") for account in ("ana", "bob"))
    assert bulk.fetch("SELECT booking, overbooked FROM read_booking ORDER BY 1") == [(first, False), (second, True)]
    refused("full", book, "eve", "studio", "2026-03-01T15:00", "2026-03-02T11:00")
    assert bulk.fetch("SELECT count(*) FROM read_invoice") == [(0,)]  # it bills nothing


def test_a_hold_ends_by_itself_and_others_need_not_wait_for_its_owner() -> None:
    one = book("ana", "double", "2026-03-01T15:00", "2026-03-02T11:00", hold="yes", quantity=2)
    assert (status(one), taken()) == ("held", {"2026-03-01": 2})
    refused("full", book, "bob", "double", "2026-03-01T15:00", "2026-03-02T11:00", at="2026-02-01T01:59")
    two = book("bob", "double", "2026-03-01T15:00", "2026-03-02T11:00", at="2026-02-01T02:00")
    assert (status(one), status(two), taken()) == ("expired", "confirmed", {"2026-03-01": 1})
    refused("booking_ended", do, "confirm_booking", "2026-02-01T03:00", account="ana", booking=one)
    three = book("ana", "double", "2026-03-01T15:00", "2026-03-02T11:00", at="2026-02-02", lasts="3 days")
    advance("2026-02-05")
    assert status(three) == "expired"
    ends = [recorded for recorded in journal.read(["thing:double"]) if recorded.event.kind == "booking.ended"]
    assert [(end.effective_at, end.actor) for end in ends] == [(moment("2026-02-01T02:00"), "tester"), (moment("2026-02-05"), "beat")]


def test_a_confirmed_hold_is_billed_then() -> None:
    held = book("ana", "hall", "2026-03-07T20:00", quantity=2, lasts="1 hour")
    assert documents() == []
    do("confirm_booking", "2026-02-01T00:30", account="ana", booking=held)
    assert documents() == [("invoice", "INV-000001", "22.00", "22.00")]
    advance("2026-02-02")
    assert status(held) == "confirmed"
    refused("booking_status", do, "confirm_booking", "2026-02-02", account="ana", booking=held)


@pytest.mark.parametrize(
    ("at", "fee"),
    [("2026-03-06T15:00", "75.00"), ("2026-03-06T15:01", "300.00"), ("2026-03-18T15:00", "300.00"), ("2026-03-18T15:01", "750.00")],
)
def test_the_fee_of_a_cancelled_stay_goes_by_its_notice(at: str, fee: str) -> None:
    """Five nights at 150.00 from 21 March: with 15 days and more 10 %, down to 3 days 2 nights, then all."""
    stay = book("ana", "double", "2026-03-21T15:00", "2026-03-26T11:00")
    done = do("cancel_booking", local(at), account="ana", booking=stay, reason="ill")
    assert f"{done.made['fee']:.2f}" == fee
    assert documents() == [("invoice", "INV-000001", fee, fee)]  # compensation bears no tax
    assert (status(stay), taken()) == ("cancelled", {})


def local(text: str) -> datetime:
    """A wall clock in Rome in winter."""
    return moment(text) - timedelta(hours=1)


def test_a_fee_is_waived_with_a_reason() -> None:
    stay = book("ana", "double", "2026-03-21T15:00", "2026-03-26T11:00")
    refused("missing_field", do, "cancel_booking", "2026-03-20", account="ana", booking=stay, waive="yes")
    do("cancel_booking", "2026-03-20", account="ana", booking=stay, waive="yes", reason="the heating broke")
    assert documents() == []


def test_cinema_refunds_go_by_the_hour_and_the_seat_comes_back_with_the_money() -> None:
    seats = [book("ana", "hall", "2026-03-07T20:00") for _ in range(3)]
    refused("full", book, "bob", "hall", "2026-03-07T20:00")
    refused("unknown_start", book, "bob", "hall", "2026-03-07T19:00")
    do("cancel_booking", local("2026-03-07T15:00"), account="ana", booking=seats[0])
    do("cancel_booking", local("2026-03-07T15:01"), account="ana", booking=seats[1])
    refused("too_late", do, "cancel_booking", local("2026-03-07T19:01"), account="ana", booking=seats[2])
    assert taken("hall") == {"2026-03-07": 1}
    assert [one[:3] for one in documents()[3:]] == [("credit_note", "CN-000001", "11.00"), ("credit_note", "CN-000002", "5.50")]
    book("bob", "hall", "2026-03-07T20:00")


def test_another_show_is_given_back_and_sold_anew_and_what_it_cost_stays_the_same() -> None:
    seat = book("ana", "hall", "2026-03-07T20:00", quantity=2)
    do("change_booking", "2026-03-01", account="ana", booking=seat, start="2026-03-08T20:00", quantity="3")
    assert taken("hall") == {"2026-03-08": 3}
    assert [one[0] for one in documents()] == ["invoice", "credit_note", "invoice"]
    assert bulk.fetch("SELECT sum(amount) FROM read_charge") == [(D(30),)]
    refused("full", do, "change_booking", "2026-03-01", account="ana", booking=seat, quantity="4")
    refused("same_booking", do, "change_booking", "2026-03-01", account="ana", booking=seat, quantity="3")
    do("cancel_booking", "2026-03-02", account="ana", booking=seat)
    assert bulk.fetch("SELECT sum(amount) FROM read_charge") == [(D(0),)]


def test_a_van_is_taken_for_whole_days_and_a_fee_is_an_item_of_its_own() -> None:
    van = book("ana", "van", "2026-03-01T10:00", "2026-03-03T09:00")  # three days that are touched
    assert lines("INV-000001") == [("van", "180.00", "18.00")]
    do("change_booking", "2026-02-02", account="ana", booking=van, until="2026-03-02T09:00")  # two days, and 3.00
    do("cancel_booking", "2026-02-28T12:00", account="ana", booking=van)  # 21 hours: a day
    charged = bulk.fetch("SELECT item, amount FROM read_charge ORDER BY sequence")
    assert [(item, f"{amount:.2f}") for item, amount in charged] == [
        ("van", "180.00"),
        ("van", "-180.00"),
        ("van", "120.00"),
        ("fee", "3.00"),
        ("van", "-120.00"),
        ("fee", "60.00"),
    ]


def test_parking_is_by_the_hour() -> None:
    book("ana", "parking", "2026-03-01T10:30", "2026-03-01T12:00")
    assert lines("INV-000001") == [("parking", "4.00", "0.40")]
    refused("full", book, "bob", "parking", "2026-03-01T11:59", "2026-03-01T13:00")
    book("bob", "parking", "2026-03-01T12:00", "2026-03-01T13:00")


def test_who_has_not_come_is_a_no_show_and_pays_a_night() -> None:
    stay = book("ana", "double", "2026-03-09T15:00", "2026-03-12T11:00")
    refused("not_the_time", do, "no_show", "2026-03-09T13:59", account="ana", booking=stay)
    advance(local("2026-03-10T02:59"))
    assert status(stay) == "confirmed"
    advance(local("2026-03-10T03:00"))
    assert (status(stay), taken()) == ("no_show", {})
    assert documents() == [("invoice", "INV-000001", "100.00", "100.00")]


def test_a_guest_comes_stays_and_leaves_early() -> None:
    stay = book("ana", "double", "2026-03-09T15:00", "2026-03-12T11:00")
    refused("not_the_time", do, "check_in", local("2026-03-08T15:00"), account="ana", booking=stay)
    contract = do("check_in", local("2026-03-09T16:00"), account="ana", booking=stay).made["contract"]
    refused("booking_status", do, "cancel_booking", local("2026-03-09T17:00"), account="ana", booking=stay)
    do("check_out", local("2026-03-11T09:00"), account="ana", booking=stay)
    assert (status(stay), taken()) == ("completed", {"2026-03-09": 1, "2026-03-10": 1})  # the night of the 11th is free
    assert bulk.fetch("SELECT contract, status FROM read_contract") == [(contract, "ended")]
    assert lines("INV-000001") == [("room", "100.00", "10.00"), ("room", "150.00", "15.00")]  # dearer from the 10th on


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"thing": "dubble", "start": "2026-03-01", "until": "2026-03-02"}, "unknown_thing"),
        ({"thing": "double", "start": "2026-03-02", "until": "2026-03-02"}, "out_of_range"),
        ({"thing": "double", "start": "2026-01-02", "until": "2026-01-03"}, "out_of_range"),
        ({"thing": "double", "start": "2026-03-01"}, "missing_field"),
        ({"thing": "double", "start": "2026-03-01", "until": "2026-03-02", "quantity": "0"}, "out_of_range"),
        ({"thing": "double", "start": "2026-03-01", "until": "2026-03-02", "unit": "rose"}, "conflict"),
        ({"thing": "double", "start": "2026-03-01", "until": "2030-03-02"}, "out_of_range"),
        ({"thing": "suite", "start": "2026-03-01", "until": "2026-03-02", "unit": "ros"}, "unknown_choice"),
        ({"thing": "suite", "start": "2026-03-01", "until": "2026-03-02", "quantity": "2"}, "conflict"),
        ({"thing": "suite", "start": "2026-03-01", "until": "2026-03-02", "hold": "yes"}, "missing_field"),
        ({"thing": "suite", "start": "2026-03-01", "until": "2026-03-02", "account": "zoe"}, "unknown_account"),
    ],
)
def test_mistakes_are_refused_by_name_and_change_nothing(arguments: dict[str, Any], code: str) -> None:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises((Invalid, NotFound, Conflict)) as found:
        do("book", "2026-02-01", **({"account": "ana"} | arguments))
    assert found.value.code == code
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    refused("unknown_booking", do, "cancel_booking", "2026-02-01", account="ana", booking="thing:double/1")
    refused("unknown_booking", do, "cancel_booking", "2026-02-01", account="ana", booking="nonsense")


def test_what_is_too_cheap_is_not_given_back() -> None:
    publish(HOUSE.replace("catalogue: house", "catalogue: cheap").replace('name: Seat, price: "10.00"', 'name: Seat, price: "9.90"'))
    seat = book("ana", "hall", "2026-03-07T20:00", catalogue="cheap")
    with pytest.raises(NotAllowed, match=r"nothing is given back of less than 10\.00"):
        do("cancel_booking", "2026-03-01", account="ana", booking=seat)


def test_the_constraint_needs_no_extension() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
        assert cursor.fetchall() == []


def shown(*arguments: str) -> str:
    out = io.StringIO()
    call_command("bookings", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_line_says_who_has_what_and_what_is_free() -> None:
    book("ana", "suite", "2026-03-02T15:00", "2026-03-04T11:00", unit="rose")
    book("bob", "double", "2026-03-02T15:00", "2026-03-04T11:00", hold="yes")
    assert "hall: Hall, 3 pieces, by the show" in shown()
    assert shown("suite", "--from", "2026-03-01", "--to", "2026-03-05").splitlines()[1:] == [
        "  2026-03-02 15:00 to 2026-03-04 11:00  rose for ana: confirmed (thing:suite/1)",
        "  rose is free from 2026-03-01 00:00 to 2026-03-02 15:00",
        "  rose is free from 2026-03-04 11:00 to 2026-03-05 00:00",
        "  lily is free from 2026-03-01 00:00 to 2026-03-05 00:00",
    ]
    assert shown("double", "--from", "2026-03-02", "--to", "2026-03-05").splitlines()[1:] == [
        "  2026-03-02 15:00 to 2026-03-04 11:00  1 piece for bob: held until 2026-02-01 03:00 (thing:double/1)",
        "  2026-03-02 00:00  1 taken, 1 free",
        "  2026-03-03 00:00  1 taken, 1 free",
        "  2026-03-04 00:00  0 taken, 2 free",
    ]
    assert [slot["free"] for slot in json.loads(shown("hall", "--from", "2026-03-01", "--to", "2026-04-01", "--json"))["slots"]] == [3, 3]
    with pytest.raises(SystemExit):
        shown("sweet")


def test_a_search_finds_what_is_free_for_the_whole_time_with_its_price() -> None:
    book("ana", "suite", "2026-03-02T15:00", "2026-03-04T11:00", unit="rose")
    book("bob", "double", "2026-03-03T15:00", "2026-03-04T11:00")
    found = {
        one["thing"]: one for one in json.loads(shown("--free", "1", "--from", "2026-03-02T14:00", "--to", "2026-03-04T10:00", "--json"))
    }
    assert sorted(found) == ["double", "parking", "studio", "suite", "van"]
    assert (found["suite"]["free"], found["suite"]["units"]) == (1, ["lily"])
    assert (found["double"]["free"], found["studio"]["free"], found["van"]["amount"]) == (1, 2, "180.00")
    two = json.loads(shown("--free", "2", "--from", "2026-03-02T14:00", "--to", "2026-03-04T10:00", "--json"))
    assert [one["thing"] for one in two if one["thing"] != "parking"] == ["studio"]
    with pytest.raises(SystemExit):
        shown("--free", "1", "--from", "2026-03-02", "--to", "2026-03-01")


def test_an_account_for_which_something_is_kept_is_not_closed() -> None:
    held = book("ana", "suite", "2026-03-02T15:00", "2026-03-04T11:00", unit="rose")
    with pytest.raises(Conflict, match=r"suite is kept for the account on 2026-03-02 14:00 UTC \(thing:suite/1\); give it back first"):
        do("close_account", "2026-02-02", account="ana")
    do("cancel_booking", "2026-02-02", account="ana", booking=held)
    do("close_account", "2026-02-02", account="ana")
