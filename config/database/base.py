"""Django's PostgreSQL engine, with two additions.

The address of the embedded server is asked of it, and it starts when first needed: nothing starts by merely reading the settings, so
``manage.py check`` or a type checker costs no server. And a connection takes its role by itself: Django's own way asks the pool for a
second connection while it makes the first, and waits until that gives up.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, sql

from config import postgres
from config.postgres_home import Server

#: The driver would keep a hundred statements prepared, and forget the oldest: one command of several kinds has more than that.
PREPARED_AT_MOST = 500


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL, on the embedded server where ``settings.DATABASES[…]["SERVER"]`` names its home."""

    def get_connection_params(self) -> dict[str, Any]:
        if "SERVER" not in self.settings_dict:
            return super().get_connection_params()
        server = postgres.ensure(Server(**self.settings_dict["SERVER"]))
        return super().get_connection_params() | server.connection_parameters()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        connection: Connection[Any] = super().get_new_connection(conn_params)
        connection.prepared_max = PREPARED_AT_MOST
        return connection

    def _configure_role(self, connection: Connection[Any]) -> bool:
        """Take on the role of the settings; answers whether that is to be committed."""
        role = self.settings_dict["OPTIONS"].get("assume_role")
        if role:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return bool(role)
