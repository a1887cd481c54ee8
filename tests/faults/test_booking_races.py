"""Two hundred want the last room, the last seat, the last router: one gets it, and the others are told whose dates stand in the way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, transaction

from billing import bulk, journal
from billing.bookings.loading import overlapping
from billing.clockwork import run
from billing.engine import Stamp, record
from billing.events import BookingMade, Stay
from billing.journal import Draft
from plans.errors import Conflict
from tests.books import assert_books_hold, do, moment, open_account, publish
from tests.drills.base import race

pytestmark = pytest.mark.django_db(transaction=True)

RACERS, ATTEMPTS = 8, 25  # together 200

HOUSE = """
catalogue: house
currency: EUR
items:
  seat: {name: Seat, price: "10.00"}
  router: {name: Router, price: "80.00", stock: {start: 1}}
resources:
  room: {name: Room, units: ["101"]}
  double: {name: Double room, capacity: 1}
  show: {name: Show, per: show, capacity: 1, item: seat}
"""


def house() -> None:
    publish(HOUSE)
    for number in range(RACERS):
        open_account(f"r{number}")


def everybody(attempt: Callable[[str, int], Any]) -> list[Any]:
    """Every racer tries again and again; answers all 200 results in no order."""

    def tries(number: int) -> list[Any]:
        answers: list[Any] = []
        for turn in range(ATTEMPTS):
            try:
                answers.append(attempt(f"r{number}", turn))
            except Conflict as refusal:
                answers.append(refusal)
        return answers

    return [answer for answers in race(RACERS, tries) for answer in answers]


def summed(answers: list[Any]) -> Counter[str]:
    return Counter(answer.code if isinstance(answer, Conflict) else type(answer).__name__ for answer in answers)


@pytest.mark.parametrize(("thing", "code"), [("room", "booked"), ("double", "full"), ("show", "full")])
def test_the_last_one_is_booked_once_and_the_others_hear_of_the_winners_dates(thing: str, code: str) -> None:
    house()

    def attempt(account: str, turn: int) -> Any:
        start, until = f"2026-03-{1 + turn % 2:02d}T15:00", "2026-03-05T11:00"  # not all want the same nights
        given = {"start": "2026-03-01T20:00"} if thing == "show" else {"start": start, "until": until}
        return do("book", "2026-02-01", account=account, thing=thing, **given)

    answers = everybody(attempt)
    assert summed(answers) == {"Outcome": 1, code: 199}
    [(winner, start)] = bulk.fetch("SELECT booking, start FROM read_booking")
    refusals = [answer for answer in answers if isinstance(answer, Conflict)]
    assert {(one.facts["booking"], one.facts["start"]) for one in refusals} == {(winner, start.isoformat())}
    assert all(f"{start:%Y-%m-%d %H:%M}" in one.message for one in refusals)
    assert bulk.fetch("SELECT count(*) FROM read_charge") == [(1 if thing == "show" else 0,)]
    assert_books_hold()


def test_the_last_router_goes_to_one_of_two_hundred_and_the_others_hear_when() -> None:
    house()
    answers = everybody(lambda account, _: do("sell", "2026-02-01T10:00", account=account, item="router"))
    assert summed(answers) == {"Outcome": 1, "out_of_stock": 199}
    refusals = [answer for answer in answers if isinstance(answer, Conflict)]
    assert {one.facts["event"] for one in refusals} == {"stock:router/1"}
    assert all("the last went on 2026-02-01 10:00 UTC" in one.message for one in refusals)
    assert_books_hold()


def careless(number: int) -> str:
    """The wrong variant: look, and lock only then."""
    start, end = moment("2026-03-01"), moment("2026-03-02")
    free = not overlapping("room", start, end, unit="101")
    time.sleep(0.2)
    with transaction.atomic():
        stream = "thing:room"
        heads = journal.lock([stream])
        event = BookingMade(
            thing="room",
            booking=f"{stream}/{heads[stream].sequence + 1}",
            account=f"r{number}",
            stay=Stay(unit="101", quantity=1, start=start, end=end, slots=(start,), amounts=()),
            status="confirmed",
            due=None,
            limit=None,
            overbooked=False,
            currency="EUR",
            catalogue="house",
            version=1,
            sale="",
            name="",
            reference="",
        )
        record([Draft(stream, event, moment("2026-02-01"))], heads=heads, stamp=Stamp("racer", "careless", journal.database_time()))
    return "booked" if free else "refused"


def test_who_looks_before_locking_is_stopped_by_the_database() -> None:
    house()
    answers = race(4, careless)
    assert sum(answer == "booked" for answer in answers) == 1
    stopped = [answer for answer in answers if isinstance(answer, IntegrityError)]
    assert len(stopped) == 3
    assert all("booking_never_twice" in str(error) for error in stopped)
    assert bulk.fetch("SELECT count(*) FROM read_booking") == [(1,)]


def test_without_lock_and_constraint_one_room_is_booked_four_times(owner: psycopg.Connection[Any]) -> None:
    """What the two together prevent: so the tests above can fail."""
    house()
    owner.execute("ALTER TABLE read_booking DROP CONSTRAINT booking_never_twice")
    assert race(4, careless) == ["booked"] * 4
    assert bulk.fetch("SELECT count(*) FROM read_booking") == [(4,)]


def test_a_run_waits_for_no_busy_thing_and_comes_back(owner: psycopg.Connection[Any]) -> None:
    """RULES 23: another has the room and the router in hand, so what expires there is left to the next run, and nobody is parked."""
    house()
    do("book", "2026-02-01T10:00", account="r0", thing="room", start="2026-03-01", until="2026-03-02", hold="yes", lasts="1 hour")
    do("reserve_stock", "2026-02-01T10:00", account="r1", item="router", lasts="1 hour")
    owner.execute("BEGIN")
    owner.execute("SELECT 1 FROM stream WHERE id IN ('thing:room', 'stock:router') FOR NO KEY UPDATE")
    report = run(until=moment("2026-02-02"), actor="beat")
    assert (report.events, report.parked, report.busy) == (0, 0, {"r0", "r1"})
    with pytest.raises(Conflict, match="somebody else is changing thing:room"):
        do("adjust", "2026-02-02", account="r0", amount="1.00", reason="waits for its clockwork")
    owner.execute("COMMIT")
    report = run(until=moment("2026-02-02"), actor="beat")
    assert (report.events, report.parked, report.busy) == (2, 0, set())
    assert bulk.fetch("SELECT status FROM read_booking UNION ALL SELECT status FROM read_stock_reservation") == [("expired",)] * 2
    assert_books_hold()
