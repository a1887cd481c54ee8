"""Accounts: who owes how much, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display

from accounts.looks import looked
from accounts.models import Person
from billing import ledgers
from billing.admin.account_page import sections
from billing.admin.asking import ask
from billing.admin.base import STANDINGS, ReadOnlyAdmin, caller_of, money
from billing.admin.behind import behind
from billing.admin.doing import do
from billing.admin.exports import exports_page
from billing.admin.imports import imports_page
from billing.admin.segments import OfSegment
from billing.admin.work import work_page
from billing.models import Account, Balance, Due, Invoice
from billing.queries.status import Status, statuses


class AccountList(ChangeList):
    """A page of accounts with where each stands: read for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        found = {one.account.account: one for one in statuses(at=timezone.now(), accounts=[row.account for row in rows])}
        for row in rows:
            row.stand = found[row.account]
        self.result_list = rows


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    page_template = "admin/billing/account.html"
    list_display = ("account", "name", "owed", "overdue", "credit", "unbilled", "standing", "seller")
    list_filter = ("status", OfSegment, "seller", "currency")
    search_fields = ("account", "external_id")
    search_help_text = "account, name, external id, or the number of a document"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("do/<str:command>/", self.admin_site.admin_view(self.do), name="billing_do"),
            path("ask/<str:command>/", self.admin_site.admin_view(self.ask), name="billing_ask"),
            path("behind/<str:kind>/<str:key>/", self.admin_site.admin_view(self.behind), name="billing_behind"),
            path("imports/", self.admin_site.admin_view(self.imports), name="billing_imports"),
            path("exports/", self.admin_site.admin_view(self.exports), name="billing_exports"),
            path("work/<str:name>/", self.admin_site.admin_view(self.work), name="billing_work"),
        ]
        return [*own, *super().get_urls()]

    def ask(self, request: HttpRequest, command: str) -> HttpResponse:
        """The page that asks for a command which corrects money."""
        return ask(request, command, self.admin_site)

    def work(self, request: HttpRequest, name: str) -> HttpResponse:
        """One of the lists of what waits for the office."""
        return work_page(request, name, self.admin_site)

    def imports(self, request: HttpRequest) -> HttpResponse:
        """Files that are brought over, tried first."""
        return imports_page(request, self.admin_site)

    def exports(self, request: HttpRequest) -> HttpResponseBase:
        """The books of some days, looked at and taken away."""
        return exports_page(request, self.admin_site)

    def behind(self, request: HttpRequest, kind: str, key: str) -> HttpResponse:
        """The rows behind a table of the dashboard."""
        return behind(request, kind, key, self.admin_site)

    def do(self, request: HttpRequest, command: str) -> HttpResponse:
        """The page of one command, as a button of the office opens it."""
        return do(request, command, self.admin_site)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AccountList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those who owe most in their own currency come first."""
        mine = Balance.objects.filter(account=OuterRef("account"), ledger=ledgers.RECEIVABLE, currency=OuterRef("currency"))
        rows = super().get_queryset(request)
        return rows.annotate(
            owed_first=Coalesce(Subquery(mine.values("amount")[:1]), Value(0, output_field=Balance._meta.get_field("amount")))
        )

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        return (F("owed_first").desc(), "account")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        if "\x00" in search_term:
            return queryset.none(), False
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            people = Person.objects.filter(name__icontains=search_term.strip()).values("account")
            numbered = Invoice.objects.filter(Q(number=search_term.strip()) | Q(invoice=search_term.strip())).values("account")
            found |= queryset.filter(Q(account__in=people) | Q(account__in=numbered))
        return found, duplicates

    @display(description="name")
    def name(self, row: Any) -> str:
        return str(row.stand.account.name)

    @display(description="owed", ordering="owed_first")
    def owed(self, row: Any) -> str:
        return _cell(row.stand, "owed")

    @display(description="overdue")
    def overdue(self, row: Any) -> str:
        return _cell(row.stand, "overdue")

    @display(description="credit")
    def credit(self, row: Any) -> str:
        return _cell(row.stand, "credit")

    @display(description="unbilled")
    def unbilled(self, row: Any) -> str:
        return _cell(row.stand, "unbilled")

    @display(description="status", label=STANDINGS)
    def standing(self, row: Any) -> tuple[str, str]:
        return row.stand.standing, row.stand.standing.replace("_", " ")

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Whoever opens it sees who they are: each look is kept."""
        now = timezone.now()
        stand = statuses(at=now, accounts=[obj.account])[0]
        looked(caller_of(request).actor, account=obj.account, what="page of the account", at=now)
        return {
            "title": f"{obj.account}{f' · {stand.account.name}' if stand.account.name else ''}",
            "stand": stand,
            "standing_variant": STANDINGS[stand.standing],
            "due": Due.objects.filter(account=obj.account).first(),
        } | sections(request, stand, now)


def _cell(stand: Status, name: str) -> str:
    return ", ".join(text for one in stand.amounts if (text := money(getattr(one, name), one.currency)))
