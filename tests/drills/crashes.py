"""The database server itself: crashed in a run, and restored from a dump onto another machine's."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from django.db import DatabaseError, connection, transaction

from billing import bulk, clockwork, delivery
from billing.engine import Request, execute
from tests.bench import world
from tests.books import advance, do, moment, open_account, publish, use
from tests.drills import servers
from tests.drills.base import Drill, Notebook, Tally, attempt, buried, check, child

DUE = moment("2026-02-05")
#: Accounts that are billed between two crashes.
EACH = 500
RUNNERS, PAYERS = 2, 2

# --- F2: crashes, while some bill and others pay ---------------------------------------------------------------------------------------


def persisting(step: Callable[[], bool]) -> Callable[[], None]:
    """Do it again and again until it answers that nothing is left; whatever the server does meanwhile."""

    def work() -> None:
        more = True
        while more:
            try:
                more = step()
            except DatabaseError:
                connection.close()
                time.sleep(0.05)

    return work


def _runner(number: int) -> Callable[[], None]:
    def step() -> bool:
        report = clockwork.RunReport()
        return bool(clockwork.run_chunk(until=DUE, actor=f"runner {number}", known_at=None, chunk=25, report=report))

    return persisting(step)


def _payer(number: int, acknowledged: Notebook, stop: Path) -> Callable[[], None]:
    """Pays 1.00 at a time, each under a key of its own, which it asks again with until it is answered; then it is written down."""
    paid = [0]

    def step() -> bool:
        key = f"payer-{number}-{paid[0]}"
        account = f"c{paid[0] % 50:07}"
        execute(Request("pay", {"account": account, "amount": "1.00", "reference": key}, DUE, f"payer {number}", key=key))
        acknowledged.add(key)
        paid[0] += 1
        return not stop.exists()

    return persisting(step)


@contextmanager
def at_work(acknowledged: Notebook, runners: int) -> Iterator[list[int]]:
    """Runners and payers, as processes; they end when everything is billed, and when they are told."""
    with tempfile.TemporaryDirectory() as folder:
        stop = Path(folder) / "stop"
        crew = [child(_runner(number)) for number in range(runners)]
        payers = [child(_payer(number, acknowledged, stop)) for number in range(PAYERS)]
        yield crew
        stop.touch()
        for one in (*crew, *payers):
            buried(one)


def _acknowledged_and_there(acknowledged: Notebook, tally: Tally) -> None:
    """What was answered is there, once; what is there and was not answered in time was answered later, or is one for each payer at most."""
    counted = dict(bulk.fetch("SELECT reference, count(*) FROM read_payment GROUP BY 1"))
    answered = acknowledged.read()
    tally.lost += sum(key not in counted for key in answered)
    tally.doubles += sum(count - 1 for count in counted.values())
    tally.note = f"{len(answered):,} payments acknowledged"


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 900
    while attempt(done) is not True:
        connection.close()
        if time.monotonic() > deadline:
            raise AssertionError("the run does not come to its end by itself")
        time.sleep(0.05)


def crashing_server(count: int, random: Random) -> Tally:
    world.publish()
    names = world.sign("c", count * EACH if count > 2 else 60, "house")
    acknowledged = Notebook()
    with servers.restored() as server:
        with at_work(acknowledged, RUNNERS) as crew:
            for number in range(count):
                _wait(lambda number=number: _billed() > number * EACH)  # type: ignore[misc]
                time.sleep(random.uniform(0, 0.5))
                servers.crash(server, random.choice([signal.SIGQUIT, signal.SIGKILL]))
                victim = random.randrange(RUNNERS)
                os.kill(crew[victim], signal.SIGKILL)
                buried(crew[victim])
                connection.close()
                crew[victim] = child(_runner(victim))
            _wait(lambda: not clockwork.count_due(DUE))
        tally = Tally(count)
        _acknowledged_and_there(acknowledged, tally)
        found = dict(bulk.fetch("SELECT account, count(*) FROM read_invoice WHERE document = 'invoice' GROUP BY 1"))
        tally.doubles += sum(max(found.get(name, 0) - 1, 0) for name in names)
        tally.lost += sum(name not in found for name in names)
        tally.note += f", {len(names):,} accounts billed, {count} runners killed"
        return check(tally, random)


def _billed() -> int:
    return int(bulk.fetch("SELECT count(*) FROM read_invoice WHERE document = 'invoice'")[0][0])


def answers_before_they_are_durable(count: int, random: Random) -> Tally:
    """synchronous_commit = off: the answer is given before the write-ahead log is on the disk."""
    world.publish()
    world.sign("c", 50, "house")
    acknowledged = Notebook()
    with servers.restored() as server:
        servers.settle(server, synchronous_commit="off", wal_writer_delay="10s")
        with at_work(acknowledged, 0):
            for _ in range(count):
                known = len(acknowledged.read())
                _wait(lambda known=known: len(acknowledged.read()) > known + 5)  # type: ignore[misc]
                servers.crash(server, random.choice([signal.SIGQUIT, signal.SIGKILL]))
        tally = Tally(count)
        _acknowledged_and_there(acknowledged, tally)
        return tally


# --- F35: dump → new server ------------------------------------------------------------------------------------------------------------

AT = "2026-02-20"


def _world(count: int) -> None:
    """Things in all states: billed, late use not counted yet, effects owed, keys used, a month closed, stock."""
    publish()
    for number in range(count):
        account = f"d{number}"
        open_account(account)
        do("subscribe", account=account, plan="seats", quantities={"seat": "2"})
        use(account, "calls", arrived="2026-01-20", records=[{"id": f"{account}c", "at": "2026-01-10T10:00", "value": "7"}])
    do("restock", "2026-01-02", item="router", quantity="5")
    advance("2026-02-15")
    do("sell", "2026-02-16", account="d0", item="router")
    do("pay", "2026-02-16", account="d0", amount="20.00", key="paid once")
    do("close_period", "2026-02-18", period="2026-01", despite="a drill")
    use("d0", "calls", arrived="2026-02-19", records=[{"id": "late", "at": "2026-01-25T10:00", "value": "3"}])


def tables() -> dict[str, tuple[int, str]]:
    """Each table of the database: how many rows, and a digest of all of them."""
    statement = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY 1"
    found = {}
    for (name,) in bulk.fetch(statement):
        rows = bulk.fetch(f"SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {name} AS t")
        found[name] = (int(rows[0][0]), str(rows[0][1]))
    return found


def _goes_on(count: int) -> list[str]:
    """What the restored system must still do: know its keys, count on, count late use, refuse changes, deliver what is owed."""
    wrong = []
    again = attempt(lambda: do("pay", "2026-02-16", account="d0", amount="20.00", key="paid once"))
    if not getattr(again, "replayed", False):
        wrong.append(f"a key of before the dump is not known: {again}")
    advance("2026-03-05")
    if (documents := _billed()) != 3 * count + 1:  # three months begun in advance, and the router
        wrong.append(f"{documents} invoices instead of {3 * count + 1}")
    if bulk.fetch("SELECT count(*) FROM usage_mark")[0][0]:
        wrong.append("late use was not counted")
    for statement in ("UPDATE journal SET actor = 'x'", "DELETE FROM usage_record", "TRUNCATE journal"):
        with transaction.atomic():
            answer = attempt(lambda statement=statement: _executed(statement))  # type: ignore[misc]
            transaction.set_rollback(True)
        if not isinstance(answer, DatabaseError):
            wrong.append(f"{statement} is not refused any more")
    owed = bulk.fetch("SELECT count(*) FROM effect WHERE state = 'owed'")[0][0]
    if owed and not any(delivery.claim(kind, until=moment("2026-03-05")) for (kind,) in bulk.fetch("SELECT DISTINCT kind FROM effect")):
        wrong.append("what is owed can't be claimed")
    return wrong


def _executed(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def _restore(count: int, random: Random, options: tuple[str, ...] = ()) -> Tally:
    _world(count)
    before = tables()
    xid = bulk.fetch("SELECT pg_current_xact_id()::text::bigint")[0][0]
    with servers.restored(options):
        after, tally = tables(), Tally(1)
        tally.lost = sum(max(rows - after.get(name, (0, ""))[0], 0) for name, (rows, _) in before.items())
        tally.wrong = [f"{name} is not the same" for name, content in before.items() if after.get(name) != content]
        now = bulk.fetch("SELECT pg_current_xact_id()::text::bigint")[0][0]
        tally.note = f"{sum(rows for rows, _ in before.values()):,} rows of {len(before)} tables; transaction ids {xid:,} → {now:,}"
        tally.wrong += _goes_on(count)
        return check(tally, random)


def restore_drill(count: int, random: Random) -> Tally:
    return _restore(count, random)


def a_dump_without_the_counters(count: int, random: Random) -> Tally:
    """What "can be made again" is left out of the dump: the numbers of documents, and the keys."""
    return _restore(count, random, ("--exclude-table-data=counter", "--exclude-table-data=idempotency_key"))


DRILLS = (
    Drill(
        "F2",
        "crash of PostgreSQL in a run, acknowledged payments noted outside",
        crashing_server,
        "synchronous_commit off",
        answers_before_they_are_durable,
        1,
        20,
        1,
    ),
    Drill(
        "F35",
        "dump, new server, restore, work on",
        restore_drill,
        "counters and keys left out",
        a_dump_without_the_counters,
        2,
        200,
        wrong_count=1,
    ),
)
