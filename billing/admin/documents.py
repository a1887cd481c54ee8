"""Documents and payments."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import display

from accounts import vault
from billing.admin.base import STATES, ReadOnlyAdmin, caller_of, money
from billing.admin.doing import Button, buttons_about
from billing.journal import one, split_address
from billing.models import Invoice, Payment
from billing.queries.invoices import find_invoice
from billing.queries.why import why
from billing.templatetags.billing_links import event_link, stream_link
from plans.errors import Refusal


class SearchByName(ReadOnlyAdmin):
    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.none(), False) if "\x00" in search_term else super().get_search_results(request, queryset, search_term)

    @display(description="account", ordering="account")
    def of_account(self, row: Any) -> Any:
        return stream_link(row.account)


@admin.register(Invoice)
class InvoiceAdmin(SearchByName):
    page_template = "admin/billing/invoice.html"
    list_display = ("shown_number", "document", "of_account", "issued", "due", "shown_total", "shown_open", "state")
    list_filter = ("document", "status", "seller", "currency")
    search_fields = ("number", "account", "invoice")
    search_help_text = "number, id or account"
    ordering = ("-issued_at", "-sequence", "account")

    @display(description="number", ordering="number")
    def shown_number(self, row: Any) -> str:
        return row.number or row.invoice

    @display(description="total", ordering="total")
    def shown_total(self, row: Any) -> str:
        return money(row.total, row.currency)

    @display(description="open", ordering="open")
    def shown_open(self, row: Any) -> str:
        return money(row.open, row.currency)

    @display(description="status", label=STATES, ordering="status")
    def state(self, row: Any) -> str:
        return str(row.status)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        found = find_invoice(obj.invoice)
        recorded = one(*split_address(obj.invoice))
        event: Any = recorded.event if recorded else None
        try:
            tree = why(obj.account, obj.invoice, at=timezone.now())
        except Refusal:
            tree = None
        return {
            "title": f"{obj.document.replace('_', ' ').capitalize()} {obj.number or obj.invoice}",
            "invoice": obj,
            "todo": _todo(request, obj),
            "pdf": f"{reverse('document', args=[obj.account, obj.number or obj.invoice])}?as=pdf",
            "variant": STATES.get(obj.status, "default"),
            "lines": [(line, money(line.amount, obj.currency), money(line.tax, obj.currency)) for line in found.lines],
            "taxes": [(tax, money(tax.tax, obj.currency), money(tax.base, obj.currency)) for tax in getattr(event, "taxes", ())],
            "facts": [(name, money(getattr(obj, name), obj.currency)) for name in ("net", "tax", "total", "open") if getattr(obj, name)],
            "allocations": [
                (row, money(row.amount, obj.currency), event_link(f"{row.account}/{row.sequence}")) for row in found.allocations
            ],
            "buyer": vault.party(event.buyer) if getattr(event, "buyer", "") else {},
            "seller": getattr(event, "seller", {}) if not isinstance(getattr(event, "seller", {}), str) else {},
            "tree": tree,
        }


def _todo(request: HttpRequest, row: Any) -> list[Button]:
    """What can be done about the document; it is paid by name."""
    caller, name = caller_of(request), row.number or row.invoice
    if row.status == "void" or row.document == "credit_note":
        return []
    paid = buttons_about(caller, row.account, "invoices", name) if row.status == "open" else []
    return [one for one in paid if one.name in ("pay", "collect", "open_checkout")] + [
        one for one in buttons_about(caller, row.account, "invoice", name) if one.name != "sell"
    ]


@admin.register(Payment)
class PaymentAdmin(SearchByName):
    page_template = "admin/billing/payment.html"
    list_display = ("payment", "of_account", "received_at", "shown_amount", "channel", "reference", "status")
    list_filter = ("channel", "currency")
    search_fields = ("account", "reference", "payment")
    ordering = ("-received_at", "account")

    @display(description="amount", ordering="amount")
    def shown_amount(self, row: Any) -> str:
        return money(row.amount, row.currency)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        todo = buttons_about(caller_of(request), obj.account, "payment", obj.payment)
        return {
            "title": f"Payment {obj.payment}",
            "todo": todo,
            "payment": obj,
            "tree": why(obj.account, obj.payment, at=timezone.now()),
            "account": obj.account,
        }
