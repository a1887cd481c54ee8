"""Prove the journal and what was made of it; name each fault with its address, the first one first.

chain        every stored event hashes, over its own content and the event before it, to what was stored; nothing is missing
heads        each stream's head is its last event
entries      the postings of every event sum to zero, and the posting rows say what the events say
receivables  the postings of each open document are what is open on it, balances are sums of postings
wallets      what is left of the money paid into an account's wallets is its prepaid ledger, what is owed beyond them its overdrawn one
numbers      each series of each seller counts without a gap
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from billing import bulk, journal, ledgers
from billing.codec import canonical, decode, encode, kinds
from billing.events import Event
from billing.journal import Recorded, chain_hash

MOST_FAULTS = 1000


@dataclass(frozen=True)
class Fault:
    """`where` is an event's address (`ana/17`), a document, a ledger, or a series."""

    code: str
    where: str
    message: str


@dataclass
class Verified:
    streams: int = 0
    events: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(streams: Collection[str] | None = None) -> Verified:
    """Check these streams, or everything. Reads only; what is recorded meanwhile may or may not be seen."""
    found = Verified()
    names = sorted(streams) if streams is not None else _all_streams()
    for stream in names:
        found.streams += 1
        found.faults += _stream(stream, found)
        if len(found.faults) > MOST_FAULTS:
            return found
    accounts = [name for name in names if journal.is_account(name)] if streams is not None else None
    for check in (_unbalanced, _balances, _months, _receivables, _wallets):
        found.faults += check(accounts)
    if streams is None:
        found.faults += _numbers()
    return found


def _all_streams() -> list[str]:
    """Streams that have a head, streams whose head was removed, and accounts of which nothing but their read models is left."""
    statement = "SELECT id FROM stream UNION SELECT DISTINCT stream FROM journal UNION SELECT account FROM read_account ORDER BY 1"
    return [row[0] for row in bulk.fetch(statement)]


# --- one stream -------------------------------------------------------------------------------------------------------------------


def _stream(stream: str, found: Verified) -> Iterator[Fault]:
    """The chain of one stream, event by event; after a broken link the rest is checked against what is stored."""
    expected, previous = 1, b""
    postings = _postings(stream)
    for row in journal.raw_events(stream):
        found.events += 1
        sequence, stored_previous, stored_hash = row[0], row[-2], row[-1]
        address = f"{stream}/{sequence}"
        if sequence != expected:
            missing = f"{stream}/{expected}" if sequence == expected + 1 else f"{stream}/{expected} to {stream}/{sequence - 1}"
            yield Fault("missing_event", address, f"{missing} is missing before it")
        elif bytes(stored_previous) != previous:
            yield Fault("broken_chain", address, "it does not follow the event before it: the stored previous hash is another one")
        legs = postings.pop(sequence, [])
        fault, event = _event(stream, row)
        if fault is not None:
            yield fault
        if event is not None:
            yield from _entry(address, event, legs)
        expected, previous = sequence + 1, bytes(stored_hash)
    for sequence in postings:
        yield Fault("unexplained_posting", f"{stream}/{sequence}", "postings stand there that no event holds")
    yield from _head(stream, expected - 1, previous)


def _event(stream: str, row: Sequence[Any]) -> tuple[Fault | None, Event | None]:
    """The hash computed again from what is stored, and the event where it can be read."""
    sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, text, previous, stored = row
    address = f"{stream}/{sequence}"
    data = orjson.loads(text)
    if kind not in kinds():
        return Fault("unknown_kind", address, f"there is no kind of event {kind!r}"), None
    stand_in = _Named(kind, version)
    recorded = Recorded(stream, sequence, stand_in, effective_at, recorded_at, actor, command, cause, key)  # type: ignore[arg-type]
    if chain_hash(recorded, canonical(data), bytes(previous)) != bytes(stored):
        return Fault("tampered_event", address, f"its content is not what was recorded: the hash of this {kind} is another one"), None
    try:
        event = decode(kind, version, data)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a stored event is a fault to be named
        return Fault("unreadable_event", address, f"this {kind} can't be read: {error!r}"), None
    if version == event.form and canonical(encode(event)) != canonical(data):
        return Fault("unstable_event", address, f"this {kind} reads as something else than was stored"), event
    return None, event


