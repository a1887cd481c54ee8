"""Keys of programs, without their secrets; made, changed and ended by commands."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts.models import ApiKey
from billing.admin.base import caller_of
from billing.admin.doing import Button, address_of
from billing.admin.rows import RowAdmin

SECRETS = ("digest", "old_digest")


@admin.register(ApiKey)
class ApiKeyAdmin(RowAdmin):
    page_template = "admin/billing/key.html"
    list_display = ("prefix", "name", "shown_scopes", "account", "seller", "made_at", "expires_at", "last_used_at", "state")
    list_filter = ("seller",)
    search_fields = ("prefix", "name", "account")
    ordering = ("-made_at",)

    @display(description="scopes")
    def shown_scopes(self, row: Any) -> str:
        return ", ".join(row.scopes)

    @display(description="state")
    def state(self, row: Any) -> str:
        if row.revoked_at is not None:
            return "revoked"
        return "expired" if row.expires_at is not None and row.expires_at <= timezone.now() else "holds"

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        found = super().page(request, obj)
        found["facts"] = [(name, value) for name, value in found["facts"] if name not in SECRETS]
        given = urlencode({"prefix": obj.prefix} | ({"account": obj.account} if obj.account else {}))
        steps = [("rotate_api_key", "New secret"), ("revoke_api_key", "Revoke")] if obj.revoked_at is None else []
        found["steps"] = [Button(name, label, f"{address_of(name)}?{given}") for name, label in steps if caller_of(request).may_run(name)]
        return found
