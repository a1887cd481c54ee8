"""The discount of who pays in time: a credit note on each document that the money then settles, before the payment itself.

A document is paid early where the payment, with what was paid before, comes to its total less the percent, by the early day. Nothing is
given on a part, on a document of which something is disputed, or twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.commands.crediting import Crediting
from billing.engine import Context
from billing.events import CreditNoteIssued
from billing.loading import trimmed
from billing.past import find_issued
from billing.state import AccountState
from payments.allocation import find
from payments.paying import share_out, wanted_of
from payments.standing import receivable_invoices
from plans.money import plain, round_money


@dataclass(frozen=True)
class Offer:
    """A document that costs `discount` less until the day, that one too."""

    invoice: str
    currency: str
    open: Decimal
    discount: Decimal
    percent: Decimal
    until: date

    @property
    def asked(self) -> Decimal:
        return self.open - self.discount


def offers(accounts: Iterable[str]) -> dict[str, Offer]:
    """document → what it costs less until which day, the offers that have passed too."""
    statement = """
        SELECT i.invoice, i.currency, i.open, i.total - i.credited, -p.percent, p.until
        FROM read_pay_by p JOIN read_invoice i USING (invoice)
        WHERE p.account = ANY(%s) AND p.percent < 0 AND NOT p.taken AND i.status = 'open' AND i.open > 0 AND i.held = 0"""
    found = {}
    for invoice, money, is_open, left, percent, until in bulk.fetch(statement, [list(accounts)]):
        discount = round_money(left * percent / 100, money)
        if 0 < discount < is_open:
            found[invoice] = Offer(invoice, money, trimmed(is_open), discount, trimmed(percent), until)
    return found


@dataclass(frozen=True)
class Early:
    """The credit notes of the documents that are paid early, and what each takes off."""

    notes: tuple[CreditNoteIssued, ...] = ()
    less: Mapping[str, Decimal] | None = None


def paid_early(context: Context, state: AccountState, amount: Decimal, currency: str, names: Sequence[Any], *, day: date) -> Early:
    """What the money, that came on the day, gets off. Raises what `share_out` raises."""
    holding = {name: one for name, one in offers([state.account]).items() if one.currency == currency and day <= one.until}
    offered = _named(state.account, holding, names)
    less = {invoice: offer.discount for invoice, offer in offered.items()}
    while less:
        allocations, _ = share_out(state.account, amount, currency, names, less=less)
        paid = {one.invoice: one.amount for one in allocations}
        settled = {invoice: part for invoice, part in less.items() if paid.get(invoice) == offered[invoice].asked}
        if settled == less:
            break
        less = settled
    if not less:
        return Early()
    notes: list[CreditNoteIssued] = []
    for invoice, discount in less.items():
        offer, given_up = offered[invoice], tuple(one for note in notes for one in note.released)
        reason = f"{plain(offer.percent)} % for payment by {offer.until}"
        crediting = Crediting(context, state, find_issued(state.account, invoice), reason, earlier=len(notes), released=given_up)
        notes.append(replace(crediting.issue(crediting.parts_worth(discount)), early=True))
    return Early(tuple(notes), {note.invoice: note.applied for note in notes})


def _named(account: str, offered: Mapping[str, Offer], names: Sequence[Any]) -> dict[str, Offer]:
    """Without names all; else those named, and where an amount is named for one, only where it is just what it costs now."""
    if not offered or not names:
        return dict(offered)
    invoices, found = receivable_invoices(account), {}
    for position, value in enumerate(names):
        wanted = wanted_of(value, position)
        offer = offered.get(find(wanted.name, invoices).id)
        if offer is not None and wanted.amount in (None, offer.asked):
            found[offer.invoice] = offer
    return found
