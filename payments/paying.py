"""Giving money to documents: which ones, and the postings of it. Shared by every command that pays something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.events import Allocation, Posting
from billing.queries.money import due_parts
from billing.state import OpenInvoice
from payments.allocation import Wanted, as_named, in_order
from payments.dunning.loading import late_amounts
from payments.interest.settling import allocation_of
from payments.standing import receivable_invoices
from plans.errors import Conflict, Invalid
from plans.fields import Fields

COMPONENTS = {"interest": ("late_interest",), "fees": ("late_fee", "surcharge")}  # part of a document -> components of its lines
CHANNELS = ("cash", "transfer", "cheque", "card", "other")


def check_channel(channel: str) -> str:
    """The channel, if a person may name it. Raises Invalid `unknown_choice`."""
    if channel not in CHANNELS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(CHANNELS)}; found {channel!r}", at="channel")
    return channel


def cash(channel: str) -> str:
    """The ledger of the money that came or went this way."""
    return f"{ledgers.CASH}:{channel}"


def share_out(
    account: str, amount: Decimal, currency: str, names: Sequence[Any], *, less: Mapping[str, Decimal] | None = None
) -> tuple[tuple[Allocation, ...], Decimal]:
    """Which documents the amount pays: those named (with an amount for each if wanted), else by the catalogue's order; and what is left.

    `less` is what the same command takes off documents before.
    Raises NotFound `unknown_invoice`, Conflict `invoice_paid`, `invoice_written_off`, `more_than_open`, `more_than_paid`, `currency`.
    """
    invoices = {name: replace(one, open=one.open - (less or {}).get(name, 0)) for name, one in receivable_invoices(account).items()}
    wanted = [wanted_of(value, i) for i, value in enumerate(names)]
    if wanted:
        allocations, left = as_named(amount, wanted, invoices)
    else:
        open_ones = [one for one in invoices.values() if one.currency == currency and one.open > 0]
        first = allocation_of(account).first
        late = {part: late_amounts([one.id for one in open_ones], COMPONENTS[part]) for part in first}
        allocations, left = in_order(amount, open_ones, first=first, late=late, parts=due_parts([account]))
    _one_currency(allocations, invoices, currency)
    return tuple(allocations), left


def wanted_of(value: Any, position: int) -> Wanted:
    """A document as a person named it: a text, or a mapping of `invoice` and `amount`."""
    if isinstance(value, Mapping):
        fields = Fields(value, f"invoices[{position}]")
        wanted = Wanted(str(fields.raw("invoice")), fields.decimal("amount", None))
        fields.done()
        return wanted
    return Wanted(str(value))


def _one_currency(allocations: Sequence[Allocation], invoices: Mapping[str, OpenInvoice], currency: str) -> None:
    for one in allocations:
        if invoices[one.invoice].currency != currency:
            other = invoices[one.invoice].currency
            raise Conflict("currency", f"the invoice {one.number or one.invoice} is in {other}, the payment in {currency}", at="currency")


def receivable_legs(allocations: Sequence[Allocation], currency: str) -> list[Posting]:
    """What the allocations take off the documents' receivables."""
    return [Posting(ledger=ledgers.RECEIVABLE, amount=-one.amount, currency=currency, invoice=one.invoice) for one in allocations]


def total(allocations: Sequence[Allocation]) -> Decimal:
    return sum((one.amount for one in allocations), Decimal(0))
