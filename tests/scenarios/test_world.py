"""A play has a database of its own, and nothing of it stays: not on the outside, not after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection, connections
from psycopg import sql

from billing.scenario import player, world
from billing.scenario.player import played
from billing.scenario.world import NoDatabase, own_database
from tests.scenarios.conftest import told

ROOT = Path(__file__).resolve().parents[2]
SALE = "  - {at: 2026-01-01, do: sell, account: ana, item: ticket, expect: {ana: {owed: 10}}}\n"


@pytest.fixture
def server(db: None) -> Iterator[psycopg.Connection[object]]:
    with world._server() as server:
        yield server


def plays(server: psycopg.Connection[object]) -> set[str]:
    rows = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [world.PLAY]).fetchall()
    return {row[0] for row in rows}


def current() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_user")
        return cursor.fetchone()


def test_a_play_has_a_database_of_its_own(server: psycopg.Connection[object]) -> None:
    outside, role = current()
    with own_database() as name:
        assert current() == (name, role)
        assert name in plays(server)
    assert current() == (outside, role)
    assert name not in plays(server)


def test_the_database_goes_when_the_play_is_interrupted(server: psycopg.Connection[object]) -> None:
    outside = current()
    with pytest.raises(KeyboardInterrupt), own_database() as name:
        raise KeyboardInterrupt
    assert current() == outside
    assert name not in plays(server)


def test_the_play_has_the_role_that_may_not_change_the_journal(db: None) -> None:
    with own_database(), pytest.raises(Exception, match="permission denied for table journal"), connection.cursor() as cursor:
        cursor.execute("UPDATE journal SET actor = 'me'")


def test_steps_are_committed(db: None) -> None:
    with played(told(SALE)) as outcome:
        assert outcome.holds
        name = connections["default"].settings_dict["NAME"]
        parameters = connections["default"].get_connection_params()
        wanted = {key: parameters[key] for key in ("host", "port", "user", "password") if key in parameters}
        with psycopg.connect(**wanted, dbname=name) as other:
            assert other.execute("SELECT count(*) FROM read_invoice").fetchone() == (1,)
    assert outcome.ids == {"ana": "ana", "bo": "bo"}


def test_leftovers_are_dropped_unless_somebody_plays_in_them(server: psycopg.Connection[object]) -> None:
    left, busy = f"{world.PLAY}left", f"{world.PLAY}busy"
    for name in (left, busy):
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    with world._server() as another:
        another.execute("SELECT pg_advisory_lock(hashtext(%s))", [busy])
        with own_database():
            assert plays(server) & {left, busy} == {busy}
    with own_database():
        assert plays(server) & {left, busy} == set()


def test_a_killed_play_is_cleared_at_the_next_start(server: psycopg.Connection[object]) -> None:
    parameters = connections["default"].get_connection_params()
    user, password = parameters["user"], parameters.get("password", "")
    url = f"postgres://{user}:{password}@{parameters['host']}:{parameters['port']}/{parameters['dbname']}"
    code = (
        "import django; django.setup()\n"
        "from billing.scenario.world import own_database\n"
        "import time\n"
        "with own_database() as name:\n"
        "    print(name, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert name in plays(server)
        with own_database():
            assert name in plays(server)
        process.send_signal(signal.SIGKILL)
    with own_database():
        assert name not in plays(server)


def test_who_may_not_make_databases_is_told_so(server: psycopg.Connection[object]) -> None:
    role = sql.Identifier("scenario_without_rights")
    server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
    server.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        server.execute(sql.SQL("SET ROLE {}").format(role))
        with pytest.raises(NoDatabase, match="permission denied to create database"):
            world._create(server, f"{world.PLAY}never", "template0")
    finally:
        server.execute("RESET ROLE")
        server.execute(sql.SQL("DROP ROLE {}").format(role))


def test_without_a_database_of_its_own_a_story_is_played_beside_the_others(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise NoDatabase("permission denied to create database")

    monkeypatch.setattr(player, "own_database", refused)
    with played(told(SALE)) as first, played(told(SALE)) as second:
        assert first.holds
        assert second.holds
    assert first.ids == {"ana": "scenario-a-test-ana", "bo": "scenario-a-test-bo"}
    assert second.ids == {"ana": "scenario-a-test-2-ana", "bo": "scenario-a-test-2-bo"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT account, seller, number FROM read_invoice ORDER BY account")
        assert cursor.fetchall() == [("scenario-a-test-2-ana", "scenario", "INV-000002"), ("scenario-a-test-ana", "scenario", "INV-000001")]


def test_the_template_follows_the_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.migration_digest()
    assert world.migration_digest() == before
    monkeypatch.setattr(world.inspect, "getsource", lambda module: f"# {module.__name__}, changed")
    assert world.migration_digest() != before
