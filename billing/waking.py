"""Which accounts have something due, asked of the narrow tables alone: when each next needs the clockwork, and use that waits."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from billing import bulk
from billing.stored import Known

_QUESTION = """
    SELECT account, at <= %s, false FROM due WHERE account = ANY(%s)
        UNION ALL SELECT account, min(arrived_at) <= %s, true FROM usage_mark WHERE account = ANY(%s) GROUP BY account"""


def foresee(accounts: Collection[str], until: datetime) -> None:
    """`woken` is going to be asked of these, and nothing is written before."""
    names = list(accounts)
    bulk.foresee(_QUESTION, [until, names, until, names])


def woken(accounts: Collection[str], until: datetime, known: Known | None) -> list[str]:
    """Those of the accounts that have something due; nothing is `known` of those whose use waits."""
    names = list(accounts)
    asked = [until, names, until, names]
    active = set()
    for account, comes, waits in bulk.foreseen(_QUESTION, asked):
        if comes:
            active.add(account)
        if waits and known:
            known.pop(account, None)
    return sorted(active)
