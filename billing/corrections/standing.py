"""What stands of a correction set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from billing import bulk
from billing.codec import decode_value
from billing.events import Preview
from billing.loading import trimmed
from plans.errors import NotFound
from plans.fields import suggestion

PREFIX = "corrections:"


@dataclass(frozen=True)
class SetStanding:
    name: str
    seller: str
    command: str
    code: str
    reason: str
    asked_by: str
    items: int
    status: str
    decided_by: str
    approval: str


@dataclass(frozen=True)
class Item:
    position: int
    account: str
    arguments: dict[str, Any]
    state: str
    amount: Decimal | None
    currency: str
    preview: Preview | None
    refusal: str


def find_set(name: str) -> SetStanding:
    """Raises NotFound `unknown_corrections`."""
    columns = "name, seller, command, code, reason, asked_by, items, status, decided_by, approval"
    rows = bulk.fetch(f"SELECT {columns} FROM read_correction_set WHERE name = %s", [name])  # noqa: S608 - literals
    if not rows:
        known = [row[0] for row in bulk.fetch("SELECT name FROM read_correction_set ORDER BY made_at DESC LIMIT 50")]
        raise NotFound("unknown_corrections", f"there is no correction set {name[:80]!r}{suggestion(name, known)}", at="name")
    return SetStanding(*rows[0])


def items(name: str, states: Sequence[str], *, limit: int | None = None, after: int = 0) -> list[Item]:
    """The items in these states, in their order."""
    statement = """
        SELECT position, account, arguments, state, amount, currency, preview, refusal FROM read_correction_item
        WHERE name = %s AND state = ANY(%s) AND position > %s ORDER BY position LIMIT %s"""
    return [_item(row) for row in bulk.fetch(statement, [name, list(states), after, limit])]


def item_at(name: str, position: int) -> Item:
    """Raises NotFound `unknown_corrections`."""
    statement = """
        SELECT position, account, arguments, state, amount, currency, preview, refusal FROM read_correction_item
        WHERE name = %s AND position = %s"""
    rows = bulk.fetch(statement, [name, position])
    if not rows:
        raise NotFound("unknown_corrections", f"the set {name[:80]!r} has no correction {position}", at="position")
    return _item(rows[0])


def _item(row: Sequence[Any]) -> Item:
    position, account, arguments, state, amount, currency, preview, refusal = row
    shown = decode_value(Preview, orjson.loads(preview)) if preview else None
    return Item(position, account, orjson.loads(arguments), state, None if amount is None else trimmed(amount), currency, shown, refusal)


def counts(name: str) -> dict[str, int]:
    """state → how many items are in it."""
    return dict(bulk.fetch("SELECT state, count(*) FROM read_correction_item WHERE name = %s GROUP BY 1 ORDER BY 1", [name]))  # type: ignore[arg-type]


def totals(name: str) -> dict[str, Decimal | None]:
    """currency → what is moved in all by what was not refused; None where the amount of one is not known."""
    statement = """
        SELECT currency, sum(amount), count(*) FILTER (WHERE amount IS NULL) FROM read_correction_item
        WHERE name = %s AND state <> ALL(ARRAY['new', 'refused']) GROUP BY 1 ORDER BY 1"""
    return {currency: None if unknown else trimmed(amount) for currency, amount, unknown in bulk.fetch(statement, [name])}
