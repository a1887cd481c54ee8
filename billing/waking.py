"""Which accounts have something due, asked of the narrow tables alone: when each next needs the clockwork, and use that waits."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from billing import bulk
from billing.stored import Known

_ONE = """
    SELECT account, at <= %s, false FROM due WHERE account = %s
        UNION ALL SELECT account, min(arrived_at) <= %s, true FROM usage_mark WHERE account = %s GROUP BY account"""
_MANY = _ONE.replace("account = %s", "account = ANY(%s)")


def _asked(accounts: Collection[str], until: datetime) -> tuple[str, list[Any]]:
    names: Any = list(accounts)
    if len(names) == 1:
        return _ONE, [until, names[0], until, names[0]]
    return _MANY, [until, names, until, names]


def foresee(accounts: Collection[str], until: datetime) -> None:
    """`woken` is going to be asked of these, and nothing is written before."""
    bulk.foresee(*_asked(accounts, until))


def woken(accounts: Collection[str], until: datetime, known: Known | None) -> list[str]:
    """Those of the accounts that have something due; nothing is `known` of those whose use waits."""
    active = set()
    for account, comes, waits in bulk.foreseen(*_asked(accounts, until)):
        if comes:
            active.add(account)
        if waits and known:
            known.pop(account, None)
    return sorted(active)
