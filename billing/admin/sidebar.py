"""The sidebar of the office: where to go, and how much waits on each work list (one statement a page)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from billing.admin.base import caller_of, may_look
from billing.admin.work import address_of_list
from billing.admin.worklists import LISTS, MOST_COUNTED, counts

#: Lists that are late when anything stands on them.
ALARMS = frozenset({"failed-payments", "disputes", "parked", "unbilled", "failed-effects"})


def waiting(request: HttpRequest) -> dict[str, int]:
    """What waits on each list, asked once for a request."""
    if "billing_waiting" not in request.__dict__:
        request.__dict__["billing_waiting"] = counts(timezone.now())
    found: dict[str, int] = request.__dict__["billing_waiting"]
    return found


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What the signed-in member of staff may open."""
    if not may_look(request):
        return []
    people = [{"title": "Roles", "icon": "badge", "link": reverse("admin:billing_roles")}]
    if "administrator" in caller_of(request).roles:
        people.insert(0, _item("Staff", "manage_accounts", "auth_user"))
    files = [{"title": "Imports", "icon": "upload_file", "link": reverse("admin:billing_imports")}]
    if "books" in caller_of(request).areas:
        files.append({"title": "Exports", "icon": "download", "link": reverse("admin:billing_exports")})
    groups: list[dict[str, Any]] = [
        {"title": "", "items": [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}, *_customers()]},
        {"title": "Waiting", "separator": True, "items": _lists(waiting(request))},
        {"title": "Behind it", "separator": True, "collapsible": True, "items": [*files, *_behind(), *people]},
    ]
    items = [item for group in groups for item in group["items"]]
    here = max((item["link"] for item in items if request.path.startswith(item["link"])), key=len, default="")
    for item in items:
        item["active"] = item["link"] == here
    return groups


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{model}_changelist")}


def _customers() -> list[dict[str, Any]]:
    return [
        _item("Accounts", "group", "billing_account"),
        _item("Contracts", "contract", "billing_contract"),
        _item("Documents", "receipt_long", "billing_invoice"),
        _item("Payments", "payments", "billing_payment"),
        {"title": "Catalogues", "icon": "sell", "link": reverse("admin:billing_catalogues")},
        _item("Contacts", "contacts", "accounts_contact"),
        _item("Tasks", "task_alt", "accounts_task"),
        _item("Segments", "filter_alt", "accounts_segment"),
        _item("Campaigns", "campaign", "billing_campaign"),
    ]


def _lists(found: dict[str, int]) -> list[dict[str, Any]]:
    items = []
    for name, work in LISTS.items():
        item: dict[str, Any] = {"title": work.title, "icon": work.icon, "link": address_of_list(name)}
        if found[name]:
            item |= {"badge": shown_count(found[name]), "badge_variant": "danger" if name in ALARMS else "info"}
        items.append(item)
    return items


def shown_count(count: int) -> str:
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count)


def _behind() -> list[dict[str, Any]]:
    return [
        _item("Journal", "menu_book", "billing_journalevent"),
        _item("Requests", "rule", "billing_correctionrequest"),
        _item("Collections", "sync_alt", "payments_collection"),
        _item("Refunds", "undo", "payments_refund"),
        _item("Bank lines", "account_balance", "payments_bankline"),
        _item("Stock", "inventory_2", "billing_stockreservation"),
        _item("Effects", "outbox", "billing_effect"),
        _item("Runs", "play_circle", "billing_run"),
        _item("Schedules", "schedule", "django_celery_beat_periodictask"),
        _item("Keys of programs", "key", "accounts_apikey"),
        _item("Webhooks", "webhook", "billing_webhookattempt"),
        _item("Looks and refusals", "visibility", "accounts_accessrecord"),
    ]
