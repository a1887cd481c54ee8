"""Contracts: the terms that they had, their periods, what they were charged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from billing.admin.base import STATES, caller_of, money
from billing.admin.documents import SearchByName
from billing.admin.doing import buttons_about
from billing.models import Charge, Contract, ContractTerms, Period
from billing.templatetags.billing_links import event_link
from plans.errors import Refusal
from plans.periods import day_start, parse_date

MOST_ROWS = 40


class RunningOn(admin.SimpleListFilter):
    """Contracts that run at the end of a day (in UTC), or `today`."""

    title = "running"
    parameter_name = "running_on"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("today", "today")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if not wanted:
            return queryset
        try:
            moment = timezone.now() if wanted == "today" else day_start(parse_date(wanted) + timedelta(days=1), "UTC")
        except (Refusal, OverflowError):
            return queryset.none()
        return queryset.filter(Q(end=None) | Q(end__gte=moment), start__lt=moment)


@admin.register(Contract)
class ContractAdmin(SearchByName):
    page_template = "admin/billing/contract.html"
    list_display = ("contract", "of_account", "plan", "price_list", "start", "end", "state")
    list_filter = ("status", RunningOn, "plan", "catalogue", "currency")
    search_fields = ("contract", "account", "plan", "name")
    ordering = ("account", "start", "contract")

    @display(description="catalogue")
    def price_list(self, row: Any) -> str:
        return f"{row.catalogue}@{row.version}"

    @display(description="status", label=STATES, ordering="status")
    def state(self, row: Any) -> str:
        return str(row.status)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        mine = {"account": obj.account, "contract": obj.contract}
        terms = ContractTerms.objects.filter(**mine).order_by("-effective_at", "-sequence")[:MOST_ROWS]
        charges = Charge.objects.filter(**mine).order_by("-sequence")[:MOST_ROWS]
        return {
            "title": f"Contract {obj.contract} · {obj.plan}",
            "contract": obj,
            "todo": buttons_about(caller_of(request), obj.account, "contract", obj.contract) if obj.status != "ended" else [],
            "variant": STATES.get(obj.status, "default"),
            "terms": [(row, event_link(f"{row.account}/{row.sequence}"), _items(row.terms)) for row in terms],
            "periods": Period.objects.filter(**mine).order_by("-start", "item")[:MOST_ROWS],
            "charges": [(row, event_link(f"{row.account}/{row.sequence}"), money(row.amount, row.currency) or "0") for row in charges],
        }


def _items(terms: dict[str, Any]) -> str:
    return ", ".join(
        f"{held['quantity']} × {item}{' at its own price' if held.get('price') else ''}" for item, held in terms["items"].items()
    )
