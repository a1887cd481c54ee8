"""What is so: the facts that a story may expect, read from the queries and read models that everybody else reads too.

Every function answers plain values: an amount per currency, or rows as mappings of the fields that `story.Facts` declares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from billing import bulk, journal
from billing.codec import decode_value
from billing.entitlements import check_all
from billing.events import CreditNoteIssued, InvoiceIssued, Terms
from billing.loading import policy, trimmed
from billing.models.changes import QUESTIONED, SCHEDULED
from billing.queries.ahead import accrued
from billing.queries.credit import credit_history
from billing.queries.money import CUSTOMER_OWES
from billing.queries.status import Status, status
from billing.scheduling.pending import load_pending
from billing.stock.levels import MAIN
from billing.stock.queries import levels_of
from billing.terms import item_of
from billing.wallets.queries import spendable
from plans import store


@dataclass(frozen=True)
class View:
    """One account, seen at a moment; `as_of` and `known_at` ask for the past. `catalogue` is the story's own, for its stock."""

    account: str
    at: datetime
    as_of: datetime | None = None
    known_at: datetime | None = None
    catalogue: str = ""

    @property
    def past(self) -> bool:
        return self.as_of is not None or self.known_at is not None


Row = Mapping[str, Any]
DATED = ("events", "effects", "stock", "bookings", "wallet", "credit_status")  # facts that read the two dates themselves, or have none


def find(fact: str, view: View) -> Any:
    """The fact: an amount per currency, a word, or rows."""
    if fact in MONEY:
        return MONEY[fact](_status(view))
    return OTHERS[fact](view)


def _status(view: View) -> Status:
    return status(view.account, at=view.at, as_of=view.as_of, known_at=view.known_at)


def _amounts(name: str) -> Callable[[Status], dict[str, Decimal]]:
    return lambda found: {one.currency: getattr(one, name) for one in found.amounts}


MONEY: dict[str, Callable[[Status], Any]] = {name: _amounts(name) for name in ("owed", "credit", "balance", "unbilled", "overdue")} | {
    "status": lambda found: found.standing,
}


def _accrued(view: View) -> dict[str, Decimal]:
    return dict(accrued(view.account, at=view.as_of or view.at))


# --- documents


def documents(view: View) -> list[dict[str, Any]]:
    """Every document in the order of issue, with its lines and taxes."""
    statement = """
        SELECT invoice, document, number, total, net, tax, open, held, written_off, due, status, issued, currency, corrects
        FROM read_invoice WHERE account = %s ORDER BY sequence"""
    names = "id kind number total net tax open held written_off due status issued currency corrects".split()
    found = [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]
    lines = _lines(view.account)
    for document in found:
        document["lines"] = lines.get(document["id"], [])
        document["taxes"] = _document_taxes(document["id"])
    return found


def invoices(view: View) -> list[dict[str, Any]]:
    """The documents that the customer pays."""
    return [document for document in documents(view) if document["kind"] in CUSTOMER_OWES]


def _plain(row: Sequence[Any]) -> list[Any]:
    return [trimmed(value) if isinstance(value, Decimal) else value for value in row]


def _lines(account: str) -> dict[str, list[dict[str, Any]]]:
    statement = """
        SELECT invoice, item, name, quantity, unit, unit_price, amount, net, tax, discount, start, "end", component, detail::text
        FROM read_invoice_line WHERE account = %s ORDER BY invoice, line"""
    names = "item name quantity unit unit_price amount net tax discount from to component taxes".split()
    found: dict[str, list[dict[str, Any]]] = {}
    for invoice, *row in bulk.fetch(statement, [account]):
        values = _plain(row)
        values[-1] = orjson.loads(values[-1]).get("taxes", [])
        found.setdefault(invoice, []).append(dict(zip(names, values, strict=True)))
    return found


def _document_taxes(document: str) -> list[dict[str, Any]]:
    """The taxes of the whole document, as its event says them."""
    recorded = journal.one(*journal.split_address(document))
    if recorded is None or not isinstance(recorded.event, InvoiceIssued | CreditNoteIssued):
        return []
    return [vars(tax) for tax in recorded.event.taxes]


def invoice_ids(account: str) -> list[tuple[str, str]]:
    """(id, number) of what the customer pays, in the order of issue."""
    statement = "SELECT invoice, number FROM read_invoice WHERE account = %s AND document = ANY(%s) ORDER BY sequence"
    return [(invoice, number) for invoice, number in bulk.fetch(statement, [account, list(CUSTOMER_OWES)])]


# --- what was charged and paid


