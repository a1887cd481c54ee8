"""The world of the benchmark: thousands of accounts, made by the engine's batches from what the real commands decided for one of them.

Two plans: `metered` has the three items of the tick (a fee, graduated use in four tiers, use by the piece), `house` the five lines of
the invoice run. Both wait three days for late use, so that the tick and the documents fall due at moments of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import connection, transaction

from billing import bulk, clockwork, journal
from billing.engine import Request, Stamp, execute, record
from billing.events import ContractSigned
from billing.journal import Draft
from plans import store

START = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK = 1000

CATALOGUE = """
catalogue: bench
currency: EUR
zone: UTC
seller: {name: Bench Ltd, country: ES}
tax: {level: line}
taxes:
  vat: {rate: 21, country: ES, categories: [standard]}
terms: {net-14: {days: 14}}
invoice: {grace: 3 days}
meters:
  calls: {aggregate: sum}
  messages: {aggregate: sum}
  minutes: {aggregate: sum}
items:
  cable: {name: Cable, price: {model: unit, amount: "9.50"}, tax: standard}
plans:
  metered:
    name: Metered
    terms: net-14
    items:
      fee: {charge: fee, name: Base fee, period: 1 month, timing: arrears, price: {model: flat, amount: "19.95"}, tax: standard}
      calls:
        charge: usage
        name: Calls
        period: 1 month
        meter: calls
        price:
          model: graduated
          tiers: [{up_to: 10, unit: "1.00"}, {up_to: 50, unit: "0.50"}, {up_to: 200, unit: "0.333"}, {unit: "0.25"}]
        tax: standard
      messages:
        {charge: usage, name: Messages, period: 1 month, meter: messages, price: {model: unit, amount: "0.079"}, tax: standard}
  house:
    name: House
    terms: net-14
    items:
      fee: {charge: fee, name: Base fee, period: 1 month, timing: arrears, price: {model: flat, amount: "19.95"}, tax: standard}
      line: {charge: fee, name: Line rental, period: 1 month, timing: arrears, price: {model: flat, amount: "9.90"}, tax: standard}
      device: {charge: fee, name: Device, period: 1 month, timing: arrears, price: {model: unit, amount: "4.50"}, tax: standard}
      support: {charge: fee, name: Support, period: 1 month, timing: arrears, price: {model: flat, amount: "12.00"}, tax: standard}
      storage: {charge: fee, name: Storage, period: 1 month, timing: arrears, price: {model: unit, amount: "0.35"}, tax: standard}
  prepaid:
    name: Prepaid
    period: 1 month
    items:
      minutes: {name: Minutes, meter: minutes, price: {model: unit, amount: "0.05"}, timing: tick, draws: tick}
"""


def answer(command: str, at: datetime = START, **arguments: object) -> Mapping[str, Any]:
    """Run a command; answers what it made."""
    return execute(Request(command, arguments, at, actor="bench", known_at=at)).made


def do(command: str, at: datetime = START, **arguments: object) -> None:
    answer(command, at, **arguments)


def publish(at: datetime = START) -> None:
    do("publish_catalogue", at, source=CATALOGUE)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:07}" for number in range(count)]


def sign(prefix: str, count: int, plan: str, *, catalogue: str = "bench", at: datetime = START) -> list[str]:
    """`count` accounts with a contract each; answers their names."""
    pattern = f"{prefix}pattern"
    do("open_account", at, account=pattern, name="Pattern", country="ES", currency="EUR")
    do("subscribe", at, account=pattern, plan=plan, catalogue=catalogue)
    drafts = [(one.event, one.effective_at) for one in journal.read([pattern]) if one.command != "advance"]
    made = names(prefix, count)
    for block in blocks(made):
        with transaction.atomic(), store.steady():
            heads = journal.lock(block)
            stamp = Stamp("bench", "import", at)
            recorded = record([Draft(name, _for(event, name), when) for name in block for event, when in drafts], heads=heads, stamp=stamp)
            clockwork.advance(block, until=at, heads=heads, stamp=replace(stamp, command="advance"), after=recorded)
    return made


def _for(event: object, account: str) -> object:
    """The pattern's event as another account's."""
    changed = {"account": account}
    if isinstance(event, ContractSigned):
        changed["contract"] = f"{account}/{journal.split_address(event.contract)[1]}"
    return replace(event, **changed)  # type: ignore[type-var]


def blocks(listed: Sequence[str], size: int = BLOCK) -> Iterator[Sequence[str]]:
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def measure(accounts: Sequence[str], each: int, month: int = 1) -> int:
    """`each` records of use for every account, half of each meter, spread over the month; as ingest leaves them, with keys and marks. Their
    values differ from account to account, as use does: hardly two of them have used the same in a month."""
    statement = """
        WITH made AS (
            SELECT account, CASE WHEN i %% 2 = 0 THEN 'calls' ELSE 'messages' END AS meter, i,
                account || '-' || %s || '-' || i AS record, %s::timestamptz + i * interval '28 days' / (%s + 1) AS at
            FROM unnest(%s::text[]) AS given(account), generate_series(1, %s) AS i
        ), keyed AS (
            INSERT INTO usage_key (source, record, at, digest) SELECT 'filled', record, at, sha256(record::bytea) FROM made
        ), marked AS (
            INSERT INTO usage_mark (account, meter, at, arrived_at) SELECT account, meter, min(at), max(at) FROM made GROUP BY 1, 2
        )
        INSERT INTO usage_record (account, meter, at, source, record, value, recorded_at)
            SELECT account, meter, at, 'filled', record, (1 + (hashtext(record) & 1023)) / 8.0, at FROM made"""
    start = datetime(2026, month, 1, tzinfo=UTC)
    for block in blocks(accounts, 2000):
        with connection.cursor() as cursor:
            cursor.execute(statement, [str(month), start, each, list(block), each])
    return len(accounts) * each


def tidy() -> None:
    """What autovacuum would have done by the time of a run. Only the owner of the tables may."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def count(table: str) -> int:
    return int(bulk.fetch(f"SELECT count(*) FROM {table}")[0][0])
