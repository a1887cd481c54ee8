"""Keys of programs. Each event stands with the account that the key is limited to, else with the house. No secret is in any event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class ApiKeyCreated(Event):
    """`key` is the readable prefix by which people name it."""

    kind: ClassVar[str] = "api_key.created"
    key: str
    scopes: tuple[str, ...]
    account: str = ""
    seller: str = ""
    expires: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ApiKeyRotated(Event):
    """The key has a new secret; the old one holds until `old_until`, so that programs can change over."""

    kind: ClassVar[str] = "api_key.rotated"
    key: str
    account: str = ""
    old_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(Event):
    kind: ClassVar[str] = "api_key.revoked"
    key: str
    account: str = ""
    reason: str = ""
