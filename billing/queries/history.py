"""Events as a person reads them: found by address or by filter, and each said in one line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from billing import bulk
from billing.codec import decode, kinds
from billing.events import Event, TermsSet
from billing.journal import Recorded, split_address
from plans.errors import NotFound
from plans.fields import suggestion
from plans.money import plain

COLUMNS = "stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, data::text"


def _recorded(row: tuple[Any, ...]) -> Recorded:
    stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, data = row
    event = decode(kind, version, orjson.loads(data))
    return Recorded(stream, sequence, event, effective_at, recorded_at, actor, command, cause, key)


def events_at(addresses: Collection[str]) -> dict[str, Recorded]:
    """address → event, in one statement; addresses that name nothing are left out."""
    if not addresses:
        return {}
    parts = [split_address(address) for address in addresses]
    statement = f"""
        SELECT {COLUMNS} FROM journal JOIN unnest(%s::text[], %s::bigint[]) AS given(of_stream, at)
            ON journal.stream = given.of_stream AND journal.sequence = given.at"""  # noqa: S608 - COLUMNS is a literal
    rows = bulk.fetch(statement, [[part[0] for part in parts], [part[1] for part in parts]])
    return {recorded.address: recorded for recorded in map(_recorded, rows)}


@dataclass(frozen=True)
class Filter:
    """Which events of a stream: of these kinds (all where none are named), effective in `[start, end)`, the last `limit` of them."""

    kinds: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    limit: int | None = None


def events(stream: str, wanted: Filter) -> list[Recorded]:
    """The stream's events in order. Raises NotFound `unknown_kind`."""
    for kind in wanted.kinds:
        if kind not in kinds():
            raise NotFound("unknown_kind", f"there is no kind of event {kind[:80]!r}{suggestion(kind, list(kinds()))}", at="kind")
    conditions = ["stream = %s"]
    parameters: list[Any] = [stream]
    for condition, value in (
        ("kind = ANY(%s)", list(wanted.kinds) or None),
        ("effective_at >= %s", wanted.start),
        ("effective_at < %s", wanted.end),
    ):
        if value is not None:
            conditions.append(condition)
            parameters.append(value)
    statement = f"SELECT {COLUMNS} FROM journal WHERE {' AND '.join(conditions)} ORDER BY sequence DESC LIMIT %s"  # noqa: S608 - literals
    rows = bulk.fetch(statement, [*parameters, wanted.limit])
    return [_recorded(row) for row in reversed(rows)]


# --- in words ---------------------------------------------------------------------------------------------------------------------

#: Facts that the line begins with elsewhere, or that would fill it.
LEFT_OUT = frozenset(
    """
    account entry steps seller buyer policy terms place digest attributes lines taxes periods charges
    currency series catalogue version source
    """.split()
)


def summary(event: Event) -> str:
    """The facts of the event in one line: amounts with their currency, other fields by name, nothing empty."""
    parts = [part for name in _order(event) if (part := _part(event, name))]
    if isinstance(event, TermsSet):
        parts.insert(
            0, f"plan {event.terms.plan}{' paused' if event.terms.paused else ''} of {event.terms.catalogue}@{event.terms.version}"
        )
    return ", ".join(parts)


def _order(event: Event) -> Iterable[str]:
    names = [field.name for field in fields(event) if field.name not in LEFT_OUT]
    leading = [name for name in ("number", "invoice_number", "name", "item", "plan", "quantity", "amount", "total") if name in names]
    return [*leading, *(name for name in names if name not in leading)]


def _part(event: Event, name: str) -> str:
    value = getattr(event, name)
    currency = getattr(event, "currency", "") or getattr(getattr(event, "key", None), "currency", "")
    if isinstance(value, Decimal) and name in ("amount", "total", "net", "tax", "open", "applied", "credited", "unapplied", "target"):
        if not value and name not in ("amount", "total", "target"):
            return ""
        return f"{name} {plain(value)} {currency}".rstrip()
    if name == "key" and currency:
        return f"of {value.contract or 'no contract'} {value.item} {value.component}, period {_value(value.period_start)}"
    shown = _value(value)
    return f"{name} {shown}" if shown else ""


def _value(value: Any) -> str:
    if value is None or value is False or value == "" or value == ():
        return ""
    if value is True:
        return "yes"
    if isinstance(value, Decimal):
        return plain(value) if value else ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "; ".join(f"{name}={_value(part)}" for name, part in value.items())
    if isinstance(value, tuple):
        return "; ".join(_value(part) for part in value)
    if is_dataclass(value):
        return " ".join(f"{field.name}={shown}" for field in fields(value) if (shown := _value(getattr(value, field.name))))
    return str(value)
