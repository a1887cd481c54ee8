"""The credit status of accounts: now, at any past moment, and how it came about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.limits import counted, limit_of
from billing.queries.accounts import find_account


@dataclass(frozen=True)
class CreditStatus:
    """`since` is None for an account that always was good. `suspended`: contract whose service is stopped → whether its charges go on."""

    account: str
    status: str = "good"
    reason: str = ""
    set_by: str = ""
    cause: str = ""
    since: datetime | None = None
    suspended: Mapping[str, bool] | None = None

    def serves(self, contract: str) -> bool:
        """Whether the contract's service runs, as far as credit is concerned."""
        return contract not in (self.suspended or {})


def credit_status(account: str) -> CreditStatus:
    """The account's credit status now. Raises NotFound `unknown_account`."""
    find_account(account)
    return credit_statuses([account])[account]


def credit_statuses(accounts: Collection[str]) -> dict[str, CreditStatus]:
    """account → its credit status now, for many in two statements."""
    statement = "SELECT account, status, reason, set_by, cause, since FROM read_credit_status WHERE account = ANY(%s)"
    rows = {row[0]: row for row in bulk.fetch(statement, [list(accounts)])}
    stopped: dict[str, dict[str, bool]] = {}
    for account, contract, charging in bulk.fetch(
        "SELECT account, contract, charging FROM read_suspended_service WHERE account = ANY(%s) ORDER BY contract", [list(accounts)]
    ):
        stopped.setdefault(account, {})[contract] = charging
    return {name: CreditStatus(*(rows.get(name) or (name,)), suspended=stopped.get(name, {})) for name in accounts}  # type: ignore[misc]


def not_good() -> list[CreditStatus]:
    """Every account that is in grace, limited or suspended, the longest first: the work list of collections."""
    rows = bulk.fetch("SELECT account FROM read_credit_status WHERE status <> 'good' ORDER BY since, account")
    found = credit_statuses([row[0] for row in rows])
    return list(found.values())


def credit_history(
    account: str, *, as_of: datetime | None = None, known_at: datetime | None = None
) -> list[tuple[datetime, str, str, str, str]]:
    """(since, status, reason, set_by, cause) of each change, in their order; with dates those effective and known by then."""
    statement = """
        SELECT effective_at, data->>'status', data->>'reason', data->>'set_by', cause FROM journal
        WHERE stream = %s AND kind = 'credit_status.changed' AND (%s::timestamptz IS NULL OR effective_at <= %s)
            AND (%s::timestamptz IS NULL OR recorded_at <= %s) ORDER BY effective_at, sequence"""
    rows: list[Any] = bulk.fetch(statement, [account, as_of, as_of, known_at, known_at])
    return [tuple(row) for row in rows]  # type: ignore[misc]


@dataclass(frozen=True)
class CreditLimit:
    """`amount`: how much the account may owe; `owed`: what counts against it now; `left` below 0: more is owed than that."""

    account: str
    amount: Decimal
    currency: str
    owed: Decimal
    since: datetime
    event: str

    @property
    def left(self) -> Decimal:
        return self.amount - self.owed


def credit_limit(account: str) -> CreditLimit | None:
    """The account's credit limit; None: it may owe any amount. Raises NotFound `unknown_account`."""
    find_account(account)
    found = limit_of(account)
    if found is None:
        return None
    return CreditLimit(account, found.amount, found.currency, counted(account, found.currency), found.since, found.event)
