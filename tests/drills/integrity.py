"""The journal against who reads it, who may change it, who may change everything, and old versions of its events."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import orjson
import psycopg
from django.conf import settings
from django.db import transaction

from billing import bulk, codec, delivery, journal, rebuilding
from billing.delivery import Done
from billing.engine import Stamp, record
from billing.events import StockMoved
from billing.journal import Draft
from billing.queries.status import status
from billing.rebuilding import rebuild
from billing.verification import verify
from tests.books import do, moment, open_account, publish, undone
from tests.drills.base import Drill, Tally, address, as_owner, attempt, check, race
from tests.interfaces import worlds

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


# --- F28: events of old versions ---------------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"-?\d+(\.\d+)?")
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def _numbers(data: Any, random: Random | None = None) -> Iterator[str]:
    """Every amount and quantity in stored data. With a chance, each is replaced by another one first."""
    if isinstance(data, dict | list):
        for place, value in data.items() if isinstance(data, dict) else enumerate(data):
            if isinstance(value, str) and NUMBER.fullmatch(value):
                if random is not None:
                    data[place] = value = f"{random.randrange(-(10**9), 10**9)}.{random.randrange(10**6):06d}"
                yield value
            else:
                yield from _numbers(value, random)


def old_events(count: int, random: Random) -> Tally:
    """Each golden file as it is, and `count` times with other amounts: read, brought up to date, every amount is still what was stored."""
    tally = Tally(0)
    for path in sorted(GOLDEN.glob("*.json")):
        kind, _, version = path.stem.rpartition(".v")
        for turn in range(count + 1):
            stored = orjson.loads(path.read_bytes())
            before = Counter(list(_numbers(stored, random if turn else None)))
            written = codec.encode(codec.decode(kind, int(version), stored))
            missing = before - Counter(list(_numbers(written)))
            tally.injected += 1
            if missing:
                tally.lost += 1
                tally.wrong.append(f"{path.stem}: {', '.join(list(missing)[:2])} is gone")
    tally.note = f"{len(list(GOLDEN.glob('*.json')))} kinds and versions"
    return tally


def an_upcast_that_improves_an_amount(count: int, random: Random) -> Tally:
    better = codec.UPCASTS | {("stock.moved", 1): lambda data: data | {"quantity": "99"}}
    with patch.object(codec, "UPCASTS", better):
        return old_events(count, random)


# --- F30: as the application's role ------------------------------------------------------------------------------------------------------

COLUMNS = "stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, data, previous_hash, hash"
ROW = "'x', 1, 'x', 1, now(), now(), 'x', 'x', '', '', '{}', '', ''"
WAYS = (
    "UPDATE journal SET actor = 'x'",
    "DELETE FROM journal",
    "TRUNCATE journal",
    "WITH gone AS (DELETE FROM journal RETURNING *) SELECT count(*) FROM gone",
    f"INSERT INTO journal ({COLUMNS}) VALUES ({ROW}) ON CONFLICT (stream, sequence) DO UPDATE SET actor = 'x'",
    "MERGE INTO journal USING (SELECT 1) AS one ON true WHEN MATCHED THEN UPDATE SET actor = 'x'",
    f"INSERT INTO journal (position, {COLUMNS}) OVERRIDING SYSTEM VALUE VALUES (1, {ROW})",
    "SELECT setval(pg_get_serial_sequence('journal', 'position'), 1)",
    "SET session_replication_role = replica",
    "ALTER TABLE journal DISABLE TRIGGER ALL",
    "DROP TRIGGER journal_is_append_only ON journal",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER other BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE RULE other AS ON INSERT TO journal DO INSTEAD NOTHING",
    "ALTER TABLE journal ALTER actor SET DEFAULT 'x'",
    "GRANT UPDATE ON journal TO CURRENT_USER ;; UPDATE journal SET actor = 'x'",
    "DROP TABLE journal",
    "SELECT 1 FROM journal FOR UPDATE",
    "RESET ROLE ;; UPDATE journal SET actor = 'x'",
    "UPDATE usage_record SET value = 0",
    "DELETE FROM usage_key",
)


@contextmanager
def login_of_its_own() -> Iterator[psycopg.Connection[Any]]:
    """As docs/operations.md says for a stronger wall: who logs in is no owner, only a member of the application role."""
    name, word = f"drill_{secrets.token_hex(4)}", secrets.token_hex(8)
    as_owner(f"CREATE ROLE {name} LOGIN PASSWORD '{word}' IN ROLE \"{settings.DATABASE_ROLE}\"")
    try:
        with psycopg.connect(address(user=name, password=word)) as login:
            login.execute(f'SET ROLE "{settings.DATABASE_ROLE}"')
            yield login
    finally:
        as_owner(f"DROP ROLE {name}")


def _ways_tried(count: int) -> Tally:
    worlds.play()
    tally, accepted = Tally(0), []
    with login_of_its_own() as login:
        for way in WAYS * count:
            tally.injected += 1
            try:
                with login.transaction(force_rollback=True):
                    for statement in way.split(" ;; "):
                        login.execute(statement)
                accepted.append(way)
            except psycopg.errors.InsufficientPrivilege:
                pass
            except psycopg.Error as error:
                tally.wrong.append(f"{way[:60]} is refused for another reason: {error}")
    tally.wrong += [f"accepted: {way[:60]}" for way in accepted]
    tally.note = f"{len(WAYS)} ways, all denied" if not tally.wrong else ""
    return tally


def ways_to_change_the_journal(count: int, random: Random) -> Tally:
    return check(_ways_tried(count), random)


def rights_of_the_whole_table(count: int, random: Random) -> Tally:
    """GRANT ALL ON journal, as for any other table."""
    del random
    as_owner(f'GRANT ALL ON journal TO "{settings.DATABASE_ROLE}"')
    as_owner("ALTER TABLE journal DISABLE TRIGGER USER")
    return _ways_tried(count)


# --- F31: as the superuser --------------------------------------------------------------------------------------------------------------

TAMPERINGS: dict[str, str] = {
    "an amount": "UPDATE journal SET data = data || '{{\"amount\": \"0.01\"}}' WHERE stream = '{stream}' AND sequence = {middle}",
    "an actor": "UPDATE journal SET actor = 'nobody' WHERE stream = '{stream}' AND sequence = {middle}",
    "a time": "UPDATE journal SET effective_at = effective_at - interval '1 day' WHERE stream = '{stream}' AND sequence = {middle}",
    "its own hash too": "UPDATE journal SET actor = 'x', hash = sha256('x') WHERE stream = '{stream}' AND sequence = {middle}",
    "one deleted": "DELETE FROM journal WHERE stream = '{stream}' AND sequence = {middle}",
    "the last deleted": "DELETE FROM journal WHERE stream = '{stream}' AND sequence = {last}",
    "one inserted": "INSERT INTO journal ({columns}) SELECT stream, {last} + 1, kind, version, effective_at, recorded_at, actor, command,"
    " cause, key, data, hash, sha256('y') FROM journal WHERE stream = '{stream}' AND sequence = {last}",
    "two exchanged": "UPDATE journal SET sequence = sequence + 1000 WHERE stream = '{stream}' AND sequence IN ({middle}, {last});"
    " UPDATE journal SET sequence = {last} + {middle} + 1000 - sequence WHERE stream = '{stream}' AND sequence > 1000",
    "a whole stream": "DELETE FROM journal WHERE stream = '{stream}'; DELETE FROM stream WHERE id = '{stream}'",
}


def _tampered(tampering: str, random: Random) -> bool:
    """With all rights and all triggers off; answers whether `verify` names the stream. Undone afterwards."""
    stream, last = random.choice(bulk.fetch("SELECT id, last_sequence FROM stream WHERE last_sequence > 3 AND position(':' in id) = 0"))
    given = {"stream": stream, "last": last, "middle": random.randrange(2, last), "columns": COLUMNS}
    with undone():
        as_owner("ALTER TABLE journal DISABLE TRIGGER ALL", *TAMPERINGS[tampering].format(**given).split("; "))
        return any(fault.where.split("/")[0].split(" ")[0] == stream for fault in verify().faults)


def _all_found(count: int, random: Random, tamperings: list[str]) -> Tally:
    worlds.play()
    tally = Tally(0)
    longest = 0.0
    for turn in range(count):
        tampering = tamperings[turn % len(tamperings)]
        began = time.perf_counter()
        tally.injected += 1
        if not _tampered(tampering, random):
            tally.wrong.append(f"{tampering}: not found")
        longest = max(longest, time.perf_counter() - began)
    tally.note = f"{len(tamperings)} kinds, each named within {longest:.1f} s"
    return tally


def tampering(count: int, random: Random) -> Tally:
    return check(_all_found(count, random, list(TAMPERINGS)), random)


def only_links_are_looked_at(count: int, random: Random) -> Tally:
    """Each event is held against the one before it, and nobody holds the end of the chain against the head and the postings."""
    nothing: Any = {"_head": lambda *_: iter(()), "_entry": lambda *_: iter(()), "_postings": lambda stream: {}}
    with patch.multiple("billing.verification", **nothing):
        return _all_found(count, random, ["the last deleted"])


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
        160,
        16_000,
        240,
    ),
    Drill(
        "F28",
        "events of every kind and version",
        old_events,
        "an upcast that changes an amount",
        an_upcast_that_improves_an_amount,
        1,
        50,
        1,
    ),
    Drill(
        "F30",
        "ways to change the journal as the application",
        ways_to_change_the_journal,
        "GRANT ALL, triggers off",
        rights_of_the_whole_table,
        1,
        5,
        1,
    ),
    Drill(
        "F31",
        "the superuser changes the journal",
        tampering,
        "the end of the chain is not held against the head",
        only_links_are_looked_at,
        9,
        180,
    ),
    Drill(
        "F34",
        "rebuild while it is written and read",
        rebuilt_while_written,
        "rebuilt without a lock",
        rebuilt_without_a_lock,
        40,
        4_000,
        40,
    ),
)
