"""Pure: which invoices an amount of money pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.events import Allocation
from billing.state import OpenInvoice
from plans.errors import Conflict, NotFound
from plans.fields import suggestion
from plans.money import plain


@dataclass(frozen=True)
class Wanted:
    """An invoice that the payer named, with the amount for it where one was given."""

    name: str
    amount: Decimal | None = None


def oldest_due_first(amount: Decimal, invoices: Sequence[OpenInvoice]) -> tuple[list[Allocation], Decimal]:
    """Pay the invoices in the order of their due dates, then of issue; answers the allocations and what is left."""
    left, found = amount, []
    for invoice in sorted(invoices, key=lambda one: (one.due is None, one.due, one.sequence)):
        part = min(left, invoice.open)
        if part > 0:
            found.append(Allocation(invoice=invoice.id, number=invoice.number, amount=part))
            left -= part
    return found, left


def as_named(amount: Decimal, wanted: Sequence[Wanted], invoices: Mapping[str, OpenInvoice]) -> tuple[list[Allocation], Decimal]:
    """Pay the named invoices in the order named, each up to its open amount (or the amount given for it); answers what is left too.

    Raises NotFound `unknown_invoice`, Conflict `invoice_paid`, `invoice_written_off`, `more_than_open`, `more_than_paid`.
    """
    left, found = amount, []
    for one in wanted:
        invoice = find(one.name, invoices)
        if not invoice.open and invoice.status == "written_off":
            message = f"{invoice.number or invoice.id} was written off: money for it is taken by recover"
            raise Conflict("invoice_written_off", message, at="invoices", invoice=invoice.id)
        if not invoice.open:
            raise Conflict("invoice_paid", f"nothing is open on {invoice.number or invoice.id}", at="invoices", invoice=invoice.id)
        if one.amount is not None and one.amount > invoice.open:
            message = f"{plain(one.amount)} was named for {invoice.number or invoice.id}, of which {plain(invoice.open)} is open"
            raise Conflict("more_than_open", message, at="invoices", invoice=invoice.id)
        if one.amount is not None and one.amount > left:
            raise Conflict(
                "more_than_paid", f"the amounts named for the invoices come to more than the {plain(amount)} paid", at="invoices"
            )
        part = min(left, invoice.open if one.amount is None else one.amount)
        if part > 0:
            found.append(Allocation(invoice=invoice.id, number=invoice.number, amount=part))
            left -= part
    return found, left


def find(name: str, invoices: Mapping[str, OpenInvoice]) -> OpenInvoice:
    """The invoice by its id, its number, or its position in the account's list (from 1)."""
    if name in invoices:
        return invoices[name]
    for invoice in invoices.values():
        if invoice.number == name:
            return invoice
    listed = sorted(invoices.values(), key=lambda one: one.sequence)
    if name.isdigit() and 1 <= int(name) <= len(listed):
        return listed[int(name) - 1]
    known = [invoice.number or invoice.id for invoice in listed]
    raise NotFound("unknown_invoice", f"the account has no invoice {name!r}{suggestion(name, known)}", at="invoices")
