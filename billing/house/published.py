"""The published policy of a seller, at any moment."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from billing import bulk
from billing.house.policy import HousePolicy, read_policy

_read = lru_cache(maxsize=64)(read_policy)


def house_policy(seller: str, *, at: datetime) -> HousePolicy:
    """The newest policy that was published by then; the default one (docs/money.md) where there is none."""
    rows = bulk.fetch("SELECT source FROM read_policy WHERE seller = %s AND effective_at <= %s ORDER BY version DESC LIMIT 1", [seller, at])
    return _read(rows[0][0]) if rows else HousePolicy()


def newest(seller: str) -> tuple[int, str]:
    """The newest version and its text; (0, "") where there is none."""
    rows = bulk.fetch("SELECT version, source FROM read_policy WHERE seller = %s ORDER BY version DESC LIMIT 1", [seller])
    return rows[0] if rows else (0, "")
