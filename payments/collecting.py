"""What can be collected, and the request for it: shared by the command, the clockwork and dunning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing import bulk
from billing.events import Allocation
from billing.loading import trimmed
from payments.gateway_events import CollectionRequested
from payments.retrying import Attempt

RUNNING = ("requested", "processing", "confirmation")


@dataclass(frozen=True)
class Charged:
    """The method that is to be charged; `method` is empty where the customer gives one on the gateway's page."""

    gateway: str
    method: str = ""
    customer: str = ""
    token: str = ""


@dataclass(frozen=True)
class Collectable:
    """A document on which the customer owes more than he disputes. `attempts` counts its collections; `running` names one under way."""

    invoice: str
    number: str
    currency: str
    amount: Decimal  # open and not held
    due: date | None
    attempts: int
    running: str


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str


def collectable(accounts: Sequence[str]) -> dict[str, list[Collectable]]:
    """What of each account could be collected, oldest due first."""
    statement = """
        SELECT i.account, i.invoice, i.number, i.currency, i.open - i.held, i.due, count(c.collection),
            coalesce(max(c.collection) FILTER (WHERE c.status = ANY(%s)), '')
        FROM read_invoice i
            LEFT JOIN read_collection_part p ON p.account = i.account AND p.invoice = i.invoice
            LEFT JOIN read_collection c ON c.collection = p.collection
        WHERE i.account = ANY(%s) AND i.status = 'open' AND i.document IN ('invoice', 'debit_note', 'opening') AND i.open > i.held
        GROUP BY i.account, i.invoice, i.number, i.currency, i.open, i.held, i.due, i.sequence
        ORDER BY i.account, i.due NULLS LAST, i.sequence"""
    found: dict[str, list[Collectable]] = {}
    for account, invoice, number, currency, amount, due, attempts, running in bulk.fetch(statement, [list(RUNNING), list(accounts)]):
        found.setdefault(account, []).append(Collectable(invoice, number, currency, trimmed(amount), due, attempts, running))
    return found


def attempts_of(accounts: Sequence[str], invoices: Sequence[str]) -> dict[str, list[Attempt]]:
    """document → its collections so far, in their order."""
    statement = """
        SELECT p.invoice, c.requested_at, c.closed_at, c.status, c.decline, c.method
        FROM read_collection_part p JOIN read_collection c USING (collection)
        WHERE p.account = ANY(%s) AND p.invoice = ANY(%s) ORDER BY c.account, c.sequence"""
    found: dict[str, list[Attempt]] = {}
    for invoice, *what in bulk.fetch(statement, [list(accounts), list(invoices)]):
        found.setdefault(invoice, []).append(Attempt(*what))
    return found


def request(
    account: str,
    collection: str,
    parts: Sequence[Collectable],
    charged: Charged,
    *,
    trigger: str,
    amounts: Mapping[str, Decimal] | None = None,
    total: Money | None = None,
) -> CollectionRequested:
    """The request to charge these documents (of one currency) in one sum; of each all that can be collected, or its part of `amounts`.
    `total`, where given, is the sum: what is beyond the documents becomes the customer's credit."""
    allocations = tuple(
        Allocation(invoice=one.invoice, number=one.number, amount=(amounts or {}).get(one.invoice, one.amount)) for one in parts
    )
    return CollectionRequested(
        account=account,
        collection=collection,
        amount=total.amount if total else sum((one.amount for one in allocations), Decimal(0)),
        currency=total.currency if total else parts[0].currency if parts else "",
        allocations=allocations,
        method=charged.method,
        gateway=charged.gateway,
        customer=charged.customer,
        token=charged.token,
        attempt=parts[0].attempts + 1 if parts else 1,
        trigger=trigger,
    )


def spread(parts: Sequence[Collectable], amount: Decimal) -> dict[str, Decimal]:
    """The amount over the documents in their order, each up to what is open; documents that get nothing are left out."""
    found: dict[str, Decimal] = {}
    for one in parts:
        if amount > 0:
            found[one.invoice] = min(one.amount, amount)
            amount -= found[one.invoice]
    return found


def default_methods(accounts: Sequence[str]) -> dict[str, Charged]:
    """The default method of each account that has one."""
    statement = "SELECT account, gateway, method, customer, token FROM read_payment_method WHERE account = ANY(%s) AND is_default"
    return {row[0]: Charged(*row[1:]) for row in bulk.fetch(statement, [list(accounts)])}
