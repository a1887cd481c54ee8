"""What templates of customers' pages need: amounts and words in the language of the page."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils import timezone

from billing.portal import words

register = template.Library()


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """`€1,234.50`, `1.234,50 €`."""
    return words.money(amount, currency)


@register.filter
def number(value: Decimal) -> str:
    """A number with the separators of the language."""
    return words.spoken().number(value)


@register.filter
def day(value: date | datetime | None) -> str:
    """`Nov 19, 2026`, `19 nov 2026`; of a moment its day in the account's zone; empty without one."""
    if value is None:
        return ""
    return words.spoken().day(value.astimezone(timezone.get_current_timezone()).date() if isinstance(value, datetime) else value)


@register.filter
def percent(value: int | Decimal) -> str:
    """`76%`, `76 %`."""
    return words.percent(value)


@register.filter
def word(code: str) -> str:
    """A state, role or kind of document in everyday words; itself where it has none."""
    return str(words.STATES.get(code.replace(" ", "_"), code.replace("_", " ")))


@register.filter
def channel(code: str) -> str:
    """How money came."""
    return words.channel(code)


@register.filter
def declined(code: str) -> str:
    """Why a payment was declined."""
    return words.declined(code)


@register.filter
def scope(code: str) -> str:
    """What a key may do."""
    return str(dict(words.SCOPES).get(code, code))


@register.filter
def country(code: str) -> str:
    """The name of a country."""
    return words.spoken().country(code)
