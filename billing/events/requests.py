"""Requests to correct money: asked for by one person, decided by another, done as shown; each decision is a fact of the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What an effect adds to a ledger. `document` is the id of one that was there before; `new` one that the effect makes."""

    ledger: str
    currency: str
    amount: Decimal
    document: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownDocument:
    kind: str
    total: Decimal
    currency: str
    corrects: str = ""  # number of the document that it takes from or adds to


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a command would do: the kinds of its events in their order, the sums that it moves, the documents that it makes."""

    kinds: tuple[str, ...]
    moves: tuple[Moved, ...]
    documents: tuple[ShownDocument, ...]


@dataclass(frozen=True, kw_only=True)
class RequestMade(Event):
    """`amount` is what it moves in all, or says, whichever is more; none where nothing says how much. `arguments` is JSON."""

    kind: ClassVar[str] = "request.made"
    account: str
    request: str  # the id: address of this event
    command: str
    arguments: str
    code: str  # why, in a word of the policy
    reason: str
    by: str
    role: str
    amount: Decimal | None
    currency: str
    preview: Preview
    needs_approval: bool
    expires_at: datetime
    undoes: str = ""  # the id of the request that this one takes back


@dataclass(frozen=True, kw_only=True)
class RequestApproved(Event):
    kind: ClassVar[str] = "request.approved"
    account: str
    request: str
    by: str
    role: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestRejected(Event):
    kind: ClassVar[str] = "request.rejected"
    account: str
    request: str
    by: str
    role: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RequestWithdrawn(Event):
    kind: ClassVar[str] = "request.withdrawn"
    account: str
    request: str
    by: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestExpired(Event):
    """Nobody decided in time, or what was approved was not done in time."""

    kind: ClassVar[str] = "request.expired"
    account: str
    request: str


@dataclass(frozen=True, kw_only=True)
class RequestExecuted(Event):
    """It was done exactly as it was shown. `done` are the addresses of the events of its command; `undoes` as in the request."""

    kind: ClassVar[str] = "request.executed"
    account: str
    request: str
    by: str
    done: tuple[str, ...]
    undoes: str = ""
