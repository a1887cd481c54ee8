"""`{% load entitlements %}{% entitled account "single-sign-on" as sso %}{% if sso.allowed %}…{% endif %}`"""

from __future__ import annotations

from django import template

from billing.entitlements.rules import Entitlement
from billing.entitlements.views import check_now

register = template.Library()


@register.simple_tag
def entitled(account: str, feature: str, quantity: int = 1) -> Entitlement:
    """The answer, now: `allowed`, `remaining`, `until`, `why`."""
    return check_now(account, feature, quantity)
