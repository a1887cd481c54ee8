"""Refusals as a customer's page says them: their facts as amounts, days and names, not as codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from billing import sayings
from billing.models import Contract
from billing.portal.words import TITLES, contract_name, spoken
from plans.errors import Refusal

#: Numbers that are no amounts of money, also where the facts name a currency.
COUNTS = frozenset({"most", "least", "decimals", "characters"})
#: Names and numbers of things: as they are written.
NAMES = frozenset({"number", "coupon", "item", "email", "value", "plans"})
#: A day, or a moment, which refusals say in UTC.
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d).*)?")


def said(refusal: Refusal, zone: str = "UTC") -> str:
    """The refusal in the language of the page, its days as they are in the zone."""
    return sayings.said(refusal, partial(in_words, zone=zone))


def in_words(name: str, facts: Mapping[str, Any], *, zone: str) -> str:
    """One of the facts: a command as customers call it, a contract by its name, a country, an amount, a number, a day; else as it is."""
    value, speech = facts[name], spoken(zone)
    if name == "command":
        return str(TITLES.get(value, str(value).replace("_", " ")))
    if name == "contract":
        row = Contract.objects.filter(contract=str(value)).first()
        return contract_name(row) if row else str(value)
    if name == "country":
        return speech.country(str(value))
    if name in NAMES:
        return str(value)
    if found := _DAY.fullmatch(str(value)):
        day, time = found.groups()
        return speech.local_day(datetime.fromisoformat(f"{day}T{time}+00:00")) if time else speech.day(date.fromisoformat(day))
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if "currency" in facts and name not in COUNTS:
        return speech.money(number, facts["currency"])
    return speech.number(number)
