"""What comes next, by the very clockwork that will do it, in a transaction that is rolled back: what is shown is what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from billing import bulk, journal
from billing.counting import count
from billing.engine import Rollback, Stamp
from billing.events import ChargeAccrued, CreditNoteIssued, InvoiceIssued
from billing.journal import Head, Recorded
from billing.loading import load_one, policy
from billing.measuring import measure_steps
from billing.queries.money import ZERO, Dates, unbilled
from billing.schedule import Step, is_minimum
from billing.state import AccountState, PeriodRow
from billing.terms import item_of

MOST_MOMENTS = 24  # due moments looked through for the next document
UNDUE = ("minimum", "true_up")  # components that only the real end of a period makes

T = TypeVar("T")


@dataclass(frozen=True)
class Expected:
    """A document that the clockwork would issue, if nothing else happens until then."""

    at: datetime
    document: str
    currency: str
    total: Decimal


@dataclass(frozen=True)
class Ahead:
    """`accrued`: currency → unbilled charges, those that are due by now and not written yet, and the open periods counted until now.

    `due_at`: when the clockwork next has something to do for the account; None: never. `documents`: the next ones that it would issue.
    """

    accrued: Mapping[str, Decimal]
    due_at: datetime | None
    documents: tuple[Expected, ...]


def ahead(account: str, *, at: datetime) -> Ahead:
    """What is accrued by `at` and what comes next. Nothing stays written. Raises NotFound `unknown_account`."""
    return undone(lambda heads: _look(account, at, heads), account)


def accrued(account: str, *, at: datetime) -> Mapping[str, Decimal]:
    """Currency → what is unbilled at `at` and what counting everything until then would add."""
    return undone(lambda heads: _accrued(account, at, heads), account)


def undone(look: Callable[[dict[str, Head]], T], account: str) -> T:
    """What `look` finds with the account's head locked; whatever it writes is rolled back."""
    found: list[T] = []
    try:
        with transaction.atomic():
            found.append(look(journal.lock([account], create=False)))
            raise Rollback
    except Rollback:
        pass
    return found[0]


def advanced(account: str, until: datetime, heads: dict[str, Head]) -> list[Recorded]:
    """Everything that is due for the account until then, inside `undone`."""
    clockwork = import_string(settings.BILLING_CLOCKWORK)
    stamp = Stamp("preview", "advance", journal.database_time(), dry_run=True)
    done: list[Recorded] = clockwork([account], until=until, heads=heads, stamp=stamp)
    return done


def _accrued(account: str, at: datetime, heads: dict[str, Head]) -> Mapping[str, Decimal]:
    if heads:
        advanced(account, at, heads)
    sums = dict(unbilled([account], Dates()).get(account, {}))
    for currency, amount in _open_periods(load_one(account), at):
        sums[currency] = sums.get(currency, ZERO) + amount
    return sums


def _look(account: str, at: datetime, heads: dict[str, Head]) -> Ahead:
    sums = _accrued(account, at, heads)
    moment = first = _due(account)
    documents: tuple[Expected, ...] = ()
    for _ in range(MOST_MOMENTS):
        if moment is None or documents:
            break
        documents = tuple(_expected(advanced(account, moment, heads)))
        following = _due(account)
        moment = following if following != moment else None
    return Ahead(sums, first, documents)


def _due(account: str) -> datetime | None:
    rows = bulk.fetch("SELECT at FROM due WHERE account = %s", [account])
    return rows[0][0] if rows else None


def _expected(events: list[Recorded]) -> list[Expected]:
    found = []
    for recorded in events:
        event = recorded.event
        if isinstance(event, InvoiceIssued):
            found.append(Expected(recorded.effective_at, event.document, event.currency, event.total))
        elif isinstance(event, CreditNoteIssued):
            found.append(Expected(recorded.effective_at, "credit_note", event.currency, event.total))
    return found


def _open_periods(state: AccountState, at: datetime) -> list[tuple[str, Decimal]]:
    """(currency, amount) that the open periods would add if they ended at `at`: fees in arrears, usage and interest so far.
    Minimums belong to the real close of a period and are left out."""
    if state.status == "parked":
        return []
    rows = [row for row in state.periods if not row.closed and row.start < min(row.end, at) and _counts_at_close(state, row)]
    cut = Step(at, closing=[replace(row, end=min(row.end, at)) for row in rows])
    usage = measure_steps({state.account: cut}, {state.account: state}, policy()).get(state.account, {})
    events = [event for event in count(cut, state, policy(), usage) if isinstance(event, ChargeAccrued)]
    money = [event for event in events if event.key.currency == state.contracts[event.key.contract].currency]  # units of a wallet are none
    return [(event.key.currency, event.amount) for event in money if event.key.component not in UNDUE]


def _counts_at_close(state: AccountState, row: PeriodRow) -> bool:
    """Items that are charged when their period closes; what was charged in advance stands already."""
    contract = state.contracts.get(row.contract)
    if contract is None or is_minimum(policy(), contract, row.item):
        return False
    item = item_of(policy(), contract.terms_at(row.start).terms, row.item)
    return item is not None and not (item.charge == "fee" and item.timing == "advance")
