"""Where a story is played: in a database of its own, made from a migrated template and dropped afterwards.

The template is made once per state of the migrations, by the owner of the database, and named by a digest of them. A play holds an
advisory lock on its database's name, so that another start can tell what a crash left behind from what is being played.
"""

from __future__ import annotations

import hashlib
import inspect
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import django
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from psycopg import errors, sql

TEMPLATE, PLAY = "billing_template_", "billing_play_"
#: One number for "somebody makes a template"; those of plays are hashes of their names.
TEMPLATE_LOCK = 6_520_261
ALIAS = "default"
REFUSED = (errors.InsufficientPrivilege, errors.FeatureNotSupported, errors.ReadOnlySqlTransaction)


class NoDatabase(Exception):
    """The server does not let us make databases."""


@contextmanager
def own_database() -> Iterator[str]:
    """Inside, the default connection is to a fresh, migrated database, as the role that the application has. It is dropped at the end.

    The connection of before is put aside untouched, a transaction on it included, and put back. Raises NoDatabase.
    """
    with _server() as server:
        template = _template(server)
        _drop_leftovers(server)
        name = f"{PLAY}{secrets.token_hex(6)}"
        server.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        try:
            _create(server, name, template)
            with connected_to(name):
                yield name
        finally:
            _drop(server, name)


@contextmanager
def connected_to(name: str, *, as_owner: bool = False) -> Iterator[None]:
    """Inside, Django's default connection is a new one to the database `name`."""
    outer = connections[ALIAS]
    inner = outer.copy()
    inner.settings_dict["NAME"] = name
    options = inner.settings_dict.setdefault("OPTIONS", {})
    options.pop("pool", None)
    if as_owner:
        options["assume_role"] = ""
    connections[ALIAS] = inner
    try:
        yield
    finally:
        inner.close()
        connections[ALIAS] = outer


@contextmanager
def _server() -> Iterator[psycopg.Connection[Any]]:
    """A connection of the owner that outlives the play: to the maintenance database, else to the configured one."""
    parameters = connections[ALIAS].get_connection_params()
    wanted = {key: parameters[key] for key in ("host", "port", "user", "password", "sslmode", "sslrootcert") if key in parameters}
    try:
        server = psycopg.connect(**wanted, dbname="postgres", autocommit=True)
    except psycopg.OperationalError:
        server = psycopg.connect(**wanted, dbname=parameters["dbname"], autocommit=True)
    with server:
        yield server


# --- the template


def _template(server: psycopg.Connection[Any]) -> str:
    """The template of these migrations; made on first use, by one process while others wait."""
    name = TEMPLATE + migration_digest()
    if _exists(server, name):
        return name
    server.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
    try:
        if not _exists(server, name):
            _make_template(server, name)
    finally:
        server.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
    return name


def _make_template(server: psycopg.Connection[Any], name: str) -> None:
    """Migrate under a passing name, so that a template with the right name is always whole. Older ones of this installation go."""
    passing = f"{name}_new"
    _drop(server, passing)
    _create(server, passing, "template0")
    with connected_to(passing, as_owner=True):
        call_command("migrate", verbosity=0, interactive=False)
    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(passing), sql.Identifier(name)))
    ours = str(settings.BASE_DIR)
    older = """
        SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s AND shobj_description(oid, 'pg_database') = %s"""
    for (old,) in server.execute(older, [TEMPLATE, name, ours]).fetchall():
        _drop(server, old)
    server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(ours)))


def migration_digest() -> str:
    """What a migrated database depends on: every migration's text, Django, and the application role."""
    digest = hashlib.sha256(f"{django.VERSION} {settings.DATABASE_ROLE}".encode())
    for key, migration in sorted(MigrationLoader(None).disk_migrations.items()):
        digest.update(repr(key).encode())
        with suppress(OSError, TypeError):
            digest.update(inspect.getsource(inspect.getmodule(type(migration))).encode())  # type: ignore[arg-type]
    return digest.hexdigest()[:16]


# --- databases


def _exists(server: psycopg.Connection[Any], name: str) -> bool:
    return server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _create(server: psycopg.Connection[Any], name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    try:
        server.execute(statement)
    except REFUSED as error:
        raise NoDatabase(str(error).strip()) from None


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_leftovers(server: psycopg.Connection[Any]) -> None:
    """Drop plays that nobody is playing: nobody is connected, and nobody holds the lock on the name."""
    statement = """
        SELECT datname FROM pg_database WHERE starts_with(datname, %s)
        AND NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pg_stat_activity.datname = pg_database.datname)"""
    for (name,) in server.execute(statement, [PLAY]).fetchall():
        row = server.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        if row and row[0]:
            try:
                with suppress(errors.ObjectInUse, errors.InsufficientPrivilege):
                    _drop(server, name)
            finally:
                server.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
