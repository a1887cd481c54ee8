"""Where an account stands at the end of a play: its documents with their lines, its payments, and what is owed, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.loading import trimmed
from billing.queries.status import Amounts, Status, money_text, status
from billing.scenario import facts
from plans.errors import Refusal
from plans.money import plain
from plans.periods import to_local


@dataclass(frozen=True)
class Statement:
    """One account at a moment. `accrued`: currency → unbilled, and what the open periods would add if they were counted now."""

    key: str  # as the file calls it
    status: Status
    documents: tuple[Mapping[str, Any], ...]
    payments: tuple[Mapping[str, Any], ...]
    contracts: tuple[Mapping[str, Any], ...]
    accrued: Mapping[str, Decimal]

    @property
    def title(self) -> str:
        account = self.status.account
        return f"{account.name} ({account.account})" if account.name else account.account

    def verdict(self, amounts: Amounts) -> str:
        """Who owes how much, in one phrase."""
        if amounts.balance > 0:
            return f"owes {money_text(amounts.balance, amounts.currency)} {amounts.currency}"
        if amounts.balance < 0:
            return f"has {money_text(-amounts.balance, amounts.currency)} {amounts.currency} in credit"
        if amounts.payable:
            return f"is owed {money_text(amounts.payable, amounts.currency)} {amounts.currency}"
        return "owes nothing"


def statement(key: str, account: str, *, at: datetime) -> Statement:
    """The account's statement. Raises NotFound where the account does not exist."""
    view = facts.View(account, at)
    found = status(account, at=at)
    return Statement(
        key=key,
        status=found,
        documents=tuple(facts.documents(view)),
        payments=tuple(_payments(account)),
        contracts=tuple(facts.find("contracts", view)),
        accrued=_accrued(view),
    )


def _accrued(view: facts.View) -> Mapping[str, Decimal]:
    """Of an account that could not be counted (it is parked, say) nothing more is shown."""
    try:
        return dict(facts.find("accrued", view))
    except Refusal:
        return {}


def _payments(account: str) -> list[Mapping[str, Any]]:
    statement = """
        SELECT p.amount, p.currency, p.channel, p.received_at, array_remove(array_agg(i.number ORDER BY i.sequence), NULL)
        FROM read_payment p LEFT JOIN (
            SELECT payment, invoice FROM read_allocation WHERE account = %s AND payment <> ''
            GROUP BY payment, invoice HAVING sum(amount) <> 0
        ) AS a ON a.payment = p.payment
        LEFT JOIN read_invoice i ON i.invoice = a.invoice WHERE p.account = %s GROUP BY p.payment, p.sequence ORDER BY p.sequence"""
    names = "amount currency channel received_at numbers".split()
    return [dict(zip(names, (trimmed(row[0]), *row[1:]), strict=True)) for row in bulk.fetch(statement, [account, account])]


def as_data(statement: Statement) -> dict[str, Any]:
    """The statement for a program: amounts as text, times on the account's wall clock."""
    found, zone = statement.status, statement.status.account.zone
    names = "currency owed due overdue credit balance payable unbilled".split()
    return {
        "account": found.account.account,
        "name": found.account.name,
        "status": found.standing,
        "reason": found.account.reason,
        "amounts": [{name: _data(getattr(one, name), zone) for name in names} for one in found.amounts],
        "accrued": _data(statement.accrued, zone),
        "documents": _data(statement.documents, zone),
        "payments": _data(statement.payments, zone),
        "contracts": _data(statement.contracts, zone),
    }


def _data(value: Any, zone: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _data(one, zone) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_data(one, zone) for one in value]
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return to_local(value, zone).isoformat()
    return value.isoformat() if isinstance(value, date) else value
