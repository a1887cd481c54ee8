"""The rows behind two tables of the dashboard that have no list of their own: single sales of an item, and records of a meter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from billing import bulk
from billing.admin.base import may_look
from billing.admin.figures import LATELY
from billing.admin.work import cell
from billing.templatetags.billing_links import event_link, stream_link

MOST_SHOWN = 200
SOLD = """
    SELECT account, account || '/' || sequence, effective_at, name, quantity, amount, currency FROM read_charge
    WHERE kind = 'sale' AND item = %s AND effective_at > %s AND effective_at <= %s ORDER BY effective_at DESC, account, sequence LIMIT %s"""
USED = """
    SELECT account, source || ':' || record, at, kind, value, subject FROM usage_record
    WHERE meter = %s AND at > %s AND at <= %s ORDER BY at DESC, account, sequence LIMIT %s"""


def behind(request: HttpRequest, kind: str, key: str, site: Any) -> HttpResponse:
    """The newest rows of the days that the dashboard counts."""
    if not may_look(request):
        raise PermissionDenied
    if kind not in ("sold", "used") or "\x00" in key:
        raise Http404
    at = timezone.now()
    headings, rows = _sold(key, at) if kind == "sold" else _used(key, at)
    context = {
        "title": f"{key}: {'sold' if kind == 'sold' else 'used'} in {LATELY.days} days",
        "headings": headings,
        "rows": rows[:MOST_SHOWN],
    }
    return TemplateResponse(request, "admin/billing/behind.html", site.each_context(request) | context | {"more": len(rows) > MOST_SHOWN})


def _sold(item: str, at: datetime) -> tuple[list[str], list[list[Any]]]:
    found = bulk.fetch(SOLD, [item, at - LATELY, at, MOST_SHOWN + 1])
    rows = [
        [stream_link(account), event_link(address), cell(moment), name, f"{quantity.normalize():f}", cell(amount, currency)]
        for account, address, moment, name, quantity, amount, currency in found
    ]
    return ["account", "event", "sold", "item", "quantity", "amount"], rows


def _used(meter: str, at: datetime) -> tuple[list[str], list[list[Any]]]:
    found = bulk.fetch(USED, [meter, at - LATELY, at, MOST_SHOWN + 1])
    rows = [
        [stream_link(account), record, cell(moment), kind, "" if value is None else f"{value.normalize():f}", subject]
        for account, record, moment, kind, value, subject in found
    ]
    return ["account", "record", "used", "kind", "value", "subject"], rows
