"""A database of its own for one benchmark, on the embedded server or on that of DATABASE_URL; and who used how much processor time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
NAME = "billing_bench"


def prepare(*, keep: bool = False) -> str:
    """Make the database new and migrate it (or take the one that is there); answers its address and puts it into the environment."""
    url = urlsplit(os.environ.get("DATABASE_URL") or _embedded())
    if not keep:
        with psycopg.connect(urlunsplit(url), autocommit=True) as owner:
            owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME)))
            owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    os.environ["DATABASE_URL"] = urlunsplit(url._replace(path=f"/{NAME}"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if not keep:
        for command in ("migrate", "createcachetable"):
            subprocess.run([sys.executable, "manage.py", command, "--verbosity", "0"], cwd=ROOT, check=True)
    return os.environ["DATABASE_URL"]


def _embedded() -> str:
    command = [sys.executable, "-m", "config.postgres", "start", "--home", "var/postgres-bench"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    command[3] = "url"
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Used:
    """Seconds: on the wall, of processors in Python (this process and its children), of processors in PostgreSQL."""

    wall: float = 0.0
    python: float = 0.0
    postgres: float = 0.0


@contextmanager
def measured(server_pid: int) -> Iterator[Used]:
    """What the block used. The server's time is that of all its processes, those that ended included."""
    used = Used()
    started, python, postgres = time.perf_counter(), _python(), _postgres(server_pid)
    yield used
    used.wall = time.perf_counter() - started
    used.python, used.postgres = _python() - python, _postgres(server_pid) - postgres


def _python() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _postgres(server_pid: int) -> float:
    """0 where the server runs on another machine."""
    if not server_pid:
        return 0.0
    total = 0.0
    try:
        postmaster = psutil.Process(server_pid)
        for process in (postmaster, *postmaster.children()):
            times = process.cpu_times()
            total += times.user + times.system
        ended = postmaster.cpu_times()
        return total + ended.children_user + ended.children_system
    except psutil.NoSuchProcess:
        return total


def postmaster_pid(url: str) -> int:
    """The server's process on this machine, else 0."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        try:
            parent = psutil.Process(row[0]).parent()
        except psutil.NoSuchProcess:
            return 0
        return parent.pid if parent and parent.name().startswith("postgres") else 0
