"""Connections from a pool take on the application's role by themselves, and soon; and how statements of commands are planned."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections, transaction

from billing import bulk
from config.database import base
from config.database.base import DatabaseWrapper
from tests.conftest import owner_connection


@pytest.mark.django_db
def test_statements_of_a_command_are_planned_once() -> None:
    assert bulk.fetch("SHOW plan_cache_mode") == [("auto",)]
    with transaction.atomic():
        bulk.plan_once()
        assert bulk.fetch("SHOW plan_cache_mode") == [("force_generic_plan",)]


@pytest.mark.django_db
@pytest.mark.parametrize("once", [True, False])
def test_a_plan_made_while_a_table_is_empty_goes_along_its_index(once: bool) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE few (account text PRIMARY KEY) ON COMMIT DROP")
            cursor.execute("ANALYZE few")
        if once:
            bulk.plan_once()
        plan = "\n".join(row[0] for row in bulk.fetch("EXPLAIN SELECT FROM few WHERE account = ANY(%s)", [["ana", "bo"]]))
    assert ("Seq Scan" in plan) is not once  # left alone it would read all that comes to be there


@pytest.fixture
def pooled() -> Iterator[DatabaseWrapper]:
    given = copy.deepcopy(connections["default"].settings_dict)
    given["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 1, "timeout": 5}
    given["CONN_HEALTH_CHECKS"] = False
    made = DatabaseWrapper(given, alias="pooled")
    yield made
    made.close()
    made.close_pool()


def asked(pooled: DatabaseWrapper, question: str) -> object:
    with pooled.cursor() as cursor:
        cursor.execute(question)
        (answer,) = cursor.fetchone()
    pooled.close()
    return answer


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_has_the_role_of_the_application(pooled: DatabaseWrapper) -> None:
    assert asked(pooled, "SELECT current_user") == settings.DATABASE_ROLE


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_closed_is_not_lent(pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    def close_it() -> None:
        with owner_connection("postgres") as owner:
            owner.execute("SELECT pg_terminate_backend(%s, 5000)", [asked(pooled, "SELECT pg_backend_pid()")])

    close_it()
    assert asked(pooled, "SELECT 1") == 1
    close_it()
    monkeypatch.setattr(base, "_is_gone", lambda connection: False)
    with pytest.raises(OperationalError):  # the wrong variant: it is lent as it is
        asked(pooled, "SELECT 1")