def _charges(view: View) -> list[Row]:
    statement = """
        SELECT item, name, amount, currency, quantity, start, "end", kind, component, invoice FROM read_charge
        WHERE account = %s ORDER BY sequence"""
    names = "item name amount currency quantity from to kind component invoice".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _payments(view: View) -> list[Row]:
    statement = "SELECT payment, amount, currency, channel, status, reference FROM read_payment WHERE account = %s ORDER BY sequence"
    names = "amount currency channel status reference".split()
    shares = _shares(view.account)
    return [
        dict(zip(names, _plain(row), strict=True)) | {"invoices": shares.get(payment, [])}
        for payment, *row in bulk.fetch(statement, [view.account])
    ]


def _shares(account: str) -> dict[str, list[Row]]:
    """payment → what it pays of each document now, after all that moved it."""
    statement = """
        SELECT a.payment, a.invoice, sum(a.amount) FROM read_allocation a JOIN read_invoice i USING (invoice)
        WHERE a.account = %s AND a.payment <> '' GROUP BY a.payment, a.invoice, i.sequence HAVING sum(a.amount) <> 0
        ORDER BY i.sequence"""
    found: dict[str, list[Row]] = {}
    for payment, invoice, amount in bulk.fetch(statement, [account]):
        found.setdefault(payment, []).append({"invoice": invoice, "amount": trimmed(amount)})
    return found


def _refunds(view: View) -> list[Row]:
    """Money that went back, or will. No invoice is named: what a refund takes back is credit or a payment."""
    statement = "SELECT amount, currency, channel, status, reference FROM read_refund WHERE account = %s ORDER BY sequence"
    names = "amount currency channel status reference".split()
    return [dict(zip(names, _plain(row), strict=True)) | {"invoices": []} for row in bulk.fetch(statement, [view.account])]


def _requests(view: View) -> list[Row]:
    statement = """
        SELECT command, status, amount, currency, code, asked_by, nullif(decided_by, '') FROM read_request WHERE account = %s
        ORDER BY split_part(request, '/', -1)::bigint"""
    names = "command status amount currency code asked_by decided_by".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _methods(view: View) -> list[Row]:
    statement = "SELECT gateway, brand, last4, status, is_default FROM read_payment_method WHERE account = %s ORDER BY sequence"
    names = "gateway brand last4 status default".split()
    return [dict(zip(names, row, strict=True)) for row in bulk.fetch(statement, [view.account])]


def _collections(view: View) -> list[Row]:
    statement = "SELECT amount, currency, status, decline, code, attempt, trigger FROM read_collection WHERE account = %s ORDER BY sequence"
    names = "amount currency status decline code attempt trigger".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _deposits(view: View) -> list[Row]:
    statement = 'SELECT amount, "left", currency, channel, name FROM read_deposit WHERE account = %s ORDER BY sequence'
    names = "amount left currency channel name".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _payouts(view: View) -> list[Row]:
    statement = "SELECT amount, currency, channel, status, reference FROM read_payout WHERE account = %s ORDER BY sequence"
    names = "amount currency channel status reference".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _instalments(view: View) -> list[Row]:
    """Of all payment plans, the oldest plan first."""
    statement = """
        SELECT (one.value->>'due')::date, (one.value->>'principal')::numeric + (one.value->>'interest')::numeric,
            (one.value->>'interest')::numeric, status
        FROM read_instalment_plan CROSS JOIN jsonb_array_elements(instalments) WITH ORDINALITY AS one
        WHERE account = %s ORDER BY sequence, one.ordinality"""
    names = "due amount interest plan".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _lots(view: View) -> list[Row]:
    statement = 'SELECT unit, amount, "left", paid, start, expires, "grant" FROM read_wallet_lot WHERE account = %s ORDER BY sequence'
    names = "unit amount left paid from to grant".split()
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


# --- contracts


def _contracts(view: View) -> list[Row]:
    """Each contract with the terms that hold at the moment (the first ones before it starts)."""
    statement = """
        SELECT c.contract, CASE WHEN s.contract IS NULL OR c.status = 'ended' THEN c.status ELSE 'suspended' END,
            c.start, c."end", c.name, t.effective_at, t.terms::text
        FROM read_contract c JOIN read_contract_terms t ON t.account = c.account AND t.contract = c.contract
            LEFT JOIN read_suspended_service s ON s.contract = c.contract
        WHERE c.account = %s ORDER BY c.start, c.contract, t.effective_at, t.sequence"""
    moment = view.as_of or view.at
    found: dict[str, Row] = {}
    for contract, state, start, end, name, effective_at, text in bulk.fetch(statement, [view.account]):
        if contract in found and effective_at > moment:
            continue
        terms: Terms = decode_value(Terms, orjson.loads(text))
        row = {"plan": terms.plan, "status": state, "from": start, "to": end, "name": name, "version": Decimal(terms.version)}
        found[contract] = row | {"quantity": _quantities(terms)}
    return list(found.values())


