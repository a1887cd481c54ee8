"""One document with its lines and what paid it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from billing.models import AllocationRow, Invoice, InvoiceLine
from plans.errors import Conflict, NotFound


@dataclass(frozen=True)
class InvoicePage:
    invoice: Invoice
    lines: tuple[InvoiceLine, ...]
    allocations: tuple[AllocationRow, ...]  # what payments, credit and credit notes took from it


def find_invoice(name: str, *, account: str = "", seen: Callable[[Any], Any] = lambda rows: rows) -> InvoicePage:
    """A document by its id or number, of the account where one is named, among the rows that `seen` leaves. Raises NotFound
    `unknown_invoice`, Conflict `which_invoice` where sellers share the number."""
    of_account = seen(Invoice.objects.filter(account=account) if account else Invoice.objects.all())
    of_account = of_account if "\x00" not in name else of_account.none()
    invoice = of_account.filter(invoice=name).first()
    if invoice is None:
        found = list(of_account.filter(number=name).exclude(number="")[:3])
        if len(found) > 1:
            ids = ", ".join(one.invoice for one in found)
            raise Conflict("which_invoice", f"{name[:60]!r} is the number of several documents; name one of {ids}", at="invoice")
        if not found:
            raise NotFound("unknown_invoice", f"there is no document {name[:60]!r}; use its id or its number", at="invoice")
        invoice = found[0]
    lines = tuple(InvoiceLine.objects.filter(invoice=invoice.invoice).order_by("line"))
    return InvoicePage(invoice, lines, tuple(AllocationRow.objects.filter(invoice=invoice.invoice).order_by("sequence")))
