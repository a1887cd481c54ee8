"""Rows to search and look at, with no page of their own making: each shows its columns."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AccessRecord
from billing.admin.asking import request_page
from billing.admin.base import caller_of
from billing.admin.documents import SearchByName
from billing.admin.work import cell
from billing.models import CorrectionRequest, Effect, StockReservation
from billing.models.webhooks import WebhookAttempt
from billing.templatetags.billing_links import stream_link
from payments.models import BankLine, Collection, Refund


class RowAdmin(SearchByName):
    """A list, and for each row a page of its columns."""

    page_template = "admin/billing/row.html"

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        account = getattr(obj, "account", "")
        currency = getattr(obj, "currency", "")
        values = ((field.name, getattr(obj, field.attname)) for field in obj._meta.concrete_fields)
        facts = [(name, cell(value, currency)) for name, value in values if value not in ("", None) and name not in ("account", "id")]
        return {"title": str(obj), "facts": facts, "account": stream_link(account)}


@admin.register(Effect)
class EffectAdmin(RowAdmin):
    list_display = ("id", "kind", "of_account", "state", "due_at", "attempt", "last_error")
    list_filter = ("state", "kind")
    search_fields = ("id", "account__exact")
    ordering = ("-due_at", "id")


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(RowAdmin):
    list_display = ("at", "endpoint", "kind", "event", "status", "milliseconds", "error")
    list_filter = ("endpoint", "status")
    search_fields = ("event", "message")
    ordering = ("-at",)


@admin.register(CorrectionRequest)
class CorrectionRequestAdmin(RowAdmin):
    page_template = "admin/billing/request.html"
    list_display = ("request", "of_account", "command", "amount", "currency", "status", "asked_by", "made_at", "decided_by")
    list_filter = ("status", "command", "code")
    search_fields = ("account", "request", "asked_by", "decided_by", "reason")
    ordering = ("-made_at", "request")

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return super().page(request, obj) | request_page(obj, caller_of(request), timezone.now())


@admin.register(StockReservation)
class StockReservationAdmin(RowAdmin):
    list_display = ("reservation", "item", "location", "of_account", "quantity", "expires", "status")
    list_filter = ("status", "location")
    search_fields = ("item", "account", "reference")


@admin.register(Collection)
class CollectionAdmin(RowAdmin):
    list_display = ("collection", "of_account", "amount", "currency", "status", "decline", "code", "attempt", "requested_at")
    list_filter = ("status", "gateway", "decline")
    search_fields = ("account", "collection", "reference")
    ordering = ("-requested_at", "collection")


@admin.register(Refund)
class RefundAdmin(RowAdmin):
    list_display = ("refund", "of_account", "amount", "currency", "status", "channel", "requested_at", "closed_at")
    list_filter = ("status", "channel")
    search_fields = ("account", "refund", "reference")
    ordering = ("-requested_at", "refund")


@admin.register(BankLine)
class BankLineAdmin(RowAdmin):
    list_display = ("booked", "amount", "currency", "name", "text", "word", "of_account", "outcome")
    list_filter = ("word", "seller", "booked")
    search_fields = ("name", "text", "reference", "account", "iban")
    ordering = ("-booked", "line")


@admin.register(AccessRecord)
class AccessRecordAdmin(RowAdmin):
    """Who looked at whom, and who was refused what. Nobody writes here but the program."""

    list_display = ("at", "actor", "action", "of_account", "what", "code")
    list_filter = ("action", "code")
    search_fields = ("actor", "account", "what")
    ordering = ("-at", "-id")
