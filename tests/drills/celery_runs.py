"""Real Celery workers on a real Redis, killed and robbed of their messages in a run over many accounts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from random import Random
from typing import Any

import psutil
import redis
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from billing import bulk, runs
from billing.keys.making import make_key
from config.celery import app
from plans import store
from tests.bench import world
from tests.books import do
from tests.drills.base import Drill, Notebook, Tally, buried, check, child, die, environment

#: Accounts for each fault: with 200 kills 10,000.
EACH = 50
#: Seconds after which a drill gives up.
LIMIT = 3600


class Doorbell:
    """A Redis of one's own, which keeps nothing on disk."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with suppress(redis.exceptions.RedisError):
                redis.Redis(port=self.port).ping()
                return
            time.sleep(0.05)
        raise AssertionError("Redis does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def flush(self) -> None:
        redis.Redis(port=self.port).flushall()

    def ring(self) -> None:
        """What beat does: ask for a look at what is due."""
        with suppress(Exception), app.connection_for_write(self.url) as wire:  # where nobody hears, the next ring will be heard
            app.send_task("billing.tasks.advance_due", queue="urgent", connection=wire, retry=False)


class Crew:
    """Celery workers, and a beat where the drill is long; each a program of its own in a session of its own."""

    def __init__(self, bell: Doorbell, workers: int, *, beat: bool) -> None:
        given = {"REDIS_URL": bell.url, "CACHE_URL": "locmemcache://", "ADVANCE_EVERY_SECONDS": "2", "EFFECTS_EVERY_SECONDS": "86400"}
        given |= {"RUN_SHARES": "4", "RUN_SHARE_SECONDS": "15", "RUN_SILENT_SECONDS": "5", "LOG_LEVEL": "CRITICAL"}
        given |= {"DEBUG": "false", "SECRET_KEY": "of a drill", "ALLOWED_HOSTS": "localhost"}
        self.environment = environment(**given)
        self.all: list[psutil.Popen] = []
        self.revived = 0
        self.workers = [self._worker() for _ in range(workers)]
        if beat:
            self._start("beat")

    def _worker(self) -> psutil.Popen:
        return self._start("worker", "--pool", "prefork", "--concurrency", "2", "--queues", "urgent,bulk")

    def _start(self, *words: str) -> psutil.Popen:
        quiet = ["--without-gossip", "--without-mingle"] * (words[0] == "worker")
        command = [sys.executable, "-m", "celery", "-A", "config.celery", *words, *quiet, "--loglevel", "CRITICAL"]
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        self.all.append(psutil.Popen(command, cwd=settings.BASE_DIR, env=self.environment, **nowhere))
        return self.all[-1]

    def revive(self) -> None:
        """As a supervisor does: start again who ended. A worker whose broker dies while it has unacknowledged messages may."""
        for place, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.workers[place] = self._worker()
                self.revived += 1

    def kill_one(self, random: Random, *, whole: bool) -> bool:
        """kill -9 one process that works, or a whole worker, in whose place another is started; answers whether one was there to kill."""
        place = random.randrange(len(self.workers))
        worker = self.workers[place]
        if whole:
            worker.kill()
            worker.wait()
            self.workers[place] = self._worker()
            return True
        hands = worker.children() if worker.is_running() else []
        if hands:
            random.choice(hands).kill()
        return bool(hands)

    def end(self) -> None:
        """Everybody of every session that was started, the orphans of killed workers too."""
        for one in self.all:
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()


@contextmanager
def at_work(workers: int, *, beat: bool) -> Iterator[tuple[Doorbell, Crew]]:
    bell = Doorbell()
    with ExitStack() as undo:
        undo.callback(lambda: bell.kill())
        crew = Crew(bell, workers, beat=beat)
        undo.callback(crew.end)
        yield bell, crew


def signed(prefix: str, count: int) -> list[str]:
    """Accounts whose first month was over three days ago, by the real clock: each is due one invoice."""
    began = timezone.now() - timedelta(days=36)
    if not store.versions("bench"):
        world.publish(began)
    return world.sign(prefix, count, "house", at=began)


def issued() -> int:
    return int(bulk.fetch("SELECT count(*) FROM read_invoice WHERE document = 'invoice'")[0][0])


def billed_once(names: list[str], tally: Tally) -> Tally:
    """Every account has exactly one invoice, and of the right amount; nobody is parked."""
    found = dict(bulk.fetch("SELECT account, count(*) FROM read_invoice WHERE document = 'invoice' GROUP BY 1"))
    tally.doubles += sum(max(found.get(name, 0) - 1, 0) for name in names)
    tally.lost += sum(name not in found for name in names)
    if len(totals := bulk.fetch("SELECT DISTINCT total FROM read_invoice WHERE document = 'invoice'")) > 1:
        tally.wrong.append(f"the same month came to {[str(row[0]) for row in totals]}")
    if parked := bulk.fetch("SELECT count(*) FROM read_account WHERE status = 'parked'")[0][0]:
        tally.wrong.append(f"{parked} accounts parked")
    return tally


def until(done: Any, bell: Doorbell, crew: Crew, *, ring: bool) -> None:
    """Wait until it is done, reviving who ended, and ringing where no beat does, once a second."""
    deadline, last = time.monotonic() + LIMIT, 0.0
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError("the run does not come to its end by itself")
        if time.monotonic() - last > 1:
            crew.revive()
            if ring:
                bell.ring()
            last = time.monotonic()
        time.sleep(0.05)


def undisturbed(names: list[str]) -> float:
    """Seconds from the first invoice to the last, of these accounts and their pattern, where nobody is killed."""
    with at_work(2, beat=True) as (bell, crew):
        until(lambda: issued() > 0, bell, crew, ring=False)
        began = time.perf_counter()
        until(lambda: issued() >= len(names) + 1, bell, crew, ring=False)
        return time.perf_counter() - began


def killed_workers(count: int, random: Random) -> Tally:
    """kill -9 after every 50 invoices, at a random moment of what comes next; every tenth time the whole worker. At length the same run
    goes undisturbed before, over as many accounts of their own, to tell what the kills cost."""
    long = count >= 50
    calm = signed("u", count * EACH) if long else []
    alone = undisturbed(calm) if long else 0.0
    before = issued()
    names = signed("k", count * EACH)
    kills = {"processes": 0, "whole workers": 0}
    with at_work(2 if long else 1, beat=long) as (bell, crew):
        until(lambda: issued() > before, bell, crew, ring=not long)
        began = time.perf_counter()
        for number in range(count):
            reached = before + min(number * EACH, len(names) - EACH)
            until(lambda reached=reached: issued() >= reached, bell, crew, ring=not long)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.3))
            whole = number % 10 == 9
            until(lambda whole=whole: crew.kill_one(random, whole=whole), bell, crew, ring=not long)  # type: ignore[misc]
            kills["whole workers" if whole else "processes"] += 1
        until(lambda: issued() >= before + len(names) + 1, bell, crew, ring=not long)
        seconds = time.perf_counter() - began
    tally = billed_once(calm + names, Tally(sum(kills.values())))
    tally.note = f"{len(names):,} accounts in {seconds:.0f} s, {kills}"
    if long:
        tally.note += f"; undisturbed in {alone:.0f} s: {seconds / alone:.1f} times as long, {(seconds - alone) / count:.1f} s a kill"
    return check(tally, random)


