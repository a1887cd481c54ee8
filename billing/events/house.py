"""The organisation itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
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
class RunStopAsked(Event):
    """Somebody asks a run to stop after the chunk that it is at."""

    kind: ClassVar[str] = "run.stop_asked"
    run: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """Somebody has a run that was stopped, failed or lost its workers go on."""

    kind: ClassVar[str] = "run.resumed"
    run: int
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
class PublishedRate:
    """On the day one `base` was worth `rate` of `quote`, as `source` says."""

    day: date
    base: str
    quote: str
    rate: Decimal
    source: str


@dataclass(frozen=True, kw_only=True)
class RatesPublished(Event):
    """Exchange rates of the seller's books. For a day that has one already the later version holds from then on."""

    kind: ClassVar[str] = "rates.published"
    seller: str
    version: int
    rates: tuple[PublishedRate, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyPublished(Event):
    """What the seller decided for its own books and people, as the whole text (billing/house/policy.py); it holds from then on."""

    kind: ClassVar[str] = "policy.published"
    seller: str
    version: int
    source: str
