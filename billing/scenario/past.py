"""The read models had less happened: the processors fold the part of the journal that two dates leave, and all is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model

from billing import journal
from billing.engine import Batch, Rollback, run_processors


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
        for table in read_tables():
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)} WHERE account = %s", [account])  # noqa: S608 - names of our tables


def read_tables() -> list[str]:
    """The read models that hold rows of accounts."""
    models: list[type[Model]] = list(apps.get_models())
    return [
        model._meta.db_table
        for model in models
        if model._meta.db_table.startswith("read_") and any(field.name == "account" for field in model._meta.get_fields())
    ]