def billed_and_noted_apart(count: int, random: Random) -> Tally:
    """One transaction bills an account, another one notes that it is done; who dies between bills it again."""
    names = signed("n", count * 4)
    done = Notebook()
    for number in range(count + 1):
        fatal = random.randrange(3) if number < count else len(names)

        def bill(fatal: int = fatal) -> None:
            known = set(done.read())
            for turn, name in enumerate(one for one in names if one not in known):
                do("sell", timezone.now() - timedelta(days=1), account=name, item="cable", invoice="now")
                if turn == fatal:
                    die()
                done.add(name)

        buried(child(bill))
    found = dict(bulk.fetch("SELECT account, count(*) FROM read_invoice WHERE document = 'invoice' GROUP BY 1"))
    return Tally(count, sum(max(found.get(name, 0) - 1, 0) for name in names), sum(name not in found for name in names))


# --- F3: the doorbell is robbed --------------------------------------------------------------------------------------------------------


def robbed_doorbell(count: int, random: Random) -> Tally:
    """FLUSHALL, or a Redis that is killed and comes back empty, again and again; and a run that was committed and never published."""
    names = signed("r", count * EACH)
    long = count >= 20
    with at_work(2 if long else 1, beat=long) as (bell, crew):
        caches = caches_with(crew.environment)
        now = timezone.now()
        runs.start("advance", until=now, by="who died before publishing it", at=now)
        wrong, last = [], issued()
        for number in range(count):
            until(lambda last=last: issued() > last or issued() > len(names), bell, crew, ring=not long)  # type: ignore[misc]
            last = issued()
            time.sleep(random.uniform(0, 0.3))
            if number % 2:
                bell.flush()
            else:
                bell.kill()
                wrong += faces_without(caches, number)
                bell.start()
        until(lambda: issued() >= len(names) + 1, bell, crew, ring=not long)
    tally = billed_once(names, Tally(count + 1, wrong=wrong))
    tally.note = f"{len(names):,} accounts; reads and commands answered while Redis was down; {crew.revived} workers restarted"
    return check(tally, random)


