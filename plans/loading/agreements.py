"""Reading what is agreed beyond a price: renewal, the fee for leaving early, reminders, indexes and what follows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, cast

from plans.agreements import EarlyFee, Indexation, IndexEntry, Renewal
from plans.errors import Invalid
from plans.fields import Fields
from plans.loading.problems import Problems, check_code, entries_of
from plans.money import parse_decimal
from plans.periods import Period, parse_date, parse_period

_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")
KINDS = ("amount", "percent", "per_month")


@dataclass(frozen=True)
class Agreement:
    """What a plan says of the contract's term."""

    renew: Renewal | None
    early_fee: EarlyFee | None
    remind: tuple[Period, ...]


def read_agreement(fields: Fields, term: Period | None) -> Agreement:
    """`renew`, `early_fee` and `remind` of a plan. Raises Invalid with the field that needs a term and has none."""
    found = Agreement(
        renew=fields.read("renew", _renewal, None),
        early_fee=fields.read("early_fee", _early_fee, None),
        remind=tuple(sorted((parse_period(value, at) for value, at in fields.items("remind", [])), key=_minutes, reverse=True)),
    )
    for name in ("renew", "early_fee", "remind"):
        if term is None and fields.has(name):
            raise Invalid("missing_field", f"{name!r} is about the end of a term, and the plan has no 'term'", at=fields.path(name))
    return found


def _minutes(period: Period) -> int:
    """About how long, to put the longest first."""
    return period.count * {"minute": 1, "hour": 60, "day": 1440, "week": 10_080, "month": 43_800, "year": 525_600}[period.unit]


def _renewal(value: object, at: str) -> Renewal:
    """`same`, `newest`, or `{terms, for}`."""
    inner = Fields({"terms": value} if isinstance(value, str) else value, at)
    renewal = Renewal(
        terms=cast(Any, inner.choice("terms", ("same", "newest"), "same")),
        length=inner.read("for", parse_period, None),
    )
    inner.done()
    return renewal


def _early_fee(value: object, at: str) -> EarlyFee:
    """An amount (`"50.00"`), a share of the fees that are left (`50 %`), or a mapping with one of `amount`, `percent`, `per_month`."""
    if isinstance(value, str) and (share := _SHARE.fullmatch(value.strip())):
        value = {"percent": share[1]}
    elif not isinstance(value, Mapping):
        value = {"amount": value}
    inner = Fields(value, at)
    given = [name for name in KINDS if inner.has(name)]
    if len(given) != 1:
        raise Invalid("conflict", "the fee for leaving early is one of amount, percent and per_month", at=at)
    fee = EarlyFee(
        amount=inner.decimal("amount", None),
        percent=inner.read("percent", _percent, None),
        per_month=inner.decimal("per_month", None),
        maximum=inner.decimal("maximum", None),
        tax=inner.read("tax", check_code, None),
        name=inner.text("name", "Early termination", longest=200),
    )
    inner.done()
    return fee


def _percent(value: object, at: str) -> Decimal:
    found = parse_decimal(value, at=at)
    if not 0 <= found <= 100:
        raise Invalid("out_of_range", f"expected 0 to 100 percent, found {found}", at=at)
    return found


# -- indexes -------------------------------------------------------------------------------------------------------------------------


def read_indexes(fields: Fields, name: str, problems: Problems) -> dict[str, tuple[IndexEntry, ...]]:
    """Values of published indexes by day: `CODE: {2024-01-01: "117.3", …}`."""
    return problems.by_code(entries_of(fields, name), _index)


def _index(code: str, value: Any, at: str) -> tuple[IndexEntry, ...]:
    del code
    if not isinstance(value, Mapping) or not value:
        raise Invalid("wrong_type", "expected day → value", at=at)
    found: dict[date, Decimal] = {}
    for day in value:
        start = parse_date(day, f"{at}.{day}")
        found[start] = Fields({str(day): value[day]}, at).decimal(str(day))
        if not found[start]:
            raise Invalid("out_of_range", "an index is more than 0", at=f"{at}.{day}")
    return tuple(IndexEntry(start, found[start]) for start in sorted(found))


def read_indexation(value: object, at: str) -> Indexation:
    """`{name, every, share, cap, floor}`; the name of an index alone is adjusted every year."""
    inner = Fields({"name": value} if isinstance(value, str) else value, at)
    rule = Indexation(
        index=inner.read("name", check_code),
        every=inner.read("every", parse_period, Period(1, "year")),
        share=inner.decimal("share", Decimal(100)),
        cap=inner.decimal("cap", None),
        floor=inner.read("floor", _signed, None),
    )
    inner.done()
    if rule.cap is not None and rule.floor is not None and rule.floor > rule.cap:
        raise Invalid("conflict", f"the floor {rule.floor} is above the cap {rule.cap}", at=at)
    if rule.every.unit in ("minute", "hour"):
        raise Invalid("out_of_range", "a price follows an index by days, weeks, months or years", at=inner.path("every"))
    return rule


def _signed(value: object, at: str) -> Decimal:
    found = parse_decimal(value, at=at)
    if found < -100:
        raise Invalid("out_of_range", f"a price can't fall by more than 100 percent, found {found}", at=at)
    return found
