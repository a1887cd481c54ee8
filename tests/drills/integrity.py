"""The journal against who reads it, who may change it, who may change everything, and old versions of its events."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import orjson
import psycopg
from django.conf import settings

from billing import bulk, codec
from billing.verification import verify
from tests.books import moment, undone
from tests.drills.base import Drill, Tally, address, as_owner, check
from tests.interfaces import worlds

NOW = moment("2026-01-02")
WRITERS = 8

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
    nothing: Any = {"_ended": lambda *_: iter(()), "_orphans": lambda _: {}}
    with patch.multiple("billing.verification.chain", **nothing):
        return _all_found(count, random, ["the last deleted"])


DRILLS = (
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
        wrong_count=1,
    ),
)
