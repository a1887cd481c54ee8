"""The journal: every fact as it was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from unfold.decorators import display

from billing.admin.base import ReadOnlyAdmin
from billing.codec import kinds
from billing.journal import is_account, one
from billing.models import JournalEvent
from billing.queries.history import summary
from billing.templatetags.billing_links import event_link, link, page_of


class KindFilter(admin.SimpleListFilter):
    """Known kinds, so that a filter never reads the whole journal."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(kind, kind) for kind in kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() in kinds() else queryset


@admin.register(JournalEvent)
class JournalAdmin(ReadOnlyAdmin):
    page_template = "admin/billing/event.html"
    list_display = ("address", "kind", "effective", "recorded", "command", "actor", "key")
    list_filter = (KindFilter,)
    search_fields = ("stream__exact", "key__exact", "actor__exact")
    search_help_text = "an account or other stream, an actor, a key; or an address such as ana/17"
    ordering = ("-position",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("data", "hash", "previous_hash")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in ("stream", "kind")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        if "\x00" in search_term:
            return queryset.none(), False
        stream, _, sequence = search_term.strip().rpartition("/")
        if stream and sequence.isascii() and sequence.isdigit() and len(sequence) < 19:
            return queryset.filter(stream=stream, sequence=int(sequence)), False
        return super().get_search_results(request, queryset, search_term)

    @display(description="address")
    def address(self, row: Any) -> str:
        return f"{row.stream}/{row.sequence}"

    @display(description="effective at", ordering="effective_at")
    def effective(self, row: Any) -> str:
        return f"{row.effective_at:%Y-%m-%d %H:%M:%S}"

    @display(description="recorded at", ordering="recorded_at")
    def recorded(self, row: Any) -> str:
        return f"{row.recorded_at:%Y-%m-%d %H:%M:%S}"

    def get_urls(self) -> list[URLPattern]:
        return [path("at/<path:address>/", self.admin_site.admin_view(self.by_address), name="billing_event"), *super().get_urls()]

    def by_address(self, request: HttpRequest, address: str) -> HttpResponseRedirect:
        """From an address to the page of its event."""
        stream, _, sequence = address.rpartition("/")
        known = sequence.isascii() and sequence.isdigit() and len(sequence) < 19
        found = get_object_or_404(JournalEvent.objects.only("position"), stream=stream, sequence=int(sequence) if known else 0)
        return HttpResponseRedirect(page_of("journalevent", str(found.position)))

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        recorded = one(obj.stream, obj.sequence)
        facts = [
            (name, str(value))
            for name in ("effective_at", "recorded_at", "actor", "command", "key", "version", "position")
            if (value := getattr(obj, name)) != ""
        ]
        return {
            "title": f"{obj.kind} · {obj.stream}/{obj.sequence}",
            "event": obj,
            "facts": facts,
            "cause": event_link(obj.cause) if obj.cause else "",
            "account": link("account", obj.stream, obj.stream) if is_account(obj.stream) else obj.stream,
            "summary": summary(recorded.event) if recorded else "",
            "postings": entry.postings if recorded and (entry := getattr(recorded.event, "entry", None)) else (),
            "data": orjson.dumps(obj.data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode(),
            "hashes": [("hash", bytes(obj.hash).hex()), ("of the event before", bytes(obj.previous_hash).hex() or "none: it is the first")],
            "before": event_link(f"{obj.stream}/{obj.sequence - 1}") if obj.sequence > 1 else "",
        }
