"""Who owes how much. One account, or all of them with those who owe most first.

`owed` is what is open on issued invoices, `due` the part whose due date has come, `overdue` the part whose due date has passed and that
is not disputed;
`credit` is the customer's unused money, `balance` = owed − credit (positive: the customer owes). `payable` is what we owe on statements.
`unbilled` are charges on no document yet. Due dates are days in the account's zone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from billing import bulk, ledgers
from billing.due import fallen_due, overdue
from billing.queries.accounts import AccountRow, find_account, find_accounts
from billing.queries.money import ZERO, Dates, OpenDocument, balances, open_documents, unbilled
from billing.state import CUSTOMER_OWES
from plans.money import decimals, plain
from plans.periods import local_date


@dataclass(frozen=True)
class Amounts:
    """Where an account stands in one currency."""

    currency: str
    owed: Decimal = ZERO
    due: Decimal = ZERO
    overdue: Decimal = ZERO
    credit: Decimal = ZERO
    balance: Decimal = ZERO
    payable: Decimal = ZERO
    unbilled: Decimal = ZERO

    @property
    def empty(self) -> bool:
        return not (self.owed or self.credit or self.payable or self.unbilled)


@dataclass(frozen=True)
class Status:
    """An account at a moment. `standing`: `overdue`, `owes`, `in_credit`, `settled`, or the account's own `parked` and `closed`."""

    account: AccountRow
    at: datetime
    standing: str
    amounts: tuple[Amounts, ...]
    documents: tuple[OpenDocument, ...]

    def in_currency(self, currency: str) -> Amounts:
        return next((one for one in self.amounts if one.currency == currency), Amounts(currency))


def status(account: str, *, at: datetime, as_of: datetime | None = None, known_at: datetime | None = None) -> Status:
    """The account at `at` (which only decides what is due), or as of then and as known then. Raises NotFound `unknown_account`."""
    found = {account: find_account(account)}
    return _statuses(found, at=as_of or at, dates=Dates(as_of, known_at))[0]


def statuses(
    *,
    at: datetime,
    accounts: Collection[str] | None = None,
    seller: str = "",
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> list[Status]:
    """Every account (or those named), those who owe most first; per account in a fixed number of statements for all."""
    found = find_accounts(accounts, seller=seller)
    listed = _statuses(found, at=as_of or at, dates=Dates(as_of, known_at))
    return sorted(listed, key=lambda one: (-max((a.owed for a in one.amounts), default=ZERO), one.account.account))


def _statuses(found: dict[str, AccountRow], *, at: datetime, dates: Dates) -> list[Status]:
    sums, documents, open_charges = balances(found, dates), open_documents(found, dates), unbilled(found, dates)
    if not dates.now:
        found = _as_they_were(found, dates)
    answer = []
    for name, row in found.items():
        mine = documents.get(name, [])
        today = local_date(at, row.zone)
        currencies = {currency for currency, _ in sums.get(name, {})} | set(open_charges.get(name, {}))
        ordered = sorted(currencies, key=lambda currency: (currency != row.currency, currency)) or [row.currency]
        amounts = [_amounts(currency, sums.get(name, {}), mine, open_charges.get(name, {}), today) for currency in ordered]
        shown = tuple(one for one in amounts if not one.empty or one.currency == row.currency)
        answer.append(Status(row, at, _standing(row, shown), shown, tuple(mine)))
    return answer


def _as_they_were(found: dict[str, AccountRow], dates: Dates) -> dict[str, AccountRow]:
    """The accounts, open, parked or closed as they were then."""
    condition, parameters = dates.condition(effective="j.effective_at", address="j")
    statement = f"""
        SELECT DISTINCT ON (account) account, kind, reason FROM (
            SELECT stream AS account, sequence, kind, effective_at, data->>'reason' AS reason FROM journal
            WHERE kind IN ('account.parked', 'account.released', 'account.closed') AND stream = ANY(%s)
        ) AS j WHERE true{condition} ORDER BY account, sequence DESC"""  # noqa: S608 - a literal of queries.money
    last = {account: (kind, reason) for account, kind, reason in bulk.fetch(statement, [list(found), *parameters])}
    return {name: _after(row, *last.get(name, ("", ""))) for name, row in found.items()}


def _after(row: AccountRow, kind: str, reason: str) -> AccountRow:
    """The account after such an event; open where there is none."""
    status = {"account.parked": "parked", "account.closed": "closed"}.get(kind, "open")
    return replace(row, status=status, reason=reason if status != "open" else "")


def _amounts(
    currency: str,
    sums: dict[tuple[str, str], Decimal],
    documents: Iterable[OpenDocument],
    charges: dict[str, Decimal],
    today: date,
) -> Amounts:
    owed = sums.get((currency, ledgers.RECEIVABLE), ZERO)
    credit = -sums.get((currency, ledgers.CREDIT), ZERO)
    mine = [one for one in documents if one.currency == currency and one.document in CUSTOMER_OWES and one.due is not None]
    return Amounts(
        currency=currency,
        owed=owed + ZERO,
        due=sum((fallen_due(one.open, one.parts, today) for one in mine), ZERO),
        overdue=sum((overdue(one.open, one.held, one.parts, today) for one in mine), ZERO),
        credit=credit + ZERO,
        balance=owed - credit,
        payable=-sums.get((currency, ledgers.PAYABLE), ZERO) + ZERO,
        unbilled=charges.get(currency, ZERO),
    )


def _standing(row: AccountRow, amounts: Iterable[Amounts]) -> str:
    if row.status != "open":
        return row.status
    listed = list(amounts)
    if any(one.overdue > 0 for one in listed):
        return "overdue"
    if any(one.balance > 0 for one in listed):
        return "owes"
    return "in_credit" if any(one.balance < 0 for one in listed) else "settled"


def money_text(amount: Decimal, currency: str) -> str:
    """The amount with at least the currency's decimals, finer only where the amount is: `352.00`, `0.0012`."""
    places = decimals(currency)
    exact = plain(amount)
    finer = len(exact.partition(".")[2])
    return plain(amount, max(places, finer))
