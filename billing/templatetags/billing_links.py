"""Links to rows and events of the back office, and how amounts and quantities are shown there. Knows no admin class."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.queries.status import money_text
from billing.requests.standing import HOUSE
from plans.money import plain as plain_text

register = template.Library()


def link(model: str, key: str, text: str) -> SafeString:
    """A link to the page of a row of this app."""
    return format_html('<a class="billing-link" href="{}">{}</a>', page_of(model, key), text)


def page_of(model: str, key: str) -> str:
    return reverse(f"admin:billing_{model}_change", args=[quoted(key)])


@register.filter
def quoted(key: str) -> str:
    """A key as the admin's addresses hold it."""
    return "".join(f"_{ord(sign):02X}" if sign in ':/_#?;@&=+$,"[]<>%\n\\' else sign for sign in key)


def list_of(model: str, **wanted: str) -> str:
    return f"{reverse(f'admin:billing_{model}_changelist')}?{urlencode(wanted)}"


def event_link(address: str) -> SafeString:
    """A link to an event by its address."""
    return format_html('<a class="billing-link" href="{}">{}</a>', reverse("admin:billing_event", args=[address]), address)


@register.simple_tag
def row_link(model: str, key: str, text: str = "") -> SafeString:
    """A link to the page of a row; its key where there is no text."""
    return link(model, key, text or key)


def stream_link(stream: str) -> SafeString | str:
    """Where something stands: the page of an account or a campaign, or the catalogues for what stands in the house."""
    if not stream:
        return ""
    if stream == HOUSE:
        return format_html('<a class="billing-link" href="{}">catalogues</a>', reverse("admin:billing_catalogues"))
    kind, colon, name = stream.partition(":")
    if colon:
        return link("campaign", name, stream) if kind == "campaign" else stream
    return link("account", stream, stream)


@register.filter
def money(amount: Decimal, currency: str) -> str:
    return f"{money_text(amount, currency)} {currency}"


@register.filter
def plain(number: Decimal) -> str:
    return plain_text(number)


@register.filter
def words(text: str) -> str:
    """`credit_note` as people write it."""
    return text.replace("_", " ")
