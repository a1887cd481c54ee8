"""Adjustments by a rule: how much each account gets, computed from what it was charged. The amounts then are a correction set like others.

    share    of what was charged for an item, the part that falls into a span of time:
             round(Σ charge × overlap ÷ length of the charge × percent/100)
    excess   what the period of a day was charged beyond so many averages of the periods before it:
             round((charged − times × average) × percent/100)

`least`: smaller amounts are left out; `most`: larger ones are cut; `once`: whoever was adjusted for the item within that time gets nothing.
Exact fractions until the one rounding, in the account's currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from billing import bulk
from plans.errors import Invalid
from plans.fields import Fields, suggestion
from plans.money import plain, round_money
from plans.periods import Period, parse_period, parse_time


@dataclass(frozen=True)
class Rule:
    """`start` and `end` of a share; `at`, a moment in the period of an excess."""

    name: str
    item: str
    start: datetime | None = None
    end: datetime | None = None
    at: datetime | None = None
    times: Decimal = Decimal(1)
    periods: int = 12
    percent: Decimal = Decimal(100)
    least: Decimal = Decimal(0)
    most: Decimal | None = None
    once: Period | None = None


def read_rule(text: str) -> Rule:
    """`share of=ITEM from=T to=T`, `excess of=ITEM at=T times=3 periods=12`; each with `percent`, `least`, `most`, `once`
    (a period such as `P12M`). Times are UTC
    unless they say otherwise. Raises Invalid."""
    name, *words = text.split()
    if name not in RULES:
        raise Invalid("unknown_choice", f"there is no rule {name!r}{suggestion(name, list(RULES))}", at="rule")
    fields = Fields(dict(word.partition("=")[::2] for word in words), "rule")
    common = {
        "percent": fields.decimal("percent", Decimal(100)),
        "least": fields.decimal("least", Decimal(0)),
        "most": fields.decimal("most", None),
        "once": fields.read("once", lambda value, at: parse_period(value, at), None),
    }
    item = fields.text("of")
    if name == "share":
        start, end = (fields.read(word, lambda value, at: parse_time(value, "UTC", at)) for word in ("from", "to"))
        if end <= start:
            raise Invalid("out_of_range", "the span ends after it starts", at="rule.to")
        rule = Rule(name, item, start=start, end=end, **common)
    else:
        at = fields.read("at", lambda value, path: parse_time(value, "UTC", path))
        times, periods = fields.decimal("times", Decimal(1)), fields.integer("periods", 12, least=1, most=120)
        rule = Rule(name, item, at=at, times=times, periods=periods, **common)
    fields.done()
    return rule


def adjustments(rule: Rule, accounts: Sequence[str], *, at: datetime) -> list[dict[str, str]]:
    """The items of a correction set by `adjust`, one for each account and currency that gets something: negative amounts, for the item."""
    amounts = RULES[rule.name](rule, accounts)
    had = _adjusted(rule, accounts, at) if rule.once else set[str]()
    found = []
    for (account, currency), exact in sorted(amounts.items()):
        amount = within(rule, exact, currency)
        if amount and account not in had:
            found.append({"account": account, "amount": f"-{plain(amount)}", "currency": currency, "item": rule.item})
    return found


def within(rule: Rule, exact: Fraction, currency: str) -> Decimal:
    """The amount of one account, positive; 0 where it is less than the least, or nothing."""
    amount = round_money(exact * Fraction(rule.percent) / 100, currency)
    if amount <= 0 or amount < rule.least:
        return Decimal(0)
    return min(amount, rule.most) if rule.most is not None else amount


Amounts = dict[tuple[str, str], Fraction]  # (account, currency) → before percent, limits and rounding


def _share(rule: Rule, accounts: Sequence[str]) -> Amounts:
    statement = """
        SELECT account, currency, amount, start, "end" FROM read_charge
        WHERE account = ANY(%s) AND item = %s AND kind = 'accrual' AND start < %s AND "end" > %s AND "end" > start"""
    start, end = cast(datetime, rule.start), cast(datetime, rule.end)
    found: Amounts = {}
    for account, currency, amount, first, last in bulk.fetch(statement, [list(accounts), rule.item, end, start]):
        overlap = min(end, last) - max(start, first)
        part = Fraction(amount) * Fraction(_micros(overlap), _micros(last - first))
        found[account, currency] = found.get((account, currency), Fraction(0)) + part
    return found


def _micros(span: Any) -> int:
    return int(span.days) * 86_400_000_000 + int(span.seconds) * 1_000_000 + int(span.microseconds)


def _excess(rule: Rule, accounts: Sequence[str]) -> Amounts:
    statement = """
        SELECT account, currency, period_start, sum(amount), bool_or(start <= %s AND "end" > %s) FROM read_charge
        WHERE account = ANY(%s) AND item = %s AND kind = 'accrual' AND period_start <= %s
        GROUP BY account, currency, period_start ORDER BY account, currency, period_start DESC"""
    periods: dict[tuple[str, str], list[tuple[Decimal, bool]]] = {}
    for account, currency, _, amount, meant in bulk.fetch(statement, [rule.at, rule.at, list(accounts), rule.item, rule.at]):
        periods.setdefault((account, currency), []).append((amount, meant))
    found: Amounts = {}
    for key, ((charged, meant), *earlier) in periods.items():
        if meant and earlier:
            found[key] = beyond(charged, [amount for amount, _ in earlier[: rule.periods]], rule.times)
    return found


def beyond(charged: Decimal, earlier: Iterable[Decimal], times: Decimal) -> Fraction:
    """What was charged beyond so many averages of the earlier amounts; never less than nothing."""
    amounts = [Fraction(amount) for amount in earlier]
    return max(Fraction(0), Fraction(charged) - Fraction(times) * sum(amounts) / len(amounts))


def _adjusted(rule: Rule, accounts: Sequence[str], at: datetime) -> set[str]:
    """Whoever was credited by hand for the item within the time before."""
    since = cast(Period, rule.once).after(at, "UTC", times=-1)
    statement = """
        SELECT DISTINCT account FROM read_charge
        WHERE account = ANY(%s) AND item = %s AND kind = 'adjustment' AND amount < 0 AND effective_at > %s"""
    return {row[0] for row in bulk.fetch(statement, [list(accounts), rule.item, since])}


RULES: Mapping[str, Callable[[Rule, Sequence[str]], Amounts]] = {"share": _share, "excess": _excess}
