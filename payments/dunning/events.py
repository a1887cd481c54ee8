"""What dunning did, one fact each: steps, easing, pauses, hand-offs, and which policy an account follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from billing.events import Event


@dataclass(frozen=True, kw_only=True)
class OverdueDocument:
    """A document that a step is about. `overdue` is what of it was overdue then; 0 for a reminder before the due date."""

    invoice: str
    number: str
    open: Decimal
    overdue: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class StepTaken(Event):
    """A step of the ladder, counted from `base`. `subject` is the document, or "" for the account as a whole; `taken` all steps that hold.

    What the step does besides reminding follows as events of their own, with this one as their cause.
    """

    kind: ClassVar[str] = "dunning.step_taken"
    account: str
    subject: str
    policy: str
    catalogue: str
    version: int
    step: str
    after: int
    base: date
    taken: tuple[str, ...]
    overdue: bool  # False: a reminder before the due date
    remind: str
    documents: tuple[OverdueDocument, ...]


@dataclass(frozen=True, kw_only=True)
class Eased(Event):
    """Debts were paid: the case counts from a later `base`, and only the steps in `remaining` hold. Without any it is over."""

    kind: ClassVar[str] = "dunning.eased"
    account: str
    subject: str
    previous: tuple[str, ...]
    remaining: tuple[str, ...]
    base: date | None


@dataclass(frozen=True, kw_only=True)
class DunningPaused(Event):
    """Nothing is pursued from `since` until (excluded) `until`, or until it is resumed. The days do not count."""

    kind: ClassVar[str] = "dunning.paused"
    account: str
    since: date
    until: date | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class DunningResumed(Event):
    """Pursuit goes on from the day `on`, where it stood."""

    kind: ClassVar[str] = "dunning.resumed"
    account: str
    on: date
    reason: str


@dataclass(frozen=True, kw_only=True)
class DunningSet(Event):
    """The account follows this policy of this catalogue from now on; older debts count from then. An empty one: that of its plan."""

    kind: ClassVar[str] = "dunning.set"
    account: str
    policy: str
    catalogue: str
    version: int
    since: date
    reason: str


@dataclass(frozen=True, kw_only=True)
class HandedOver(Event):
    """Handed to collection: a candidate for write-off, until it is paid, written off, or taken back."""

    kind: ClassVar[str] = "collection.handed_over"
    account: str
    subject: str
    documents: tuple[OverdueDocument, ...]
