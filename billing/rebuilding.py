"""Make read models again from the journal, and prove that they are what they would be.

    rebuild(streams)   lock, delete the rows that processors wrote for these streams, replay, write when they are next due
    compare(streams)   the same, undone again; answers the rows that differ, both ways

Both go block by block of streams, which `workers` processes may share.

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
from billing.memory import no_collection
from billing.processes import shared
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
#: Tables that inherit of one of these: whoever reads, counts or deletes rows there does it here as well.
HEIRS = {"read_live_period": "read_period"}
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
#: table -> the column that names the stream, and the group of streams whose rows it holds (see `_groups`).
TABLES = (
    dict.fromkeys(ACCOUNT_TABLES, ("account", "accounts"))
    | {table: (column, prefix) for prefix, table, column in THING_TABLES}
    | {"read_request": ("account", "requests")}
)
#: About as many events are replayed at once, and their streams held as long.
EVENTS = 5_000
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


def rebuild(streams: Collection[str], *, workers: int = 1) -> int:
    """Rebuild the streams, a block to a transaction; answers how many events were replayed."""
    return sum(shared(_rebuild, list(journal.blocks(streams, events=EVENTS)), workers=workers))


def compare(streams: Collection[str], *, workers: int = 1) -> list[Difference]:
    """What a rebuild would change. Nothing stays written; at most some rows of each table and side are named."""
    blocks = list(journal.blocks(streams, events=EVENTS))
    return [difference for found in shared(_compare, blocks, workers=workers) for difference in found]


def _rebuild(streams: Collection[str]) -> int:
    with transaction.atomic(), no_collection():
        journal.lock(streams, create=False)
        return _again(streams)


def _compare(streams: Collection[str]) -> list[Difference]:
    """Rows are compared by hashes of their values (a number's trailing zeros don't count); only those that differ are read."""
    groups = _groups(streams)
    found: list[Difference] = []
    with transaction.atomic(), no_collection():
        journal.lock(streams, create=False)
        live = _hashes(groups)
        try:
            with transaction.atomic():
                _again(streams)
                rebuilt = _hashes(groups)
                found += _named(groups, "rebuilt", rebuilt - live)
                raise Rollback
        except Rollback:
            return _named(groups, "live", live - rebuilt) + found


def _again(streams: Collection[str]) -> int:
    groups = _groups(streams)
    deletes = [f"{table}_gone AS (DELETE FROM {table} WHERE {_of(table)})" for table in _tables(groups)]  # noqa: S608
    if deletes:
        bulk.fetch(f"WITH {', '.join(deletes)} SELECT 1", groups)
    events = replay(streams)
    refresh_due(groups.get("accounts", []))
    return events


def _groups(streams: Collection[str]) -> dict[str, list[str]]:
    """The names of the streams as the tables know them, by the group of tables: accounts, and each kind of thing by its prefix."""
    found: dict[str, list[str]] = {}
    for stream in streams:
        group, name = ("accounts", stream) if is_account(stream) else stream.split(":", 1)
        found.setdefault(group, []).append(name)
    found["requests"] = [stream for stream in streams if is_account(stream) or stream.startswith("house:")]
    return found


def _tables(groups: Mapping[str, list[str]]) -> list[str]:
    """The tables that may hold rows of these streams."""
    return [table for table, (_, group) in TABLES.items() if groups.get(group)]


def _of(table: str) -> str:
    column, group = TABLES[table]
    return f"{column} = ANY(%({group})s)"


# --- comparing --------------------------------------------------------------------------------------------------------------------


def _hashes(groups: Mapping[str, list[str]]) -> Counter[tuple[str, int]]:
    asked = [f"SELECT '{table}', {_HASH.format(table)} FROM {table} WHERE {_of(table)}" for table in _tables(groups)]  # noqa: S608
    return Counter(bulk.fetch(" UNION ALL ".join(asked), groups)) if asked else Counter()


def _named(groups: Mapping[str, list[str]], side: str, differing: Counter[tuple[str, int]]) -> list[Difference]:
    found = []
    for table in _tables(groups):
        hashes = [number for of, number in differing.elements() if of == table]
        if hashes:
            condition = f"{_of(table)} AND {_HASH.format(table)} = ANY(%(hashes)s) LIMIT {SHOWN}"
            statement = f"SELECT row_to_json({table})::text FROM {table} WHERE {condition}"  # noqa: S608 - names of this module's own lists
            found += [Difference(table, side, row) for (row,) in bulk.fetch(statement, {**groups, "hashes": hashes})]
    return found
