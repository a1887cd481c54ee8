"""The read models had less happened: the processors fold the part of the journal that two dates leave, and all is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction

from billing import journal
from billing.engine import Rollback
from billing.pipeline import Batch, run_processors
from billing.rebuilding import ACCOUNT_TABLES


@contextmanager
def folded(account: str, *, as_of: datetime | None, known_at: datetime | None) -> Iterator[None]:
    """Inside, the account's read models hold what is effective up to and including `as_of`, as known up to and including `known_at`."""
    events = [
        recorded
        for recorded in journal.read([account])
        if (as_of is None or recorded.effective_at <= as_of) and (known_at is None or recorded.recorded_at <= known_at)
    ]
    try:
        with transaction.atomic():
            _empty(account)
            batch = Batch(events, rebuilding=True)
            run_processors(batch, numbered=False)
            run_processors(batch, numbered=True)
            yield
            raise Rollback
    except Rollback:
        pass


def _empty(account: str) -> None:
    with connection.cursor() as cursor:
        for table in ACCOUNT_TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE account = %s", [account])  # noqa: S608 - names of our own tables
