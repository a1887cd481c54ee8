"""Accounts: who owes how much, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display

from accounts.models import Person
from billing import ledgers
from billing.admin.base import STANDINGS, STATES, ReadOnlyAdmin, caller_of, money
from billing.admin.doing import buttons, do
from billing.admin.work import work_page
from billing.models import Account, Balance, Contract, Due, Invoice, Payment
from billing.queries.history import Filter, events, summary
from billing.queries.status import Status, money_text, statuses
from billing.queries.why import why
from billing.templatetags.billing_links import list_of
from plans.errors import Refusal

MOST_ROWS = 20


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
    list_filter = ("status", "seller", "currency")
    search_fields = ("account", "external_id")
    search_help_text = "account, name, external id, or the number of a document"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("do/<str:command>/", self.admin_site.admin_view(self.do), name="billing_do"),
            path("work/<str:name>/", self.admin_site.admin_view(self.work), name="billing_work"),
        ]
        return [*own, *super().get_urls()]

    def work(self, request: HttpRequest, name: str) -> HttpResponse:
        """One of the lists of what waits for the office."""
        return work_page(request, name, self.admin_site)

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
        now = timezone.now()
        stand = statuses(at=now, accounts=[obj.account])[0]
        try:
            tree = why(obj.account, at=now)
        except Refusal as refusal:  # a catalogue that is gone: the sums still stand
            tree, problem = None, str(refusal)
        else:
            problem = ""
        return {
            "title": f"{obj.account}{f' · {stand.account.name}' if stand.account.name else ''}",
            "stand": stand,
            "cards": _cards(stand),
            "standing_variant": STANDINGS[stand.standing],
            "tree": tree,
            "problem": problem,
            "buttons": buttons(caller_of(request), obj.account),
            "due": Due.objects.filter(account=obj.account).first(),
            "contracts": _contracts(obj.account),
            "documents": _documents(obj.account),
            "payments": Payment.objects.filter(account=obj.account).order_by("-sequence")[:MOST_ROWS],
            "events": [(recorded, summary(recorded.event)) for recorded in reversed(events(obj.account, Filter(limit=MOST_ROWS)))],
            "all_documents": list_of("invoice", account=obj.account),
            "all_events": list_of("journalevent", stream=obj.account),
        }


def _cell(stand: Status, name: str) -> str:
    return ", ".join(text for one in stand.amounts if (text := money(getattr(one, name), one.currency)))


def _cards(stand: Status) -> list[dict[str, str]]:
    """One card for each amount that matters, in each currency."""
    names = ("balance", "owed", "overdue", "credit", "unbilled", "payable")
    return [
        {
            "title": name,
            "text": money_text(getattr(one, name), one.currency),
            "currency": one.currency,
            "alarm": "yes" if name == "overdue" else "",
        }
        for one in stand.amounts
        for name in names
        if getattr(one, name) or name in ("balance", "owed")
    ]


def _contracts(account: str) -> list[dict[str, Any]]:
    rows = Contract.objects.filter(account=account).order_by("-start", "contract")[:MOST_ROWS]
    return [{"row": row, "variant": STATES.get(row.status, "default")} for row in rows]


def _documents(account: str) -> list[dict[str, Any]]:
    rows = Invoice.objects.filter(account=account).order_by("-sequence")[:MOST_ROWS]
    return [
        {
            "row": row,
            "total": money_text(row.total, row.currency),
            "open": money(row.open, row.currency),
            "variant": STATES.get(row.status, "default"),
        }
        for row in rows
    ]
