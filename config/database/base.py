"""Django's PostgreSQL engine, with five additions.

The address of the embedded server is asked of it, and it starts when first needed: nothing starts by merely reading the settings, so
``manage.py check`` or a type checker costs no server. A connection takes its role by itself: Django's own way asks the pool for a second
connection while it makes the first, and waits until that gives up. And a connection of a pool is not asked at each request whether it
lives: a server that went away has closed it, which is seen without asking. And what Django says of each transaction twice, that the driver
is to begin one or not, is said straight, and a transaction that ended already is not ended again. What is prepared on a connection outlives
a ROLLBACK; what the server refuses of it does not. What waits to be sent when a savepoint is undone is never sent.
"""

import select
from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg import Connection, OperationalError, errors, sql
from psycopg._preparing import PrepareManager
from psycopg.pq import ExecStatus, TransactionStatus

from config import postgres
from config.postgres_home import Server

#: The driver would keep a hundred statements prepared, and forget the oldest: one command of several kinds has more than that.
PREPARED_AT_MOST = 500


class Prepared(PrepareManager):
    """The driver's register of what is prepared on a connection, that outlives a ROLLBACK as the statements on the server do.

    The driver lets go of all of them at each, for what the transaction made and undid may be made again as something else. The server sees
    that by itself and reads such a statement anew; and every refused command ends with a ROLLBACK, after which all commands would be
    planned as if for the first time. Where the server refuses one as it stands, all go: a migration beside a worker may do that.
    """

    prepared_max = PREPARED_AT_MOST

    def __init__(self, threshold: int | None) -> None:
        super().__init__()
        self.prepare_threshold = threshold
        self.is_outdated = False  # the server refused one of them: a column has another type now, or somebody took them away

    def clear(self) -> bool:
        """Asked for at a ROLLBACK."""
        outdated, self.is_outdated = self.is_outdated, False
        return outdated and super().clear()

    def _should_discard(self, prep: Any, results: Sequence[Any], *_: Any) -> bool:
        told = [result.command_status or b"" for result in results if result.status == ExecStatus.COMMAND_OK]
        return any(status.startswith(_CHANGES) for status in told) and super().clear()


#: Beginnings of what the server says it has done, after which what was prepared is let go of.
_CHANGES = (b"DROP", b"ALTER", b"DISCARD ALL", b"DEALLOCATE ALL")


_OUTDATED = (errors.FeatureNotSupported, errors.InvalidSqlStatementName)


class _Errors(DatabaseErrorWrapper):
    """Django's, which makes errors of the driver its own: it also notes those that would come again at each use of what is prepared."""

    wrapper: Any

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        held = self.wrapper.connection
        if isinstance(error, _OUTDATED) and held is not None:
            held._prepared.is_outdated = True
        super().__exit__(kind, error, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL, on the embedded server where ``settings.DATABASES[…]["SERVER"]`` names its home."""

    def get_connection_params(self) -> dict[str, Any]:
        if "SERVER" not in self.settings_dict:
            return super().get_connection_params()
        server = postgres.ensure(Server(**self.settings_dict["SERVER"]))
        return super().get_connection_params() | server.connection_parameters()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        connection: Connection[Any] = super().get_new_connection(conn_params)
        while self.pool and _is_gone(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        if not isinstance(connection._prepared, Prepared):
            connection._prepared = Prepared(connection.prepare_threshold)
        return connection

    def _commit(self) -> None:
        """Nothing where the transaction ended already: a command's COMMIT goes along with its last statements."""
        held: Any = self.connection
        if held is None or held.pgconn.transaction_status != TransactionStatus.IDLE:
            super()._commit()  # type: ignore[misc]

    def _set_autocommit(self, autocommit: bool) -> None:
        """As the driver does it, where no transaction is open: twice for every one of Django's."""
        held: Any = self.connection
        if held.pgconn.transaction_status == TransactionStatus.IDLE:
            held._autocommit = autocommit
        else:
            super()._set_autocommit(autocommit)  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        """What still waits to be sent (billing/together.py) was said after the savepoint, so it is undone by never being sent."""
        line: Any = getattr(self, "line", None)
        if line is not None:
            line.forget()
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        held: Any = self.connection
        held._prepared.clear()

    @cached_property
    def wrap_database_errors(self) -> _Errors:
        return _Errors(self)

    def _configure_role(self, connection: Connection[Any]) -> bool:
        """Take on the role of the settings; answers whether that is to be committed."""
        role = self.settings_dict["OPTIONS"].get("assume_role")
        if role:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return bool(role)


def _is_gone(connection: Connection[Any]) -> bool:
    """There is something to read on it although nothing was asked; then it is asked."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if not waiting.poll(0):
        return False
    try:
        connection.execute("")
    except OperationalError:
        return True
    return False
