"""Expected against found: every value that a story names becomes one check, which says where, what was expected and what is so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.queries.status import money_text
from billing.scenario import story as form
from billing.scenario.expecting import columns, row_of
from plans.money import DECIMALS, plain
from plans.periods import to_local

ZERO = Decimal(0)
AMOUNTS = ("amount", "total", "net", "tax", "open", "base", "discount")  # columns that are shown as money


@dataclass(frozen=True)
class Check:
    """One expectation and what became of it. `path` counts rows from 1; `line` is the line of the file."""

    path: str
    expected: str
    found: str
    holds: bool
    line: int


@dataclass(frozen=True)
class Comparing:
    """What a comparison needs to know of its account. `resolve` finds the id of a document that the story names in its own way."""

    currency: str
    zone: str
    resolve: Callable[[str], str]
    line: Callable[[str], int]


def compare(expectation: form.Expectation, found: Any, comparing: Comparing) -> list[Check]:
    """The checks of one fact."""
    hint = columns(form.Facts)[expectation.fact]
    shown = f"{expectation.account}.{expectation.fact}"
    return _value(hint, expectation.value, found, shown, expectation.path, comparing)


def _value(hint: Any, expected: Any, found: Any, shown: str, at: str, c: Comparing) -> list[Check]:
    element = row_of(hint)
    if element is not None:
        return _list(element, expected, found, shown, at, c)
    if isinstance(hint, type):
        return _row(hint, expected, found, shown, at, c)
    if hint is form.Ledgers:
        if isinstance(expected, tuple):
            return _list(form.PostingRow, expected, found, shown, at, c)
        return _mapping(expected, _ledger_sums(found, c.currency), shown, at, c, money=True)
    if hint is form.Money:
        return _money(expected, found, shown, at, c)
    if hint is form.Prepaid and not isinstance(expected, Mapping):
        return _money(expected, {name: amount for name, amount in found.items() if name in DECIMALS}, shown, at, c)
    if hint is form.Prepaid:
        return _mapping(expected, found, shown, at, c, money=True)
    if hint is form.Quantities:
        return _quantities(expected, found, shown, at, c)
    if hint is form.Document and expected is not None:
        holds = c.resolve(expected) == found
        return [_check(shown, at, expected, expected if holds else found, holds, c)]
    return [_check(shown, at, expected, found, _same(expected, found), c, money=hint is form.Amount)]


def _same(expected: Any, found: Any) -> bool:
    """Numbers by value, to the last digit; nothing equals an empty text."""
    if isinstance(expected, Decimal):
        return _number(found) == expected
    return (found or None) == expected if expected is None else found == expected


def _number(found: Any) -> Decimal | None:
    if isinstance(found, Decimal | int):
        return Decimal(found)
    try:
        return Decimal(found) if found else None
    except ArithmeticError:
        return None


def _check(shown: str, at: str, expected: Any, found: Any, holds: bool, c: Comparing, *, money: bool = False) -> Check:
    return Check(shown, text_of(expected, c, money=money), text_of(found, c, money=money), holds, c.line(at))


def _list(element: Any, expected: Sequence[Any], found: Sequence[Any], shown: str, at: str, c: Comparing) -> list[Check]:
    checks = []
    for i in range(min(len(expected), len(found))):
        checks += _value(element, expected[i], found[i], f"{shown}[{i + 1}]", f"{at}[{i}]", c)
    for i in range(len(found), len(expected)):
        checks.append(_check(f"{shown}[{i + 1}]", f"{at}[{i}]", _brief(expected[i], element), None, False, c))
    for i in range(len(expected), len(found)):
        checks.append(_check(f"{shown}[{i + 1}]", at, None, _brief(found[i], element), False, c))
    if not expected and not found:
        checks.append(Check(shown, "none", "none", True, c.line(at)))
    return checks


def _brief(value: Any, element: Any) -> Any:
    """A row without its lists, so that it fits on a line."""
    if not isinstance(value, Mapping):
        return value
    known = columns(element)
    return {name: one for name, one in value.items() if name in known and row_of(known[name]) is None and one not in (None, "")}


def _row(row: type, expected: Mapping[str, Any], found: Mapping[str, Any], shown: str, at: str, c: Comparing) -> list[Check]:
    known = columns(row)
    inner = Comparing(str(found.get("currency") or c.currency), c.zone, c.resolve, c.line)
    checks = []
    for name, value in expected.items():
        checks += _value(known[name], value, found.get(name), f"{shown}.{name}", f"{at}.{name}", inner)
    return checks


def _money(expected: Any, found: Mapping[str, Decimal], shown: str, at: str, c: Comparing) -> list[Check]:
    if isinstance(expected, Mapping):
        return _mapping(expected, found, shown, at, c, money=True)
    amount = found.get(c.currency, ZERO)
    others = {currency: one for currency, one in found.items() if one and currency != c.currency}
    if others:
        return [_check(shown, at, expected, {c.currency: amount, **others}, False, c, money=True)]
    return [_check(shown, at, expected, amount, amount == expected, c, money=True)]


def _mapping(
    expected: Mapping[str, Decimal], found: Mapping[str, Decimal], shown: str, at: str, c: Comparing, *, money: bool = False
) -> list[Check]:
    """Amounts or numbers by name; what is not named must be 0."""
    checks = []
    for name in [*expected, *(name for name, amount in found.items() if amount and name not in expected)]:
        wanted, amount = expected.get(name, ZERO), found.get(name, ZERO)
        checks.append(_check(f"{shown}.{name}", f"{at}.{name}", wanted, amount, wanted == amount, c, money=money))
    return checks


def _ledger_sums(found: Sequence[Mapping[str, Any]], currency: str) -> dict[str, Decimal]:
    """ledger → balance; with the currency in the name where it is not the account's."""
    sums: dict[str, Decimal] = {}
    for row in found:
        name = row["ledger"] if row["currency"] == currency else f"{row['ledger']} {row['currency']}"
        sums[name] = sums.get(name, ZERO) + row["amount"]
    return sums


def _quantities(expected: Any, found: Mapping[str, Decimal], shown: str, at: str, c: Comparing) -> list[Check]:
    if isinstance(expected, Mapping):
        return _mapping(expected, found, shown, at, c)
    first = next(iter(found.values()), None)
    return [_check(shown, at, expected, first, first == expected, c)]


def text_of(value: Any, c: Comparing, *, money: bool = False) -> str:
    """A value as the file would say it: amounts with the currency's decimals, times on the account's wall clock."""
    if isinstance(value, Mapping):
        shown = {name: text_of(one, c, money=money or name in AMOUNTS) for name, one in value.items()}
        return "{" + ", ".join(f"{name}: {one}" for name, one in shown.items()) + "}"
    if isinstance(value, Decimal):
        return money_text(value, c.currency) if money else plain(value)
    if isinstance(value, datetime):
        local = to_local(value, c.zone)
        return local.strftime("%Y-%m-%dT%H:%M:%S" if local.second else "%Y-%m-%dT%H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value in (None, "") else str(value)
