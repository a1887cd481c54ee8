"""Connections from a pool take on the application's role by themselves, and soon."""

from __future__ import annotations

import copy

import pytest
from django.conf import settings
from django.db import connections

from config.database.base import DatabaseWrapper


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_has_the_role_of_the_application() -> None:
    given = copy.deepcopy(connections["default"].settings_dict)
    given["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 2, "timeout": 5}
    pooled = DatabaseWrapper(given, alias="pooled")
    try:
        with pooled.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (settings.DATABASE_ROLE,)
    finally:
        pooled.close()
        pooled.close_pool()
