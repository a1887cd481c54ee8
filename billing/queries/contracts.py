"""Contracts that run, with what one customer has otherwise than the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from billing import bulk
from billing.codec import decode_value
from billing.events import Terms


@dataclass(frozen=True)
class Override:
    """An item of a running contract with a price of its own. `source`: the event whose terms hold it."""

    account: str
    contract: str
    plan: str
    item: str
    price: Mapping[str, Any]
    since: datetime
    source: str


def overridden(*, account: str = "", at: datetime) -> list[Override]:
    """Every own price that is in force at the moment, by account and contract; of all accounts unless one is named."""
    statement = """
        SELECT c.account, c.contract, t.sequence, t.effective_at, t.terms::text FROM read_contract c JOIN LATERAL (
            SELECT sequence, effective_at, terms FROM read_contract_terms t WHERE t.account = c.account AND t.contract = c.contract
                AND t.effective_at <= %s ORDER BY t.effective_at DESC, t.sequence DESC LIMIT 1) t ON true
        WHERE c.status <> 'ended' AND (%s = '' OR c.account = %s) ORDER BY c.account, c.start, c.contract"""
    found = []
    for owner, contract, sequence, since, text in bulk.fetch(statement, [at, account, account]):
        terms: Terms = decode_value(Terms, orjson.loads(text))
        for code, held in terms.items.items():
            if held.price is not None:
                found.append(Override(owner, contract, terms.plan, code, held.price, since, f"{owner}/{sequence}"))
    return found
