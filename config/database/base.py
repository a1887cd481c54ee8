"""Django's PostgreSQL engine, with one addition: the address is asked of the embedded server, which starts when first needed.

Nothing starts by merely reading the settings, so ``manage.py check`` or a type checker costs no server.
"""

from typing import Any

from django.db.backends.postgresql import base

from config import postgres


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """PostgreSQL at the address that the launcher gives."""

    def get_connection_params(self) -> dict[str, Any]:
        return super().get_connection_params() | postgres.running_server().connection_parameters()
