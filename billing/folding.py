"""What an account's state is after events, without asking the database again: so a round of the clockwork need not load it anew.

Only the everyday facts of a tick and of a run are known here. Whatever else happened, the state is loaded again: `fold` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any

from billing.codec import encode_value
from billing.events import ChargeAccrued, InvoiceIssued, PeriodsClosed, PeriodsOpened, RevenueRecognised, SaleMade
from billing.journal import Recorded
from billing.loading import as_summed, trimmed
from billing.state import AccountState, OpenCharge, OpenInvoice, PeriodRow


def fold(state: AccountState, events: Sequence[Recorded]) -> bool:
    """Bring the state up to date; False, with the state untouched, where an event is not known here."""
    if not all(_known(recorded.event) for recorded in events):
        return False
    if state.billed_use and any(isinstance(recorded.event, InvoiceIssued) for recorded in events):
        return False
    for recorded in events:
        _FOLDS[type(recorded.event)](state, recorded)
    return True


def forget_marks(state: AccountState, counted: Sequence[int]) -> None:
    """Drop the marks that a step counted."""
    if counted and state.keeps("marks"):
        state.marks = [mark for mark in state.marks if mark.id not in counted]


def _known(event: object) -> bool:
    """Credit and discounts that a document used are kept elsewhere: the state is loaded again then."""
    if isinstance(event, InvoiceIssued):
        return not event.credit_applied and not event.discounts
    return type(event) in _FOLDS


def _closed(state: AccountState, recorded: Recorded) -> None:
    event: Any = recorded.event
    if not state.keeps("periods"):
        return
    ends = {(event.contract, period.item, period.start): period.end for period in event.periods}
    state.periods = [
        PeriodRow(row.contract, row.item, row.start, ends[key], row.full_start, row.full_end, closed=True, last=row.last)
        if (key := (row.contract, row.item, row.start)) in ends
        else row
        for row in state.periods
    ]


def _opened(state: AccountState, recorded: Recorded) -> None:
    event: Any = recorded.event
    if not state.keeps("periods"):
        return
    opened = {
        (event.contract, period.item): PeriodRow(
            event.contract, period.item, period.start, period.end, period.full_start, period.full_end, closed=False, last=True
        )
        for period in event.periods
    }
    rows = [
        PeriodRow(row.contract, row.item, row.start, row.end, row.full_start, row.full_end, closed=row.closed, last=False)
        if row.last and (row.contract, row.item) in opened
        else row
        for row in state.periods
    ]
    state.periods = sorted([*rows, *opened.values()], key=_ORDER)


_ORDER = attrgetter("contract", "item", "start")


def _accrued(state: AccountState, recorded: Recorded) -> None:
    event: Any = recorded.event
    if state.keeps("standing"):
        add_standing(state, event)
    if event.invoice_when != "never" and state.keeps("open_charges"):
        state.open_charges.append(accrued_charge(recorded, event))


def add_standing(state: AccountState, event: ChargeAccrued) -> None:
    """The charge stands from now on; its period is loaded."""
    key = event.key
    name = key.contract, key.item, key.terms, key.period_start, key.component
    state.standing[name] = as_summed(state.standing.get(name, Decimal(0)) + event.amount)


def accrued_charge(recorded: Recorded, event: ChargeAccrued) -> OpenCharge:
    """The charge as it is read back from its row."""
    return OpenCharge(
        recorded.address,
        "accrual",
        event.key.contract,
        event.key.item,
        event.key.component,
        event.name,
        event.key.currency,
        trimmed(event.amount),
        trimmed(event.quantity),
        event.unit_price,
        event.unit,
        event.start,
        event.end,
        recorded.effective_at,
        event.supply_date,
        event.tax_category,
        event.inclusive,
        event.catalogue,
        event.version,
        event.invoice_when,
        encode_value(event.attributes) if event.attributes else {},
        event.key.period_start,
        event.key.terms,
    )


def sold_charge(recorded: Recorded, event: SaleMade) -> OpenCharge:
    """The charge of a sale as it is read back from its row."""
    at = recorded.effective_at
    return OpenCharge(
        recorded.address,
        "sale",
        event.contract,
        event.item,
        "sale",
        event.name,
        event.currency,
        trimmed(event.amount),
        trimmed(event.quantity),
        event.unit_price,
        event.unit,
        at,
        at,
        at,
        event.supply_date,
        event.tax_category,
        event.inclusive,
        event.catalogue,
        event.version,
        event.invoice_when,
        encode_value(event.attributes) if event.attributes else {},
        None,
        event.returns,
    )


def _issued(state: AccountState, recorded: Recorded) -> None:
    event: Any = recorded.event
    digested = {address for line in event.lines for address in line.charges}
    if state.keeps("open_charges"):
        state.open_charges = [charge for charge in state.open_charges if charge.address not in digested]
    if event.total > 0 and state.keeps("open_invoices"):
        row = OpenInvoice(
            event.invoice,
            event.number,
            event.document,
            event.currency,
            trimmed(event.total),
            trimmed(event.total),
            event.due,
            event.issued,
            recorded.sequence,
        )
        state.open_invoices = sorted([*state.open_invoices, row], key=lambda one: (one.due is None, one.due or date.min, one.sequence))


def _elsewhere(state: AccountState, recorded: Recorded) -> None:
    """Nothing that the state holds moves; works of the clockwork load what they need themselves."""


_FOLDS: Mapping[type, Callable[[AccountState, Recorded], None]] = {
    PeriodsClosed: _closed,
    PeriodsOpened: _opened,
    ChargeAccrued: _accrued,
    InvoiceIssued: _issued,
    RevenueRecognised: _elsewhere,
}
