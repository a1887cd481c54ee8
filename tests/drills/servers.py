"""A second PostgreSQL of one's own, filled by dump and restore as docs/operations.md says, to be crashed or worked on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from config import postgres
from config.postgres_home import OWNER, Server, installed_programs
from tests.drills.base import address, elsewhere


@contextmanager
def second_server() -> Iterator[Server]:
    """A new server whose data survives crashes; gone afterwards."""
    top = Path(tempfile.mkdtemp(prefix="second-"))
    top.chmod(0o755)
    server = Server(home=top / "postgres")
    try:
        yield postgres.ensure(server)
    finally:
        postgres.stop(server)
        if server.home.is_symlink():
            shutil.rmtree(server.home.resolve())
        shutil.rmtree(top)


def url_of(server: Server) -> str:
    return "postgres://{user}:{password}@{host}:{port}/".format(**server.connection_parameters()) + postgres.DATABASE


def dump_and_restore(server: Server, folder: Path, options: Sequence[str] = ()) -> None:
    """The current database into the new server: the application role, a dump of everything, a restore that stops at the first error."""
    programs, file = installed_programs(server), folder / "billing.dump"
    clean = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    dump = [pg_dump(programs), "--format=custom", "--compress=1", *options, "--file", file, address()]
    subprocess.run(dump, check=True, env=clean)
    with psycopg.connect(url_of(server), autocommit=True) as owner:
        for role in {settings.DATABASE_ROLE, connection.get_connection_params()["user"]} - {OWNER}:
            owner.execute(f'CREATE ROLE "{role}" NOLOGIN')
            owner.execute(f'GRANT "{role}" TO CURRENT_USER')
    restore = [programs / "pg_restore", "--exit-on-error", "--no-owner", "--dbname", url_of(server), file]
    subprocess.run(restore, check=True, env=clean)


def pg_dump(programs: Path) -> Path:
    """The one of the server's own version where the machine has it, as the manual advises: a server may keep in its catalogue what only the
    tools that came with it know to leave out. Else the embedded one."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        version = int(cursor.fetchone()[0]) // 10_000
    found = shutil.which("pg_dump")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout if found else ""
    return Path(found) if found and f" {version}." in said else programs / "pg_dump"


@contextmanager
def restored(options: Sequence[str] = ()) -> Iterator[Server]:
    """Work on a second server that was filled from this one."""
    with tempfile.TemporaryDirectory() as folder, second_server() as server:
        dump_and_restore(server, Path(folder), options)
        with elsewhere(server.connection_parameters(), postgres.DATABASE):
            yield server


def crash(server: Server, how: signal.Signals) -> None:
    """SIGQUIT: the immediate stop, without a last checkpoint. SIGKILL: as the system's memory killer would. Then it starts again."""
    process = postgres.find_postmaster(server)
    assert process is not None
    process.send_signal(how)
    process.wait(60)
    postgres.ensure(server)


def settle(server: Server, **changes: Any) -> None:
    """Settings of the server, from now on."""
    with psycopg.connect(url_of(server), autocommit=True) as owner:
        for name, value in changes.items():
            owner.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        owner.execute("SELECT pg_reload_conf()")
