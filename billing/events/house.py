"""The organisation itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class EffectRetried(Event):
    """A person has a failed effect tried again. `effect` is its id; it lies in the stream of the event that owes it."""

    kind: ClassVar[str] = "effect.retried"
    effect: str
    effect_kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CataloguePublished(Event):
    kind: ClassVar[str] = "catalogue.published"
    catalogue: str
    version: int
    digest: str
    effective: date | None
    source: str
    seller: str


@dataclass(frozen=True, kw_only=True)
class PolicyPublished(Event):
    """What the seller decided for its own books and people, as the whole text (billing/house/policy.py); it holds from then on."""

    kind: ClassVar[str] = "policy.published"
    seller: str
    version: int
    source: str
