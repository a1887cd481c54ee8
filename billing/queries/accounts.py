"""Which account is meant, and what is known about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import vault
from billing import bulk
from plans.errors import NotFound
from plans.fields import suggestion

MOST_SUGGESTED_FROM = 2000  # beyond so many accounts an unknown name gets no list of known ones


@dataclass(frozen=True)
class AccountRow:
    """An account as it is now. `name` comes from the vault and is empty where the person was erased."""

    account: str
    seller: str
    currency: str
    zone: str
    status: str
    reason: str
    opened_at: datetime
    name: str = ""


def find_account(account: str) -> AccountRow:
    """The account. Raises NotFound `unknown_account`, with the closest known name."""
    found = find_accounts([account]) if "\x00" not in account else {}
    if not found:
        known = [row[0] for row in bulk.fetch("SELECT account FROM read_account ORDER BY account LIMIT %s", [MOST_SUGGESTED_FROM])]
        hint = suggestion(account, known) if 0 < len(known) < MOST_SUGGESTED_FROM else ""
        raise NotFound("unknown_account", f"there is no account {account[:80]!r}{hint[:200]}", at="account")
    return found[account]


def find_accounts(accounts: Collection[str] | None = None, *, seller: str = "") -> dict[str, AccountRow]:
    """The accounts that exist, by name, in order; all of them where none are named."""
    statement = "SELECT account, seller, currency, zone, status, reason, opened_at FROM read_account"
    conditions: list[str] = []
    parameters: list[Any] = []
    if accounts is not None:
        conditions.append("account = ANY(%s)")
        parameters.append(list(accounts))
    if seller:
        conditions.append("seller = %s")
        parameters.append(seller)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = bulk.fetch(f"{statement}{where} ORDER BY account", parameters)
    names = vault.names([row[0] for row in rows])
    return {row[0]: AccountRow(*[*row, names.get(row[0], "")]) for row in rows}
