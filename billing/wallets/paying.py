"""Wallets that pay documents after tax, where that was agreed (`set_wallet` with `pays_invoices`), oldest due first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import orjson

from billing import bulk, ledgers
from billing.events import Allocation, InvoiceIssued, LotUse, Posting, WalletPaid
from billing.journal import Draft, Head
from billing.loading import trimmed
from billing.state import AccountState
from billing.terms import Policy
from billing.wallets.entries import TAKEN_FROM
from billing.wallets.lots import Lot, Wallet, burn_order, use_of
from billing.wallets.works import FACT as WALLETS
from billing.wallets.works import entry_on
from billing.works import COLLECTION, Work, always

FACT = "documents to pay"
ZERO = Decimal(0)


@dataclass(frozen=True)
class Payable:
    """A document that is open. `items`: item → what its lines come to with their tax, less what lots for this item paid already."""

    invoice: str
    number: str
    currency: str
    open: Decimal  # and not disputed
    issued_at: datetime
    items: Mapping[str, Decimal]


def pay(lots: Sequence[Lot], document: Payable, free: Decimal) -> list[LotUse]:
    """Pure. What pays the document: each lot in its order, up to what is open; one for certain items up to what their lines come to. No
    more than `free`, what is neither reserved nor owed."""
    items, rest, uses = dict(document.items), min(document.open, free), []
    for lot in lots:
        covers = sum((items.get(item, ZERO) for item in lot.items), ZERO) if lot.items else rest
        part = min(lot.left, rest, covers)
        if part > 0:
            uses.append(use_of(lot, part))
            rest -= part
            cover(items, lot.items, part)
    return uses


def cover(items: dict[str, Decimal], named: Sequence[str], amount: Decimal) -> None:
    """What a lot for these items paid no other lot for them pays again."""
    for item in named:
        taken = min(amount, items.get(item, ZERO))
        items[item] = items.get(item, ZERO) - taken
        amount -= taken


class Paying(Work):
    """Before the default method is charged: what a wallet holds pays first."""

    rank = COLLECTION
    holders = "SELECT account FROM read_wallet WHERE account = ANY(%(accounts)s) AND pays_invoices"
    looks_at = frozenset({"wallets", "open_invoices"})
    moved_by: ClassVar = {InvoiceIssued: always}

    def told(self, facts: Mapping[str, Any]) -> bool | None:
        return any(wallet.pays_invoices for wallet in facts[WALLETS].values()) if WALLETS in facts else None

    def load(self, states: Mapping[str, AccountState]) -> None:
        """After the work that keeps wallets, which loaded them."""
        paying = list(states)
        statement = """
            SELECT account, invoice, number, currency, open - held, issued_at FROM read_invoice
            WHERE account = ANY(%s) AND status = 'open' AND document IN ('invoice', 'debit_note', 'opening') AND open > held
            ORDER BY account, due NULLS LAST, sequence"""
        rows = bulk.fetch(statement, [paying])
        items = _items([row[1] for row in rows]) if rows else {}
        for account in paying:
            states[account].facts[FACT] = [
                Payable(invoice, number, currency, trimmed(amount), issued_at, items.get(invoice, {}))
                for owner, invoice, number, currency, amount, issued_at in rows
                if owner == account
            ]

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((moment for moment, *_ in _payable(state)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy, heads
        return {account: list(_paid(states[account], moment)) for account, moment in moments.items()}


def _items(invoices: Sequence[str]) -> dict[str, dict[str, Decimal]]:
    """document → item → its lines with their taxes, less what lots for the item paid of them."""
    lines = "SELECT invoice, item, sum(net + tax) FROM read_invoice_line WHERE invoice = ANY(%s) AND item <> '' GROUP BY 1, 2"
    found: dict[str, dict[str, Decimal]] = {}
    for invoice, item, amount in bulk.fetch(lines, [list(invoices)]):
        found.setdefault(invoice, {})[item] = trimmed(amount)
    paid = """
        SELECT u.invoice, l.items::text, u.amount FROM read_wallet_use u JOIN read_wallet_lot l USING (lot)
        WHERE u.invoice = ANY(%s) AND l.items::text <> '[]' ORDER BY u.account, u.sequence, u.line"""
    for invoice, items, amount in bulk.fetch(paid, [list(invoices)]):
        cover(found.setdefault(invoice, {}), orjson.loads(items), trimmed(amount))
    return found


def _payable(state: AccountState) -> Iterator[tuple[datetime, Wallet, Payable, list[LotUse]]]:
    """The documents that a wallet pays at least a part of, from when on, with what they take; each as if it were the only one."""
    for document in state.facts.get(FACT, ()):
        wallet: Wallet | None = state.facts[WALLETS].get(document.currency)
        if wallet is None or not wallet.pays_invoices or wallet.changed_at is None or state.status != "open":
            continue
        since = max(document.issued_at, wallet.changed_at)
        for moment in sorted({max(since, lot.start) for lot in wallet.lots}):
            uses = _uses(wallet, document, moment)
            if uses:
                yield moment, wallet, document, uses
                break


def _uses(wallet: Wallet, document: Payable, moment: datetime) -> list[LotUse]:
    lots = sorted((lot for lot in wallet.lots if lot.holds_at(moment)), key=burn_order)
    free = sum((lot.left for lot in lots), ZERO) - wallet.reserved - wallet.owed
    return pay(lots, document, free)


def _paid(state: AccountState, moment: datetime) -> Iterator[Draft]:
    """One event for each document, oldest due first, as far as the wallet goes."""
    due = [(wallet.unit, document) for at, wallet, document, _ in _payable(state) if at <= moment]
    for unit, document in due:
        wallet = state.facts[WALLETS][unit]
        uses = _uses(wallet, document, moment)
        if uses:
            state.facts[WALLETS][unit] = wallet.after(uses)
            yield Draft(state.account, _event(state, document, uses, moment), moment, document.invoice)


def _event(state: AccountState, document: Payable, uses: Sequence[LotUse], moment: datetime) -> WalletPaid:
    sums: dict[str, Decimal] = {}
    for use in uses:
        sums[TAKEN_FROM[use.kind]] = sums.get(TAKEN_FROM[use.kind], ZERO) + use.amount
    amount = sum(sums.values(), ZERO)
    legs = [Posting(ledger=ledger, amount=part, currency=document.currency) for ledger, part in sums.items()]
    receivable = Posting(ledger=ledgers.RECEIVABLE, amount=-amount, currency=document.currency, invoice=document.invoice)
    return WalletPaid(
        account=state.account,
        unit=document.currency,
        currency=document.currency,
        uses=tuple(uses),
        allocations=(Allocation(invoice=document.invoice, number=document.number, amount=amount),),
        entry=entry_on(state, moment, (*legs, receivable)),
    )


paying = Paying()
