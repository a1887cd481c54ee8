"""Connections take on the application's role, and how statements are planned, by themselves; from a pool, and soon."""

from __future__ import annotations

import copy

import pytest
from django.conf import settings
from django.db import connections, transaction

from billing import bulk
from config.database.base import DatabaseWrapper


@pytest.mark.django_db
def test_a_statement_is_planned_once_but_for_a_batch() -> None:
    assert bulk.fetch("SHOW plan_cache_mode") == [("force_generic_plan",)]
    with transaction.atomic():
        bulk.plan_by_values()
        assert bulk.fetch("SHOW plan_cache_mode") == [("auto",)]


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_has_the_role_of_the_application() -> None:
    given = copy.deepcopy(connections["default"].settings_dict)
    given["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 2, "timeout": 5}
    pooled = DatabaseWrapper(given, alias="pooled")
    try:
        with pooled.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (settings.DATABASE_ROLE,)
            cursor.execute("SHOW plan_cache_mode")
            assert cursor.fetchone() == ("force_generic_plan",)
    finally:
        pooled.close()
        pooled.close_pool()
