"""``make serve``: the site in processes of their own, and beside them, as threads of this one, the worker and the beat.

That is enough for one machine. With CELERY_BROKER_URL set, workers and beat are started as programs of their own
(docs/operations.md), and this serves the site only.
"""

import argparse
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import django
import psycopg
from celery.beat import Service
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection

from config.celery import app

#: Of the many processes that may serve one database, the holder of this advisory lock is the one that beats.
BEAT_LOCK = 0x6265_6174


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    django.setup()
    play_demo_when_empty()
    if settings.CELERY_BROKER_URL.startswith("memory:"):
        threading.Thread(target=work, name="worker", daemon=True).start()
        threading.Thread(target=beat, name="beat", daemon=True).start()
    print(f"The site is at http://{options.host}:{options.port}/ until Ctrl-C.", flush=True)
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--blocking-threads", "4", "--no-ws"]
    site = subprocess.Popen([*command, "--host", options.host, "--port", str(options.port), "config.wsgi:application"])
    signal.signal(signal.SIGTERM, lambda *_: site.terminate())
    try:
        return site.wait()
    except KeyboardInterrupt:  # Ctrl-C reached the site too; it finishes what it is answering.
        return site.wait()


def play_demo_when_empty() -> None:
    """A first visitor should see accounts, not empty lists; a database in use is left as it is."""
    empty = not apps.get_model("billing", "JournalEvent").objects.exists()
    if empty and "demo" in get_commands():
        call_command("demo")


def work() -> None:
    worker: Any = app.WorkController(pool="threads", concurrency=2, loglevel="WARNING", disable_sync_subtasks=False)
    worker.start()


def beat() -> None:
    """Beat while holding the lock; whoever waits takes over when the holder's connection ends."""
    parameters = connection.get_connection_params()
    wanted = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if key in parameters}
    with psycopg.connect(**wanted, autocommit=True) as holder:
        while holder.execute("SELECT pg_try_advisory_lock(%s)", [BEAT_LOCK]).fetchone() != (True,):
            time.sleep(5)
        Service(app, scheduler_cls=app.conf.beat_scheduler).start(embedded_process=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
