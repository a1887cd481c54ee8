"""Which account is meant, and what is known about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

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
    external_id: str
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
    statement = "SELECT account, seller, currency, zone, status, reason, opened_at, external_id FROM read_account"
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


DETAILS = "account external_id seller currency zone locale terms status reason opened_at closed_at".split()


def find_details(account: str, *, at: datetime) -> dict[str, Any]:
    """What is known of one account, and where it is taxed at that moment. Raises NotFound `unknown_account`."""
    name = find_account(account).name
    row = bulk.fetch(f"SELECT {', '.join(DETAILS)} FROM read_account WHERE account = %s", [account])[0]  # noqa: S608 - names above
    statement = """
        SELECT place::text FROM read_account_place WHERE account = %s AND effective_at <= %s
        ORDER BY effective_at DESC, sequence DESC LIMIT 1"""
    place = next((orjson.loads(text) for (text,) in bulk.fetch(statement, [account, at])), None)
    empty: dict[str, Any] = {"country": "", "region": "", "city": "", "tax_id": "", "exempt": {}}
    return dict(zip(DETAILS, row, strict=True)) | {"name": name, "place": None if place is None else empty | place}
