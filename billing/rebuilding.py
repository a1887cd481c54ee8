"""Make read models again from the journal, and prove that they are what they would be.

    rebuild(streams)   lock, delete the rows that processors wrote for these streams, replay, write when they are next due
    compare(streams)   the same in a transaction that is rolled back; answers the rows that differ, both ways

Effects, people, usage and idempotency keys are not made from events and stay as they are. Numbers stay: they are in the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction

from billing import bulk, journal
from billing.clockwork import refresh_due
from billing.engine import Rollback, replay
from billing.journal import is_account
from plans.errors import NotFound
from plans.fields import suggestion

ACCOUNT_TABLES = """
    read_account read_account_place read_contract read_contract_terms read_period read_charge read_open_charge read_override read_invoice
    read_invoice_line read_deferred read_posting read_balance read_month_move read_payment read_allocation read_discount read_hold
    read_refund read_dispute read_receipt read_deposit
    read_change
    read_payment_method read_collection read_collection_part read_collection_mode read_payout read_transfer
    read_wallet read_wallet_lot read_wallet_use read_wallet_reservation
    read_credit_status read_suspended_service read_credit_limit read_invoicing_hold
    read_request read_consent read_campaign_mail read_bounce read_legal_hold read_merged read_usage_alert
    read_dunning_case read_dunning_pause read_dunning_choice read_reopened
    read_due_part read_late_document read_instalment_plan read_pay_by
""".split()
#: Tables of shared things: the streams begin with the prefix, and the rest of the name is the row's key.
THING_TABLES = (
    ("stock", "read_stock", "item"),
    ("stock", "read_stock_move", "item"),
    ("stock", "read_stock_reservation", "item"),
    ("thing", "read_booking", "thing"),
    ("thing", "read_capacity", "thing"),
    ("coupon", "read_coupon", "coupon"),
    ("books", "read_books", "seller"),
    ("webhook", "read_webhook", "endpoint"),
    ("policy", "read_policy", "seller"),
    ("rates", "read_rate", "seller"),
    ("campaign", "read_campaign", "campaign"),
    ("corrections", "read_correction_set", "name"),
    ("corrections", "read_correction_item", "name"),
)
CHUNK = 200
SHOWN = 20
_HASH = "hash_record_extended({0}, 0)"


@dataclass(frozen=True)
class Difference:
    """A row that stands only in the live tables, or only in the rebuilt ones."""

    table: str
    side: str  # live rebuilt
    row: str


def find_streams(names: Collection[str]) -> list[str]:
    """These streams, or all of them. Raises NotFound `unknown_stream`."""
    known = list(journal.stream_ids())
    for name in names:
        if name not in known:
            raise NotFound("unknown_stream", f"there is no stream {name[:80]!r}{suggestion(name, known[:2000])[:200]}", at="stream")
    return sorted(set(names)) if names else known


def rebuild(streams: Collection[str]) -> int:
    """Rebuild the streams, a chunk to a transaction; answers how many events were replayed."""
    events = 0
    for chunk in _chunks(streams):
        with transaction.atomic():
            journal.lock(chunk, create=False)
            events += _again(chunk)
    return events


def compare(streams: Collection[str]) -> list[Difference]:
    """What a rebuild would change. Nothing stays written; at most some rows of each table and side are named."""
    found: list[Difference] = []
    for chunk in _chunks(streams):
        with transaction.atomic():
            journal.lock(chunk, create=False)
            found += _differences(chunk)
    return found


def _chunks(streams: Collection[str]) -> list[list[str]]:
    listed = sorted(streams)
    return [listed[i : i + CHUNK] for i in range(0, len(listed), CHUNK)]


def _again(streams: Collection[str]) -> int:
    for table, (column, names) in _rows_of(streams).items():
        bulk.execute(f"DELETE FROM {table} USING {{rows}} WHERE {table}.{column} = given.name", {"name": ("text", names)})  # noqa: S608
    events = replay(streams)
    refresh_due([stream for stream in streams if is_account(stream)])
    return events


def _rows_of(streams: Collection[str]) -> dict[str, tuple[str, list[str]]]:
    """table → the column that names the stream, and the names in this chunk."""
    accounts = [stream for stream in streams if is_account(stream)]
    found = dict.fromkeys(ACCOUNT_TABLES, ("account", accounts))
    for prefix, table, column in THING_TABLES:
        found[table] = column, [stream.partition(":")[2] for stream in streams if stream.startswith(f"{prefix}:")]
    found["read_request"] = "account", [*accounts, *(stream for stream in streams if stream.startswith("house:"))]
    return {table: (column, names) for table, (column, names) in found.items() if names}


# --- comparing --------------------------------------------------------------------------------------------------------------------


def _differences(streams: Collection[str]) -> list[Difference]:
    """Rows are compared by hashes of their values (a number's trailing zeros don't count); only those that differ are read."""
    tables = _rows_of(streams)
    live = _hashes(tables)
    found: list[Difference] = []
    try:
        with transaction.atomic():
            _again(streams)
            rebuilt = _hashes(tables)
            found += _named(tables, "rebuilt", rebuilt - live)
            raise Rollback
    except Rollback:
        return _named(tables, "live", live - rebuilt) + found


def _hashes(tables: Mapping[str, tuple[str, list[str]]]) -> Counter[tuple[str, int]]:
    parts = [
        f"SELECT '{table}', {_HASH.format(table)} FROM {table} WHERE {column} = ANY(%s)"  # noqa: S608 - names of this module's own lists
        for table, (column, _) in tables.items()
    ]
    return Counter(bulk.fetch(" UNION ALL ".join(parts), [names for _, names in tables.values()]))


def _named(tables: Mapping[str, tuple[str, list[str]]], side: str, differing: Counter[tuple[str, int]]) -> list[Difference]:
    found = []
    for table, (column, names) in tables.items():
        hashes = [number for of, number in differing.elements() if of == table]
        if hashes:
            statement = (
                f"SELECT row_to_json({table})::text FROM {table} WHERE {column} = ANY(%s) AND {_HASH.format(table)} = ANY(%s) LIMIT {SHOWN}"  # noqa: S608
            )
            found += [Difference(table, side, row) for (row,) in bulk.fetch(statement, [names, hashes])]
    return found
