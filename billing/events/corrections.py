"""Correction sets: many corrections of money as one thing, on a stream of its own; what they do to accounts are events of the accounts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Event
from billing.events.requests import Preview


@dataclass(frozen=True, kw_only=True)
class SetItem:
    position: int  # from 1
    account: str
    arguments: str  # JSON


@dataclass(frozen=True, kw_only=True)
class ItemPreview:
    """What one correction would do, or why it would be refused."""

    position: int
    amount: Decimal | None
    currency: str
    preview: Preview | None
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class ItemOutcome:
    position: int
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class CorrectionsDrafted(Event):
    kind: ClassVar[str] = "corrections.drafted"
    name: str
    seller: str
    command: str
    code: str
    reason: str
    by: str
    role: str
    items: int


@dataclass(frozen=True, kw_only=True)
class CorrectionsListed(Event):
    """Some of the corrections of a set; a large one is listed in several events."""

    kind: ClassVar[str] = "corrections.listed"
    name: str
    items: tuple[SetItem, ...]


@dataclass(frozen=True, kw_only=True)
class CorrectionsPreviewed(Event):
    kind: ClassVar[str] = "corrections.previewed"
    name: str
    previews: tuple[ItemPreview, ...]


@dataclass(frozen=True, kw_only=True)
class CorrectionsApproved(Event):
    """What was shown is to be done; what was refused in the preview is left out."""

    kind: ClassVar[str] = "corrections.approved"
    name: str
    by: str
    role: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CorrectionsApplied(Event):
    """Some corrections are done, each as it was shown, or refused because something changed meanwhile."""

    kind: ClassVar[str] = "corrections.applied"
    name: str
    outcomes: tuple[ItemOutcome, ...]


@dataclass(frozen=True, kw_only=True)
class CorrectionsRevertOrdered(Event):
    kind: ClassVar[str] = "corrections.revert_ordered"
    name: str
    by: str
    role: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CorrectionsReverted(Event):
    kind: ClassVar[str] = "corrections.reverted"
    name: str
    outcomes: tuple[ItemOutcome, ...]


@dataclass(frozen=True, kw_only=True)
class CorrectionDone(Event):
    """On the account's stream: an item of a set was applied (`step` is `apply`) or taken back (`revert`), by these events."""

    kind: ClassVar[str] = "correction.done"
    account: str
    name: str
    position: int
    step: str
    done: tuple[str, ...]
