"""Pure: which invoices an amount of money pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.due import DuePart, unpaid
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


Late = Mapping[str, Mapping[str, Decimal]]  # part (`interest`, `fees`) -> document -> what of its total bills for that


def in_order(
    amount: Decimal,
    invoices: Sequence[OpenInvoice],
    *,
    first: Sequence[str] = (),
    late: Late | None = None,
    parts: Mapping[str, Sequence[DuePart]] | None = None,
) -> tuple[list[Allocation], Decimal]:
    """Pay the kinds of amounts in `first` of all invoices, in this order, then the rest; within each the oldest due, then the first issued.

    An invoice with several due dates (`parts`) is paid part by part. Answers one allocation for each invoice, and what is left.
    """
    ordered = sorted(invoices, key=lambda one: (one.due is None, one.due, one.sequence))
    left, taken = amount, {invoice.id: Decimal(0) for invoice in ordered}
    wanted = [(invoice, _open_part(invoice, part, first, late or {})) for part in first for invoice in ordered]
    for invoice, size in [*wanted, *_by_due_date(ordered, parts or {})]:
        share = min(left, size, invoice.open - taken[invoice.id])
        if share > 0:
            taken[invoice.id] += share
            left -= share
    found = [Allocation(invoice=one.id, number=one.number, amount=taken[one.id]) for one in ordered if taken[one.id]]
    return found, left


def _by_due_date(ordered: Sequence[OpenInvoice], parts: Mapping[str, Sequence[DuePart]]) -> list[tuple[OpenInvoice, Decimal]]:
    """Each open amount with its invoice, the oldest due first."""
    found = []
    for invoice in ordered:
        open_parts = unpaid(invoice.open, parts[invoice.id]) if invoice.id in parts else []
        found += [(part.due, invoice, part.amount) for part in open_parts] or [(invoice.due or date.max, invoice, invoice.open)]
    return [(invoice, size) for _, invoice, size in sorted(found, key=lambda one: (one[0], one[1].sequence))]


def _open_part(invoice: OpenInvoice, part: str, first: Sequence[str], late: Late) -> Decimal:
    """What of the part is open: what was paid of the document paid the parts before it first."""
    paid = invoice.total - invoice.open
    for before in first:
        size = late.get(before, {}).get(invoice.id, Decimal(0))
        if before == part:
            return max(Decimal(0), min(size - paid, invoice.open))
        paid = max(Decimal(0), paid - size)
    return Decimal(0)


def as_named(amount: Decimal, wanted: Sequence[Wanted], invoices: Mapping[str, OpenInvoice]) -> tuple[list[Allocation], Decimal]:
    """Pay the named invoices in the order named, each up to its open amount (or the amount given for it); answers what is left too.

    Raises NotFound `unknown_invoice`, Conflict `invoice_paid`, `invoice_written_off`, `more_than_open`, `more_than_paid`.
    """
    left, found = amount, []
    for one in wanted:
        invoice = find(one.name, invoices)
        if not invoice.open and invoice.status == "written_off":
            message = f"{invoice.number or invoice.id} was written off: money for it is taken by recover"
            raise Conflict("invoice_written_off", message, at="invoices", invoice=invoice.id, number=invoice.number)
        if not invoice.open:
            message = f"nothing is open on {invoice.number or invoice.id}"
            raise Conflict("invoice_paid", message, at="invoices", invoice=invoice.id, number=invoice.number)
        if one.amount is not None and one.amount > invoice.open:
            message = f"{plain(one.amount)} was named for {invoice.number or invoice.id}, of which {plain(invoice.open)} is open"
            facts = {"invoice": invoice.id, "number": invoice.number, "open": plain(invoice.open), "currency": invoice.currency}
            raise Conflict("more_than_open", message, at="invoices", **facts)
        if one.amount is not None and one.amount > left:
            message = f"the amounts named for the invoices come to more than the {plain(amount)} paid"
            raise Conflict("more_than_paid", message, at="invoices", paid=plain(amount), currency=invoice.currency)
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
