"""What a contract charges is kept off documents for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class InvoicingHeld(Event):
    """From now on charges of the contract (of `items`; none: of all) go on no document. They accrue as before and stay unbilled."""

    kind: ClassVar[str] = "invoicing.held"
    account: str
    contract: str
    items: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class InvoicingResumed(Event):
    """What was held is for documents again: charges of then are due at once."""

    kind: ClassVar[str] = "invoicing.resumed"
    account: str
    contract: str
    items: tuple[str, ...]
    reason: str
