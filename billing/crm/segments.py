"""Which accounts a saved filter means: one statement, whatever the number of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from billing import bulk
from plans.errors import Invalid
from plans.fields import suggestion

RUNNING = "EXISTS (SELECT 1 FROM read_contract c WHERE c.account = a.account AND c.status <> 'ended'"
OVERDUE = "EXISTS (SELECT 1 FROM read_invoice i WHERE i.account = a.account AND i.status = 'open' AND i.open > i.held AND i.due < %s)"
PLACE = (
    """(SELECT place->>'country' FROM read_account_place p WHERE p.account = a.account ORDER BY effective_at DESC, sequence DESC LIMIT 1)"""
)

#: word of a filter → (SQL with one value, how the value is read, help)
WORDS: dict[str, tuple[str, Any, str]] = {
    "seller": ("a.seller = %s", str, "the seller's code"),
    "currency": ("a.currency = %s", str, "EUR"),
    "status": ("a.status = %s", str, "open, parked or closed"),
    "country": (f"{PLACE} = %s", str, "ES"),
    "plan": (f"{RUNNING} AND c.plan = %s)", str, "a plan of a running contract"),
    "without_plan": (f"NOT {RUNNING} AND c.plan = %s)", str, "no running contract of this plan"),
    "opened_from": ("a.opened_at >= %s", date.fromisoformat, "2026-01-31"),
    "opened_before": ("a.opened_at < %s", date.fromisoformat, "2026-01-31"),
    "ending_before": (f"""{RUNNING} AND c."end" < %s)""", date.fromisoformat, "a contract ends before this day"),
    "overdue": (OVERDUE, str, "yes or no: whether a document is overdue"),
}


def members(filters: Mapping[str, Any], *, at: datetime) -> list[str]:
    """The accounts that every word of the filter is true of, in order. Without `status` only open ones.

    Raises Invalid `unknown_field`, `wrong_type`.
    """
    meant, values = _meant(filters, at)
    return [row[0] for row in bulk.fetch(f"SELECT a.account FROM {meant} ORDER BY a.account", values)]  # noqa: S608 - literals


def counts(several: Sequence[Mapping[str, Any]], *, at: datetime) -> list[int | Invalid]:
    """How many accounts each of the filters means, or what is wrong with it: one statement for all of them."""
    asked: list[tuple[str, list[Any]] | Invalid] = []
    for filters in several:
        try:
            asked.append(_meant(filters, at))
        except Invalid as wrong:
            asked.append(wrong)
    good = [one for one in asked if not isinstance(one, Invalid)]
    parts = ", ".join(f"(SELECT count(*) FROM {meant})" for meant, _ in good)  # noqa: S608 - literals
    found = iter(bulk.fetch(f"SELECT {parts}", [value for _, values in good for value in values])[0] if good else ())
    return [one if isinstance(one, Invalid) else next(found) for one in asked]


def _meant(filters: Mapping[str, Any], at: datetime) -> tuple[str, list[Any]]:
    """The accounts `a` of the filter, as what stands after FROM, and its values."""
    conditions, values = [], []
    for word, given in ({"status": "open"} | dict(filters)).items():
        if word not in WORDS:
            raise Invalid("unknown_field", f"a segment knows no {word!r}{suggestion(word, list(WORDS))}", at=f"filters.{word[:80]}")
        condition, read, help_text = WORDS[word]
        if word == "overdue":
            if given not in ("yes", "no", True, False):
                raise Invalid("wrong_type", f"expected {help_text}, found {str(given)[:80]!r}", at="filters.overdue")
            condition, value = condition if given in ("yes", True) else f"NOT {condition}", at.date()
        else:
            value = _value(word, read, given, help_text)
        conditions.append(condition)
        values.append(value)
    return f"read_account a WHERE {' AND '.join(conditions)}", values


def _value(word: str, read: Any, given: Any, help_text: str) -> Any:
    try:
        value = read(str(given))
    except ValueError:
        value = None
    if value is None or "\x00" in str(given):
        raise Invalid("wrong_type", f"expected {help_text}, found {str(given)[:80]!r}", at=f"filters.{word}")
    return value
