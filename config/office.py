"""How the admin looks, and what stands in its sidebar."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Bill'em All",
    "SITE_HEADER": "Bill'em All",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("billing/icon.svg")}],
    "DASHBOARD_CALLBACK": "billing.admin.home.dashboard",
    "SIDEBAR": {"show_search": False, "navigation": "billing.admin.sidebar.navigation"},
}