def _credit_status(view: View) -> str:
    changes = credit_history(view.account, as_of=view.as_of, known_at=view.known_at)
    return changes[-1][1] if changes else "good"


def _quantities(terms: Terms) -> dict[str, Decimal]:
    """item → quantity; the plan's fees first, so that the first one is the contract's quantity."""
    fees = [code for code in terms.items if (item := item_of(policy(), terms, code)) and item.charge == "fee"]
    return {code: trimmed(terms.items[code].quantity) for code in dict.fromkeys([*fees, *terms.items])}


def _scheduled(view: View) -> list[Row]:
    """What is still to be carried out, and what waits for a person."""
    found = load_pending([view.account], statuses=(SCHEDULED, QUESTIONED)).get(view.account, [])
    return [{"what": one.command, "at": one.moment, "status": one.status, "contract": one.contract, "by": one.by} for one in found]


# --- the rest


def _stock(view: View) -> list[Row]:
    """Every item that the catalogue keeps in stock, in its order; places beside the main one are rows of their own."""
    found: list[Row] = []
    for name in [view.catalogue] if view.catalogue else store.names():
        for code, item in store.newest(name).items.items():
            for one in levels_of(item) if item.stock else ():
                row = {"item": code, "level": one.level, "free": one.free, "location": one.location, "value": one.value}
                if one.location == MAIN or one.level or one.reserved:
                    found.append(row)
    return found


def _bookings(view: View) -> list[Row]:
    """The account's bookings in the order in which they begin, those that ended too."""
    names = "thing unit from to quantity status fee overbooked".split()
    statement = """
        SELECT thing, unit, start, "end", quantity, status, fee, overbooked FROM read_booking WHERE account = %s ORDER BY start, booking"""
    return [dict(zip(names, _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _entitlements(view: View) -> list[Row]:
    """Every feature of the account's catalogues, in their order, each asked for 1."""
    return [dict(vars(one)) for one in check_all(view.account, at=view.as_of or view.at)]


def _postings(view: View) -> list[Row]:
    statement = "SELECT ledger, amount, currency FROM read_posting WHERE account = %s ORDER BY sequence, leg"
    return [dict(zip(("ledger", "amount", "currency"), _plain(row), strict=True)) for row in bulk.fetch(statement, [view.account])]


def _within(view: View) -> tuple[str, list[Any]]:
    """SQL that keeps the events that are effective and known by the dates asked for."""
    wanted = [("effective_at", view.as_of), ("recorded_at", view.known_at)]
    parts = [(f" AND journal.{column} <= %s", moment) for column, moment in wanted if moment is not None]
    return "".join(part for part, _ in parts), [moment for _, moment in parts]


def _events(view: View) -> list[str]:
    condition, moments = _within(view)
    statement = f"SELECT kind FROM journal WHERE stream = %s{condition} ORDER BY sequence"  # noqa: S608 - the condition is ours
    rows = bulk.fetch(statement, [view.account, *moments])
    return [kind for (kind,) in rows]


def _effects(view: View) -> list[Row]:
    condition, moments = _within(view)
    statement = f"""
        SELECT effect.kind, effect.state FROM effect JOIN journal ON journal.stream = effect.stream AND journal.sequence = effect.sequence
        WHERE effect.stream = %s{condition} ORDER BY effect.sequence, effect.kind"""  # noqa: S608 - the condition is ours
    return [{"kind": kind, "state": state} for kind, state in bulk.fetch(statement, [view.account, *moments])]


OTHERS: dict[str, Callable[[View], Any]] = {
    "wallet": lambda view: spendable(view.account, at=view.at, as_of=view.as_of, known_at=view.known_at),
    "lots": _lots,
    "accrued": _accrued,
    "invoices": invoices,
    "documents": documents,
    "charges": _charges,
    "payments": _payments,
    "refunds": _refunds,
    "requests": _requests,
    "methods": _methods,
    "collections": _collections,
    "deposits": _deposits,
    "payouts": _payouts,
    "instalments": _instalments,
    "contracts": _contracts,
    "credit_status": _credit_status,
    "scheduled": _scheduled,
    "stock": _stock,
    "bookings": _bookings,
    "entitlements": _entitlements,
    "postings": _postings,
    "events": _events,
    "effects": _effects,
}
