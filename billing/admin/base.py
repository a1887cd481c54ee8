"""What every page shares: nobody adds, changes or deletes a row; a page is one template over plain values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from accounts.access import Caller, caller_of_user
from billing.queries.status import money_text

#: Colours of Unfold's labels.
STANDINGS = {"overdue": "danger", "owes": "warning", "in_credit": "info", "settled": "success", "parked": "danger", "closed": "default"}
STATES = {
    "open": "warning",
    "paid": "success",
    "void": "default",
    "credited": "info",
    "issued": "info",
    "active": "success",
    "paused": "warning",
    "suspended": "danger",
    "ended": "default",
}


def caller_of(request: HttpRequest) -> Caller:
    """Who asks, looked up once for a request."""
    if "billing_caller" not in request.__dict__:
        request.__dict__["billing_caller"] = caller_of_user(request.user)
    found: Caller = request.__dict__["billing_caller"]
    return found


def may_look(request: HttpRequest) -> bool:
    """Whether the one who asks is staff with a role."""
    caller = caller_of(request)
    return caller.everything and bool(caller.roles)


class ReadOnlyAdmin(ModelAdmin):
    """Rows to look at. `page_template` shows one of them, with what `page` answers."""

    page_template = ""
    actions = None
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Every role of staff may look (accounts/roles.py); rows of permissions are not asked."""
        return may_look(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the page's template shows."""
        raise NotImplementedError

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if object_id is None:
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id)) if "\x00" not in object_id else None
        if obj is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        if not self.has_view_permission(request, obj):
            return HttpResponse("You may not see this.", status=403, content_type="text/plain")
        context = self.admin_site.each_context(request) | {"opts": self.opts, "original": obj, "title": str(obj)}
        return TemplateResponse(request, self.page_template, context | self.page(request, obj) | (extra_context or {}))


def money(amount: Decimal | None, currency: str) -> str:
    """For a cell: the amount with its currency; nothing for nothing."""
    return f"{money_text(amount, currency)} {currency}" if amount else ""
