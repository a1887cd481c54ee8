"""`payment`: which invoices an amount of money pays."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.state import OpenInvoice
from payments.allocation import Wanted, as_named, in_order
from plans.money import decimals, parse_decimal, plain
from plans.periods import parse_date


def payment(inputs: Mapping[str, Any]) -> Any:
    """`amount` over `invoices` (open, due), oldest due first, or those of `named` in that order."""
    places = decimals(inputs["currency"])
    invoices = {str(i): _invoice(i, given, inputs["currency"]) for i, given in enumerate(inputs["invoices"], 1)}
    amount = parse_decimal(inputs["amount"])
    if "named" in inputs:
        paid, left = as_named(amount, [Wanted(name) for name in inputs["named"]], invoices)
    else:
        paid, left = in_order(amount, list(invoices.values()))
    parts = {part.invoice: part.amount for part in paid}
    still = [invoice.open - parts.get(invoice.id, Decimal(0)) for invoice in invoices.values()]
    return {
        "paid": {name: plain(part, places) for name, part in parts.items()},
        "open": [plain(rest, places) for rest in still],
        "left": plain(left, places),
        "owed": plain(sum(still, Decimal(0)), places),
    }


def _invoice(i: int, given: Mapping[str, Any], currency: str) -> OpenInvoice:
    amount, due = parse_decimal(given["open"]), parse_date(given["due"])
    return OpenInvoice(
        id=str(i), number=str(i), document="invoice", currency=currency, total=amount, open=amount, due=due, issued=due, sequence=i
    )
