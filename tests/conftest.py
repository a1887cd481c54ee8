"""What every test stands on: a real PostgreSQL, created by its owner and used as the application role.

Which server: the one of DATABASE_URL, or the embedded one in ``var/postgres-test``, which does not wait for the disk.
Which database: ``test_billing``, or TEST_DATABASE_NAME, and one more for each worker of pytest-xdist.

Two ways to be clean afterwards:

* An ordinary test (``@pytest.mark.django_db``) runs in a transaction that is rolled back.
* A test that must see commits (``transaction=True``: threads, locks, constraints at commit) ends with a fresh copy of the
  migrated database. The usual TRUNCATE is no way out: the journal refuses it, to the owner too. A copy also keeps what the
  migrations have put there.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql

hypothesis_settings.register_profile("dev", deadline=None, max_examples=50)
hypothesis_settings.register_profile(
    "ci", deadline=None, max_examples=100, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """``needs("hledger")``: skip where the program is missing; in CI a missing program is a failure."""
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program) is None:
                if os.environ.get("CI"):
                    pytest.fail(f"{program} is missing, and in CI nothing that needs it may be skipped")
                pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """A password that is hashed as in earnest costs half a second, and a test of pages makes a handful of people."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Before anything connects: as the owner, without a pool, and on a server that need not survive the machine."""
    database = connections["default"].settings_dict
    database["OPTIONS"] |= {"assume_role": ""}
    database["OPTIONS"].pop("pool", None)
    if "SERVER" in database:
        database["SERVER"] = {"home": settings.VAR_DIR / "postgres-test", "durable": False}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The database exists and is migrated; from here on every connection takes on the application role."""
    database = connections["default"].settings_dict
    with owner_connection("postgres") as owner:
        drop_database(owner, copy_name())
    connections["default"].close()
    database["OPTIONS"]["assume_role"] = settings.DATABASE_ROLE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_setup", classmethod(lambda test: keep_a_copy()))
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test: restore_the_copy())
        yield
    database["OPTIONS"]["assume_role"] = ""
    connections["default"].close()
    with owner_connection("postgres") as owner:
        drop_database(owner, copy_name())


def owner_connection(database: str) -> psycopg.Connection[Any]:
    """A connection of the owner, outside Django: to copy databases, and for tests that tamper with the journal."""
    parameters = connections["default"].get_connection_params()
    wanted = {key: parameters[key] for key in ("host", "port", "user", "password") if key in parameters}
    return psycopg.connect(**wanted, dbname=database, autocommit=True)


@pytest.fixture
def owner(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """The owner of the tables, on the test's own database. He sees what is committed, hence the transactional test."""
    with owner_connection(connections["default"].settings_dict["NAME"]) as connection:
        yield connection


def copy_name() -> str:
    return f"{connections['default'].settings_dict['NAME']}_migrated"


def keep_a_copy() -> None:
    """Once for each run, before the first test that commits: what came before it was rolled back, so the copy is as migrated."""
    with owner_connection("postgres") as owner:
        known = owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [copy_name()]).fetchone()
    if not known:
        copy_database(connections["default"].settings_dict["NAME"], copy_name())


def restore_the_copy() -> None:
    copy_database(copy_name(), connections["default"].settings_dict["NAME"])


def copy_database(source: str, target: str) -> None:
    """Replace ``target`` by a copy of ``source``, ending whatever is still connected to either."""
    connections.close_all()
    with owner_connection("postgres") as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
        drop_database(owner, target)
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source)))


def drop_database(owner: psycopg.Connection[Any], name: str) -> None:
    owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
