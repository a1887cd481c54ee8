"""What templates of customers' pages need: amounts and words in the language of the page."""

from __future__ import annotations

from decimal import Decimal

from django import template

from billing.portal import words
from billing.sayings import titled as titled_in_the_language

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
def titled(title: str) -> str:
    """The title of a reason."""
    return titled_in_the_language(title)


@register.filter
def word(code: str) -> str:
    """A state, role or kind of document in everyday words; itself where it has none."""
    return str(words.STATES.get(code.replace(" ", "_"), code.replace("_", " ")))