@dataclass(frozen=True)
class _Named:
    """What the hash needs of an event that need not be readable."""

    kind: str
    form: int


def _head(stream: str, sequence: int, digest: bytes) -> Iterator[Fault]:
    rows = bulk.fetch("SELECT last_sequence, last_hash FROM stream WHERE id = %s", [stream])
    if not rows:
        yield Fault("missing_head", stream, "the stream has no head")
    elif rows[0][0] != sequence:
        yield Fault(
            "wrong_head", f"{stream}/{rows[0][0]}", f"the head says {rows[0][0]} events, the journal holds {sequence}: the end is missing"
        )
    elif bytes(rows[0][1]) != digest:
        yield Fault("wrong_head", f"{stream}/{sequence}", "the head's hash is not that of the last event")


# --- postings ---------------------------------------------------------------------------------------------------------------------

Leg = tuple[Any, ...]


def _postings(stream: str) -> dict[int, list[Leg]]:
    statement = """
        SELECT sequence, leg, ledger, currency, amount, invoice, seller, accounting_date FROM read_posting
        WHERE account = %s ORDER BY sequence, leg"""
    found: dict[int, list[Any]] = {}
    for sequence, *leg in bulk.fetch(statement, [stream]):
        found.setdefault(sequence, []).append(tuple(leg))
    return found


def _entry(address: str, event: Event, rows: list[Leg]) -> Iterator[Fault]:
    """The event's own entry sums to zero, and the rows repeat it leg for leg."""
    entry: Any = getattr(event, "entry", None)
    legs = () if entry is None else entry.postings
    sums: dict[str, Decimal] = {}
    for leg in legs:
        sums[leg.currency] = sums.get(leg.currency, Decimal(0)) + leg.amount
    for currency, off in sums.items():
        if off:
            yield Fault("unbalanced_entry", address, f"its postings sum to {off} {currency}, not to zero")
    held: list[Leg] = [
        (i, p.ledger, p.currency, p.amount, p.invoice, entry.seller, entry.accounting_date) for i, p in enumerate(legs, start=1)
    ]
    if held != rows:
        yield Fault("wrong_postings", address, f"the event holds {len(held)} postings, the table {len(rows)} that are not all the same")


def _of(accounts: Collection[str] | None, column: str) -> tuple[str, list[Any]]:
    return ("", []) if accounts is None else (f" AND {column} = ANY(%s)", [list(accounts)])


def _unbalanced(accounts: Collection[str] | None) -> Iterator[Fault]:
    condition, values = _of(accounts, "account")
    statement = f"""
        SELECT account, sequence, currency, sum(amount) FROM read_posting WHERE true{condition}
        GROUP BY account, sequence, currency HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608 - literals
    for account, sequence, currency, off in bulk.fetch(statement, values):
        yield Fault("unbalanced_postings", f"{account}/{sequence}", f"its posting rows sum to {off.normalize():f} {currency}, not to zero")


def _balances(accounts: Collection[str] | None) -> Iterator[Fault]:
    condition, values = _of(accounts, "account")
    statement = f"""
        SELECT account, ledger, currency, sum(amount) FROM (
            SELECT account, ledger, currency, amount FROM read_balance UNION ALL SELECT account, ledger, currency, -amount FROM read_posting
        ) AS both_sides WHERE true{condition} GROUP BY account, ledger, currency HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608
    for account, ledger, currency, off in bulk.fetch(statement, values):
        yield Fault("wrong_balance", f"{account} {ledger}", f"the balance is {off.normalize():f} {currency} above the sum of its postings")


