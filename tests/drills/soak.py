"""Everything at once, for as long as it is told (seconds): commands repeated under their keys, use sent twice, webhooks, cards, runs whose
workers are killed, rebuilds, readers, and connections that are cut."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from billing import bulk, clockwork, delivery
from billing.engine import Outcome, Request, execute
from billing.queries.status import status
from billing.rebuilding import rebuild
from billing.usage import ingest
from payments.digesting import receive
from payments.gateways.sandbox import signed
from plans.errors import Refusal
from tests import books
from tests.books import do, moment, open_account
from tests.drills.base import Drill, Tally, address, buried, check, child, race
from tests.drills.storms import notice
from tests.payments.gateways import taken, with_card

START = moment("2026-01-01")
ACCOUNTS = 24
#: So much story passes in a second: a month in two minutes.
PACE = timedelta(hours=6)
ACTORS, CUT_EVERY, KILL_EVERY = 3, 3.0, 2.0
CUT = (DatabaseError, InterfaceError, OSError)


class World:
    """What all that goes on shares."""

    def __init__(self, seconds: int, random: Random) -> None:
        self.seconds, self.began = seconds, time.monotonic()
        self.names = [f"soak{number}" for number in range(ACCOUNTS if seconds > 30 else 5)]
        self.seeds = [random.randrange(1 << 30) for _ in range(16)]
        self.said: Counter[str] = Counter()
        self.paid: list[tuple[str, Any]] = []
        self.wrong: list[str] = []
        self.acknowledged = threading.Lock()

    @property
    def over(self) -> bool:
        return time.monotonic() - self.began > self.seconds

    @property
    def now(self) -> datetime:
        return START + timedelta(days=1) + PACE * min(time.monotonic() - self.began, self.seconds)

    def say(self, word: str) -> None:
        with self.acknowledged:
            self.said[word] += 1


def _prepared(world: World) -> None:
    books.publish(books.CATALOGUE.replace("plans:\n", "plans:\n", 1))
    for name in world.names:
        open_account(name)
        do("subscribe", account=name, plan="seats", quantities={"seat": "2"})
        with_card("duplicate" if name.endswith("1") else "approve", account=name, mode="automatic")
    do("restock", item="router", quantity="10000")


def _asked(world: World, request: Request) -> Any:
    """Until it is answered: whose connection is cut asks again under the same key."""
    for _ in range(100):
        try:
            return execute(request)
        except Refusal as refusal:
            return refusal
        except CUT:
            world.say("asked again after a cut")
            connection.close()
            time.sleep(0.02)
    raise AssertionError("never answered")


def _act(world: World, number: int) -> None:
    """Somebody who does this and that, under a key each time, and now and then asks for the same again; at first a payment, twice."""
    chance, turn = Random(world.seeds[number]), 0
    while not turn or not world.over:
        turn += 1
        account, key = chance.choice(world.names), f"{number}-{turn}"
        name, given = chance.choice(
            [
                ("pay", {"amount": f"{chance.randint(1, 5000) / 100:.2f}", "reference": key}),
                ("sell", {"item": "router", "invoice": "now"}),
                ("change_quantity", {"item": "seat", "quantity": str(chance.randint(1, 9))}),
                ("adjust", {"amount": "1.00", "reason": "x"}),
                ("credit_note", {"invoice": "1", "amount": "0.10", "reason": "x"}),
                ("refund", {"payment": "1", "amount": "0.05"}),
                ("top_up", {"amount": "5.00"}),
                ("void", {"invoice": str(chance.randint(1, 3)), "reason": "x"}),
            ]
        )
        if turn == 1:
            name, given = "pay", {"amount": "1.00", "reference": key}
        request = Request(name, {"account": account} | given, world.now, f"actor {number}", key=key)
        answer = _asked(world, request)
        world.say(answer.code if isinstance(answer, Refusal) else name)
        if isinstance(answer, Outcome):
            if name == "pay":
                world.paid.append((key, dict(answer.made)))
            if (turn == 1 or chance.random() < 0.3) and (again := _asked(world, request)).made != answer.made:
                world.wrong.append(f"{name} asked again was answered by {again.made}")


def _use(world: World, number: int) -> None:
    chance, turn = Random(world.seeds[number]), 0
    while not world.over:
        turn += 1
        at = world.now
        rows = [
            {"account": chance.choice(world.names), "meter": "calls", "id": f"{turn}-{i}", "at": at - timedelta(hours=i), "value": "1"}
            for i in range(20)
        ]
        for _ in range(1 + (chance.random() < 0.3)):
            with suppress(*CUT):
                ingest(rows, source="soak", arrived_at=at)
                world.say("use taken in")
                continue
            connection.close()
        time.sleep(0.05)


def _webhooks(world: World, number: int) -> None:
    """The gateway says everything again that it ever said, in any order."""
    chance, turn = Random(world.seeds[number]), 0
    while not world.over:
        turn += 1
        with suppress(*CUT):
            rows = bulk.fetch("SELECT id, account FROM sandbox_operation WHERE kind = 'charge' ORDER BY random() LIMIT 3")
            for reference, account in rows:
                body, at = notice(reference, f"again-{reference[-6:]}-{chance.randint(0, 3)}", account), world.now
                receive("sandbox", body, signed(body, at), at=at)
                world.say("webhooks")
            time.sleep(0.1)
            continue
        connection.close()


def _look(world: World, number: int) -> None:
    """Every snapshot sums to zero, and every question is answered."""
    chance = Random(world.seeds[number])
    while not world.over:
        try:
            if rows := bulk.fetch("SELECT currency, sum(amount) FROM read_balance GROUP BY 1 HAVING sum(amount) <> 0"):
                world.wrong.append(f"a reader saw books off by {rows[0][1]}")
            status(chance.choice(world.names), at=world.now)
            world.say("looked")
        except CUT:
            connection.close()
        time.sleep(0.02)


def _rebuild(world: World, number: int) -> None:
    chance = Random(world.seeds[number])
    while not world.over:
        try:
            rebuild(chance.sample(world.names, 3))
            world.say("rebuilt")
        except CUT:
            connection.close()
        time.sleep(0.5)


def _cut(world: World, number: int) -> None:
    """Ends a connection of somebody, again and again."""
    del number
    with psycopg.connect(address(), autocommit=True) as watcher:
        while not world.over:
            time.sleep(min(CUT_EVERY, world.seconds / 4))
            watcher.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state <> 'idle' ORDER BY random() LIMIT 1"
            )
            world.say("connections cut")


def _work(world: World) -> None:
    """A worker: bills and delivers what is due, until it is killed."""
    while not world.over:
        try:
            at = world.now
            clockwork.run_chunk(until=at, actor="worker", known_at=None, chunk=10, report=clockwork.RunReport())
            delivery.deliver_chunk(until=at)
        except CUT:
            connection.close()
        time.sleep(0.02)


def _workers(world: World, number: int) -> None:
    """Two workers, one of whom is killed every two seconds and replaced; what the dead had claimed is free at once."""
    chance = Random(world.seeds[number])
    crew = [_started(world) for _ in range(2)]
    while not world.over:
        time.sleep(min(KILL_EVERY, world.seconds / 4))
        place = chance.randrange(2)
        os.kill(crew[place], signal.SIGKILL)
        buried(crew[place])
        world.say("workers killed")
        crew[place] = _started(world)
        with suppress(*CUT):
            bulk.fetch("UPDATE effect SET leased_until = clock_timestamp() WHERE state = 'claimed' AND attempt < 20 RETURNING id")
    for one in crew:
        os.kill(one, signal.SIGKILL)
        buried(one)


def _started(world: World) -> int:
    """In a process begun before there were threads: its memory is in order."""
    return child(lambda: _work(world))


def _at_rest(world: World) -> None:
    bulk.fetch("UPDATE effect SET leased_until = clock_timestamp() - interval '1 second' WHERE state = 'claimed' RETURNING id")
    for _ in range(50):
        clockwork.run(until=world.now, actor="survivor")
        if not delivery.deliver(until=world.now).attempts and not clockwork.count_due(world.now):
            return


def _soaked(seconds: int, random: Random) -> Tally:
    world = World(seconds, random)
    _prepared(world)
    world.began = time.monotonic()
    parts: list[Callable[[World, int], None]] = [*[_act] * ACTORS, _use, _webhooks, _look, _rebuild, _cut, _workers]
    for answer in race(len(parts), lambda number: parts[number](world, number)):
        if answer is not None:
            world.wrong.append(f"{type(answer).__name__}: {answer}"[:200])
    _at_rest(world)
    counted = dict(bulk.fetch("SELECT reference, count(*) FROM read_payment WHERE channel <> 'sandbox' GROUP BY 1"))
    tally = Tally(world.said["workers killed"] + world.said["connections cut"], wrong=world.wrong)
    tally.lost = sum(key not in counted for key, _ in world.paid)
    tally.doubles = sum(max(times - 1, 0) for reference, times in counted.items() if reference)
    for name in world.names:
        if taken(name)["theirs"] != taken(name)["ours"]:
            tally.wrong.append(f"{name}: {taken(name)}")
    events = bulk.fetch("SELECT count(*) FROM journal")[0][0]
    tally.note = f"{events:,} events; " + ", ".join(f"{count:,} {word}" for word, count in world.said.most_common(9))
    return tally


def soak(seconds: int, random: Random) -> Tally:
    return check(_soaked(seconds, random), random)


def soak_without_keys(seconds: int, random: Random) -> Tally:
    with patch("billing.engine._claim", lambda request: None), patch("billing.engine._keep_answer", lambda *_: None):
        return _soaked(seconds, random)


DRILLS = (Drill("soak", "seconds of everything at once", soak, "keys are not kept", soak_without_keys, 2, 600, wrong_count=3),)