def caches_with(environment: dict[str, str]) -> dict[str, Any]:
    """What the settings say of caches where this Redis is named."""
    given = {name: value for name, value in environment.items() if name != "CACHE_URL"}
    asked = [sys.executable, "-c", "import json; from config import settings; print(json.dumps(settings.CACHES))"]
    answer = subprocess.run(asked, cwd=settings.BASE_DIR, env=given, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout))


def faces_without(caches: dict[str, Any], number: int) -> list[str]:
    """What a web process with these settings answers meanwhile: a read, a command, the page for signing in."""
    with override_settings(CACHES=caches):
        key = {"authorization": f"Bearer {make_key('drill', ['read', 'customers'], at=timezone.now())}"}
        client = Client(raise_request_exception=False)
        opened = {"account": f"while-down-{number}", "name": "N", "country": "ES"}
        asked = {
            "read": client.get("/api/v1/accounts?limit=1", headers=key),
            "command": client.post("/api/v1/commands/open_account", opened, content_type="application/json", headers=key),
            "sign in": client.post("/account/login/", {"login": "nobody", "password": "wrong"}),
        }
    return [f"{what} answered {answer.status_code} while Redis was down" for what, answer in asked.items() if answer.status_code >= 300]


def work_kept_in_the_broker(count: int, random: Random) -> Tally:
    """Each account's bill is a message, and nothing in the database says that it is due: what is flushed is never billed."""
    names = signed("m", count * 5)
    bell = Doorbell()
    try:
        line = redis.Redis(port=bell.port)
        line.rpush("to bill", *names)
        fatal = random.randrange(len(names) - 1)
        while name := line.lpop("to bill"):
            do("sell", timezone.now() - timedelta(days=1), account=name.decode(), item="cable", invoice="now")
            if name.decode() == names[fatal]:
                bell.flush()
    finally:
        bell.kill()
    return billed_once(names, Tally(1))


DRILLS = (
    Drill(
        "F1",
        "kill -9 of Celery workers in a run",
        killed_workers,
        "billed and noted in two transactions",
        billed_and_noted_apart,
        3,
        200,
        wrong_count=2,
        needs=("redis-server",),
    ),
    Drill(
        "F3",
        "Redis flushed, or killed and empty, in a run",
        robbed_doorbell,
        "what is due is kept in the broker",
        work_kept_in_the_broker,
        2,
        40,
        wrong_count=1,
        needs=("redis-server",),
    ),
)
