"""Django's PostgreSQL engine, with one addition: the address is asked of the embedded server, which starts when first needed.

Nothing starts by merely reading the settings, so ``manage.py check`` or a type checker costs no server.
"""

from typing import Any

from django.db.backends.postgresql import base

from config import postgres
from config.postgres_home import Server


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL on the server whose home ``settings.DATABASES[…]["SERVER"]`` names."""

    def get_connection_params(self) -> dict[str, Any]:
        server = postgres.ensure(Server(**self.settings_dict["SERVER"]))
        return super().get_connection_params() | server.connection_parameters()
