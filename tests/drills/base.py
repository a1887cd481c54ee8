"""What drills share: their answer, the laws that hold after any of them, threads at a barrier, processes to kill, the owner's hand."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.db import connection, connections

from billing import bulk, journal
from billing.rebuilding import compare
from billing.verification import verify
from plans.errors import Refusal
from tests.books import assert_books_hold

#: Of more streams than this a sample is rebuilt aside; all of them are verified.
MOST_REBUILT = 1_000


@dataclass
class Tally:
    """What came of a drill: how often the fault was injected, what was done twice, what is missing, and whatever else is wrong."""

    injected: int
    doubles: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def caught(self) -> str:
        """What the checks found, in words; empty where all is well."""
        found = [f"{self.doubles} doubles"] * bool(self.doubles) + [f"{self.lost} lost"] * bool(self.lost) + self.wrong
        return "; ".join(found[:3]) + (f"; … {len(found)} in all" if len(found) > 3 else "")


Run = Callable[[int, Random], Tally]


@dataclass(frozen=True)
class Drill:
    """`run` and `wrong` take how often to inject (`short` in the suite, `full` in `make faults`) and the seeded chance. `commits`: it must
    see commits of other connections. `needs`: programs without which it can't run. `wrong_count`: how often the wrong variant is tried."""

    id: str
    injects: str
    run: Run
    variant: str
    wrong: Run
    short: int
    full: int
    wrong_count: int = 4
    commits: bool = True
    needs: tuple[str, ...] = ()


# --- what must hold after any drill ----------------------------------------------------------------------------------------------------


def laws(random: Random) -> list[str]:
    """INV: entries balance, chains and numbers are whole, read models are what a rebuild would make, no key waits for its answer."""
    found = []
    try:
        assert_books_hold()
    except AssertionError as error:
        found.append(f"the books do not hold: {str(error).splitlines()[0] if str(error) else 'see assert_books_hold'}"[:300])
    found += [f"{fault.where}: {fault.message} [{fault.code}]" for fault in verify().faults]
    streams = list(journal.stream_ids())
    if len(streams) > MOST_REBUILT:
        streams = random.sample(streams, MOST_REBUILT)
    found += [f"{one.table}: a rebuild would change {one.row[:150]}" for one in compare(streams)]
    found += [f"the key {key} has no answer" for (key,) in bulk.fetch("SELECT key FROM idempotency_key WHERE answer IS NULL")]
    return found


def check(tally: Tally, random: Random) -> Tally:
    """The drill's own count, and the laws."""
    tally.wrong += laws(random)
    return tally


# --- at once ---------------------------------------------------------------------------------------------------------------------------


def race(racers: int, action: Callable[[int], Any], *, limit: float = 3600) -> list[Any]:
    """Run the action in that many threads at once; answers what each returned, or the refusal or error that it raised."""
    barrier = threading.Barrier(racers)
    answers: list[Any] = [None] * racers

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            answers[number] = action(number)
        except Exception as error:  # noqa: BLE001 - the error is the answer
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=limit)
    return answers


def codes(answers: Sequence[Any]) -> list[str]:
    return sorted(answer.code if isinstance(answer, Refusal) else type(answer).__name__ for answer in answers)


def attempt(action: Callable[[], Any]) -> Any:
    """What it answers, or the refusal or error that it raises."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - the error is the answer
        return error


# --- processes that die ------------------------------------------------------------------------------------------------------------------


def die(*given: Any, **named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def child(action: Callable[[], Any]) -> int:
    """A process of its own that does this and ends; answers its number. It shares no connection with us."""
    connections.close_all()
    number = os.fork()
    if not number:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return number


def buried(number: int) -> int:
    """Wait for a child; answers the signal that killed it, or 0 where it ended by itself."""
    _, status = os.waitpid(number, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


class Notebook:
    """A file outside of the database to which many processes add lines; whole lines, whoever dies."""

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(prefix="notebook-")
        os.close(handle)
        self.path = path

    def add(self, line: str) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        os.write(handle, f"{line}\n".encode())
        os.close(handle)

    def read(self) -> list[str]:
        with open(self.path) as file:
            return file.read().split()


# --- the database ------------------------------------------------------------------------------------------------------------------------


def as_owner(*statements: str) -> None:
    """Statements of the owner of the tables, who may do anything."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        try:
            for statement in statements:
                cursor.execute(statement)
        finally:
            if not connection.needs_rollback:
                cursor.execute(f'SET ROLE "{settings.DATABASE_ROLE}"')


def address(**changes: Any) -> str:
    """The URL of the database that is used now, for processes started beside."""
    given = connection.get_connection_params() | changes
    password = f":{quote(given['password'])}" if given.get("password") else ""
    return f"postgres://{given['user']}{password}@{given.get('host', '')}:{given.get('port', 5432)}/{given['dbname']}"


def environment(**more: str) -> dict[str, str]:
    """Of a process that works on the same database as we do."""
    known = {"DATABASE_URL": address(), "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(settings.BASE_DIR)}
    return {**os.environ, **known, **more}


@contextmanager
def elsewhere(parameters: dict[str, Any], name: str) -> Iterator[None]:
    """Work on another server's database meanwhile."""
    held = connections["default"].settings_dict
    before = dict(held)
    connections.close_all()
    held.pop("SERVER", None)
    held |= {key.upper(): parameters[key] for key in ("host", "port", "user", "password")} | {"NAME": name}
    try:
        yield
    finally:
        connections.close_all()
        held.clear()
        held |= before


def deadlocks() -> int:
    """How many deadlocks the server broke in this database since it was made."""
    with psycopg.connect(address(), autocommit=True) as watcher:
        watcher.execute("SELECT pg_stat_force_next_flush()")
        row = watcher.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return int(row[0]) if row else 0


def missing(drill: Drill) -> str:
    """Why the drill can't run here; empty where it can."""
    return ", ".join(f"{program} is not installed" for program in drill.needs if shutil.which(program) is None)
