"""Who follows the journal while it is written, and who rebuilds what was made of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any
from unittest.mock import patch

from django.db import transaction

from billing import bulk, delivery, journal, rebuilding
from billing.delivery import Done
from billing.engine import Stamp, record
from billing.events import StockMoved
from billing.journal import Draft
from billing.queries.status import status
from billing.rebuilding import rebuild
from tests.books import do, moment, open_account, publish
from tests.drills.base import Drill, Tally, attempt, check, race

NOW = moment("2026-01-02")
WRITERS = 8

# --- F16: who follows the journal ------------------------------------------------------------------------------------------------------


class Followers:
    """Two ways to follow the journal while it is written: claimed rows, and the naive `position > the last one seen`."""

    def __init__(self) -> None:
        self.claimed: Counter[str] = Counter()
        self.naive: Counter[str] = Counter()
        self.last = 0
        self.over = threading.Event()

    def claim(self) -> bool:
        rows = delivery.claim("webhook.deliver", until=NOW, limit=200)
        for effect in rows:
            self.claimed[effect.payload["event"]] += 1
            delivery.settle(effect, Done())
        return bool(rows)

    def look(self) -> bool:
        statement = "SELECT position, stream || '/' || sequence FROM journal WHERE position > %s AND kind = 'stock.moved' ORDER BY position"
        rows = bulk.fetch(statement, [self.last])
        self.naive.update(where for _, where in rows)
        self.last = rows[-1][0] if rows else self.last
        return bool(rows)

    def follow(self, step: Callable[[], bool]) -> None:
        while not self.over.is_set():
            if not step():
                time.sleep(0.002)
        while step():
            pass


def _written(count: int, seeds: list[int], number: int) -> None:
    """Events in transactions of random length, a tenth of which are undone."""
    chance, stream = Random(seeds[number]), f"stock:x{number}"
    for turn in range(count // WRITERS):
        with transaction.atomic():
            heads = journal.lock([stream])
            event = StockMoved(item=f"x{number}", quantity=Decimal(1), level=Decimal(turn + 1), reason="restock")
            record([Draft(stream, event, NOW)], heads=heads, stamp=Stamp("writer", "drill", NOW))
            time.sleep(chance.choice([0, 0, 0.005, 0.02]))
            transaction.set_rollback(chance.random() < 0.1)


def _followed(count: int, random: Random) -> tuple[Tally, Tally]:
    """What the claimed rows and what the naive cursor missed or saw twice, in one and the same run."""
    do("add_webhook", NOW, endpoint="follower", url="https://receiver.example/", kinds=["stock.moved"])
    seeds, followers = [random.randrange(1 << 30) for _ in range(WRITERS)], Followers()
    writing = threading.Semaphore(0)

    def act(number: int) -> None:
        if number < WRITERS:
            try:
                _written(count, seeds, number)
            finally:
                writing.release()
        elif number == WRITERS:
            threading.Thread(target=lambda: ([writing.acquire() for _ in range(WRITERS)], followers.over.set()), daemon=True).start()
            followers.follow(followers.look)
        else:
            followers.follow(followers.claim)

    answers = race(WRITERS + 3, act)
    there = {row[0] for row in bulk.fetch("SELECT stream || '/' || sequence FROM journal WHERE kind = 'stock.moved'")}
    tallies = []
    for seen in (followers.claimed, followers.naive):
        tally = Tally(len(there), sum(times - 1 for times in seen.values()), len(there - set(seen)))
        tally.wrong = [f"{type(answer).__name__}: {answer}" for answer in answers if isinstance(answer, Exception)]
        tallies.append(tally)
    return tallies[0], tallies[1]


def followers_of_the_journal(count: int, random: Random) -> Tally:
    claimed, naive = _followed(count, random)
    claimed.note = f"a cursor over positions missed {naive.lost} beside it"
    return check(claimed, random)


def a_cursor_over_positions(count: int, random: Random) -> Tally:
    return _followed(count, random)[1]


# --- F34: rebuilt while it is written -----------------------------------------------------------------------------------------------------


def _rebuilt_while_written(count: int, random: Random) -> Tally:
    publish()
    names = [f"q{number}" for number in range(4)]
    for name in names:
        open_account(name)
        do("subscribe", account=name, plan="basic")
    over, seeds, writing = threading.Event(), [random.randrange(1 << 30) for _ in range(2)], threading.Semaphore(0)
    rebuilds, reads = [0], [0]

    def act(number: int) -> Any:
        if number < 2:
            chance = Random(seeds[number])
            try:
                return [
                    attempt(lambda: do("adjust", NOW, account=chance.choice(names), amount="1.00", reason="x")) for _ in range(count // 2)
                ]
            finally:
                writing.release()
        if number == 3:
            while not over.is_set():
                assert len(status(random.choice(names), at=NOW).documents) >= 1
                reads[0] += 1
            return []
        try:
            while not (writing.acquire(blocking=False) and writing.acquire()):
                rebuild(names)
                rebuilds[0] += 1
        finally:
            over.set()
        return []

    answers = race(4, act)
    failed = [f"{type(one).__name__}: {one}" for found in answers for one in (found if isinstance(found, list) else [found])]
    tally = Tally(count, wrong=[text for text in failed if not text.startswith("Outcome")])
    made = bulk.fetch("SELECT count(*) FROM read_charge WHERE kind = 'adjustment'")[0][0]
    tally.lost, tally.doubles = max(count // 2 * 2 - made, 0), max(made - count // 2 * 2, 0)
    tally.note = f"{rebuilds[0]} rebuilds of 4 accounts, {reads[0]} reads, none failed"
    return tally


def rebuilt_while_written(count: int, random: Random) -> Tally:
    return check(_rebuilt_while_written(count, random), random)


def rebuilt_without_a_lock(count: int, random: Random) -> Tally:
    """Who rebuilds holds no lock, and takes a while between reading the events and writing the rows."""
    real, replay = journal.lock, rebuilding.replay
    rebuilder: list[int] = []

    def look(streams: Any, **given: Any) -> Any:
        if threading.get_ident() not in rebuilder:
            return real(streams, **given)
        rows = bulk.fetch("SELECT id, last_sequence, last_hash FROM stream WHERE id = ANY(%s)", [list(streams)])
        return {stream: journal.Head(sequence=sequence, hash=bytes(digest)) for stream, sequence, digest in rows}

    def slowly(streams: Any) -> int:
        events = replay(streams)
        time.sleep(0.1)
        return events

    def mine(names: Any) -> Any:
        rebuilder.append(threading.get_ident())
        return rebuilding.rebuild(names)

    with patch("billing.journal.lock", look), patch("billing.rebuilding.replay", slowly), patch(f"{__name__}.rebuild", mine):
        return check(_rebuilt_while_written(count, random), random)


DRILLS = (
    Drill(
        "F16",
        "8 writers, random delays, 10 % undone; who follows the journal",
        followers_of_the_journal,
        "a cursor over positions",
        a_cursor_over_positions,
        120,
        16_000,
        wrong_count=120,
    ),
    Drill(
        "F34",
        "rebuild while it is written and read",
        rebuilt_while_written,
        "rebuilt without a lock",
        rebuilt_without_a_lock,
        16,
        4_000,
        wrong_count=16,
    ),
)
