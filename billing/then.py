"""The read models as they were: the journal's events up to two dates, folded again by the processors, beside the tables that stand.

    with seen_then(streams, Dates(as_of, known_at)):
        …                 # every query that is asked here answers of then

The schema `past` has a table of the name of each read model, always empty, and views of the journal and of the measurements that end at
the dates of the transaction. For as long as the block lasts it is searched before `public`; then everything is undone. So no query knows
of it, and nothing that stands is locked or changed. The cost is that of the streams' own history: whoever asks of too much is refused.

Not of then, because no event says it: people's details, contacts, keys, what was sent. A catalogue is found by the version that an event
names. Why so, and the price: docs/decisions/0028-the-past-is-folded-again.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, transaction
from psycopg import sql

from billing import bulk, engine
from billing.engine import Rollback
from billing.queries.money import Dates
from billing.rebuilding import ACCOUNT_TABLES, HEIRS, THING_TABLES
from plans.errors import Invalid, NotFound

SCHEMA = "past"
MOST_EVENTS = 20_000
TABLES = (*ACCOUNT_TABLES, *dict.fromkeys(table for _, table, _ in THING_TABLES))
#: Processors write into these by their unique keys (ON CONFLICT, MERGE); the others are filled once and read once, and need no index.
KEYED = frozenset(
    """
    read_balance read_month_move read_wallet read_credit_status read_stock read_capacity read_coupon read_books
    read_consent read_campaign read_collection_mode read_dunning_case read_reopened read_late_document
    """.split()
)
#: What is folded or read beside read models, with its columns for the two dates: when it counts, when it was known.
ENDED = {"journal": ("effective_at", "recorded_at"), "usage_record": ("at", "recorded_at")}


@contextmanager
def seen_then(streams: Collection[str], dates: Dates) -> Iterator[None]:
    """Queries of the block see the streams as of the dates, and of read models nothing else; now where no date is given. What they write
    is undone. Raises Invalid `too_much_past` where the streams have more than MOST_EVENTS events; what is not found says as of when."""
    if dates.now:
        yield
        return
    wanted = sorted(set(streams))
    must_be_few(wanted)
    try:
        with transaction.atomic():
            bulk.fetch(
                """SELECT 'past.journal'::regclass::oid, set_config('past.as_of', %s, true), set_config('past.known_at', %s, true),
                    set_config('search_path', %s, true)""",
                [_text(dates.as_of), _text(dates.known_at), f"{SCHEMA}, public"],
            )
            engine.replay(wanted)
            yield
            raise Rollback
    except Rollback:
        pass
    except NotFound as error:
        raise type(error)(
            error.code, f"{error.message} ({_said(dates)}; what came later is not seen)", at=error.at, **error.facts
        ) from None


def _said(dates: Dates) -> str:
    named = {"as of": dates.as_of, "as known at": dates.known_at}
    return ", ".join(f"{name} {moment.astimezone(UTC).isoformat()[:-6]}Z" for name, moment in named.items() if moment is not None)


def must_be_few(streams: Collection[str]) -> None:
    statement = "SELECT coalesce(sum(last_sequence), 0)::bigint FROM stream WHERE id = ANY(%s)"
    events = bulk.fetch(statement, [list(streams)])[0][0] if streams else 0
    if events > MOST_EVENTS:
        raise Invalid("too_much_past", f"what was is made again from {events} events, at most from {MOST_EVENTS}: ask of less at once")


def _text(moment: datetime | None) -> str:
    return "infinity" if moment is None else moment.astimezone(UTC).isoformat()


# --- the schema ---------------------------------------------------------------------------------------------------------------------


def keep_up(**_: Any) -> None:
    """After migrations: make the schema again where its tables are no longer those of the read models. Raises CommandError where the user
    has no right to. Where somebody migrated back, the program that knows these tables makes its own."""
    if connection.vendor == "postgresql" and not _is_up_to_date():
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("; ").join(_parts()))
        except ProgrammingError as error:
            hint = "ask an administrator for GRANT CREATE ON DATABASE … TO this user, then migrate again"
            raise CommandError(f"the schema {SCHEMA} can't be made ({error}): {hint}") from error


def _is_up_to_date() -> bool:
    statement = """
        SELECT relname, relnamespace::regnamespace::text, attname, atttypid, attnotnull, attidentity FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        WHERE relnamespace = ANY(%s::text[]::regnamespace[]) AND relname = ANY(%s)"""
    if not bulk.fetch("SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCHEMA]):
        return False
    found: dict[str, set[tuple[Any, ...]]] = {"public": set(), SCHEMA: set()}
    for table, schema, *column in bulk.fetch(statement, [["public", SCHEMA], [*TABLES, *HEIRS, *ENDED]]):
        found[schema].add((table, column[0], column[1], *(() if table in ENDED else column[2:])))
    migrated_back = not {*TABLES, *HEIRS} <= {table for table, *_ in found["public"]}
    return migrated_back or found["public"] == found[SCHEMA]


def _parts() -> list[sql.Composable]:
    schema, role = sql.Identifier(SCHEMA), sql.Identifier(settings.DATABASE_ROLE)
    parts: list[sql.Composable] = [sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE; CREATE SCHEMA {}").format(schema, schema)]
    parts += [_table(name) for name in (*TABLES, *HEIRS)]
    parts += [_view(name, columns) for name, columns in ENDED.items()]
    rights = "GRANT USAGE ON SCHEMA {} TO {}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}"
    return [*parts, sql.SQL(rights).format(schema, role, schema, role)]


def _table(name: str) -> sql.Composed:
    """Without its checks: what counts by some day alone need not keep to them."""
    copied = "INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED" + (" INCLUDING INDEXES" if name in KEYED else "")
    here, there = sql.Identifier(SCHEMA, name), sql.Identifier("public", name)
    of = sql.SQL(" INHERITS ({})").format(sql.Identifier(SCHEMA, HEIRS[name])) if name in HEIRS else sql.SQL("")
    return sql.SQL("CREATE UNLOGGED TABLE {} (LIKE {} {}){}").format(here, there, sql.SQL(copied), of)


def _view(name: str, columns: tuple[str, str]) -> sql.Composed:
    effective, known = (sql.Identifier(column) for column in columns)
    here, there = sql.Identifier(SCHEMA, name), sql.Identifier("public", name)
    statement = """
        CREATE VIEW {} WITH (security_invoker = true) AS SELECT * FROM {}
        WHERE {} <= current_setting('past.as_of')::timestamptz AND {} <= current_setting('past.known_at')::timestamptz"""
    return sql.SQL(statement).format(here, there, effective, known)