def _months(accounts: Collection[str] | None) -> Iterator[Fault]:
    """What moved in each month = the postings that count in it."""
    condition, values = _of(accounts, "account")
    statement = f"""
        SELECT account, ledger, currency, month, sum(amount) FROM (
            SELECT account, ledger, currency, month, amount FROM read_month_move
            UNION ALL SELECT account, ledger, currency, date_trunc('month', effective_at AT TIME ZONE 'UTC')::date, -amount
                FROM read_posting WHERE ledger = ANY(%s)
        ) AS both_sides WHERE true{condition} GROUP BY 1, 2, 3, 4 HAVING sum(amount) <> 0 ORDER BY 1, 2, 4"""  # noqa: S608
    for account, ledger, currency, month, off in bulk.fetch(statement, [list(ledgers.WHO_OWES), *values]):
        message = f"what moved in {month:%Y-%m} is {off.normalize():f} {currency} above the sum of its postings"
        yield Fault("wrong_month", f"{account} {ledger}", message)


def _receivables(accounts: Collection[str] | None) -> Iterator[Fault]:
    """Open on a document = its own postings on receivable (or payable, where we owe)."""
    condition, values = _of(accounts, "account")
    statement = f"""
        SELECT account, invoice, max(number), sum(amount) FROM (
            SELECT account, invoice, number, CASE document WHEN 'statement' THEN -open ELSE open END AS amount FROM read_invoice
                WHERE document <> 'credit_note' AND status <> 'void'
            UNION ALL SELECT account, invoice, '', -amount FROM read_posting WHERE ledger IN ('receivable', 'payable')
        ) AS both_sides WHERE true{condition} GROUP BY account, invoice HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608
    for account, invoice, number, off in bulk.fetch(statement, values):
        shown = f"{number} of {account}" if number else f"{invoice or 'no document'} of {account}"
        yield Fault("wrong_open_amount", invoice or account, f"{shown}: open is {off.normalize():f} above the sum of its postings")


def _wallets(accounts: Collection[str] | None) -> Iterator[Fault]:
    condition, values = _of(accounts, "account")
    statement = f"""
        SELECT account, ledger, currency, sum(amount) FROM (
            SELECT account, 'prepaid' AS ledger, currency, -paid_left AS amount FROM read_wallet_lot
            UNION ALL SELECT account, 'overdrawn', currency, owed FROM read_wallet WHERE unit = currency
            UNION ALL SELECT account, ledger, currency, -amount FROM read_posting WHERE ledger IN ('prepaid', 'overdrawn')
        ) AS both_sides WHERE true{condition} GROUP BY account, ledger, currency HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608
    for account, ledger, currency, off in bulk.fetch(statement, values):
        yield Fault("wrong_wallet", f"{account} {ledger}", f"the wallets say {off.normalize():f} {currency} above the sum of its postings")


# --- numbers ----------------------------------------------------------------------------------------------------------------------


def _numbers() -> Iterator[Fault]:
    """Per seller and series: as many documents as the counter drew, each with the number that its place says."""
    counted = {(seller, series): value for seller, series, value in bulk.fetch("SELECT seller, series, value FROM counter")}
    held: dict[tuple[str, str], list[tuple[str, str]]] = {}
    statement = "SELECT seller, series, number, invoice FROM read_invoice WHERE series <> '' ORDER BY seller, series, account, sequence"
    for seller, series, number, invoice in bulk.fetch(statement):
        held.setdefault((seller, series), []).append((number, invoice))
    for (seller, series), documents in sorted(held.items()):
        drawn = counted.get((seller, series), 0)
        numbers = {number for number, _ in documents}
        wanted = [series.format(number=value) for value in range(1, drawn + 1)]
        for number in wanted:
            if number not in numbers:
                yield Fault("missing_number", f"{seller} {number}", f"no document bears the number {number} of the series {series}")
        known = set(wanted)
        for number, invoice in documents:
            if number not in known:
                yield Fault("foreign_number", invoice, f"{number or 'no number'} was never drawn from the series {series}")
