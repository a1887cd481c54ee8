"""The facts of payment methods and of what a gateway is asked to do: collections and payouts, asked for, waiting, settled, failed.

Of a card only what its gateway gave: a token, the brand, the last four digits and the month in which it expires. No event holds a number.
Nothing is posted when a collection is asked for: no money has moved. It is posted when the gateway says that it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.events import Allocation, Entry, Event, OpenMoved, PaymentReceived

# --- methods ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MethodAdded(Event):
    """A way to charge the customer. `token` and `customer` are the gateway's names for it; `expiry` is `YYYY-MM`."""

    kind: ClassVar[str] = "method.added"
    account: str
    method: str  # the id: address of this event
    gateway: str
    customer: str
    token: str
    brand: str
    last4: str
    expiry: str
    default: bool


@dataclass(frozen=True, kw_only=True)
class MethodRemoved(Event):
    kind: ClassVar[str] = "method.removed"
    account: str
    method: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DefaultMethodSet(Event):
    """From now on collections use this method."""

    kind: ClassVar[str] = "method.default_set"
    account: str
    method: str


@dataclass(frozen=True, kw_only=True)
class CollectionModeSet(Event):
    """`automatic`: what falls due is collected from the default method. `manual`: the customer pays."""

    kind: ClassVar[str] = "collection.mode_set"
    account: str
    mode: str


# --- collections ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CollectionRequested(Event):
    """The gateway is to charge `amount` for these documents. Recorded before the gateway is called; the id of the effect that it owes is
    the gateway's idempotency key. `attempt` counts the collections of the first of the documents; `trigger` says who asked: due, retry,
    asked, checkout; or low, a wallet that ran low. With `tops_up`, a currency, the money goes into that wallet.
    """

    kind: ClassVar[str] = "collection.requested"
    account: str
    collection: str  # the id: address of this event
    amount: Decimal
    currency: str
    allocations: tuple[Allocation, ...]
    method: str
    gateway: str
    customer: str
    token: str
    attempt: int
    trigger: str
    tops_up: str = ""


@dataclass(frozen=True, kw_only=True)
class CollectionAwaited(Event):
    """The gateway has it and has not decided: `processing`, or `confirmation` where the customer must confirm it at `url`."""

    kind: ClassVar[str] = "collection.awaited"
    account: str
    collection: str
    waiting: str
    reference: str
    url: str


@dataclass(frozen=True, kw_only=True)
class PaymentCollected(PaymentReceived):
    """The gateway has the money of a collection; its channel is the gateway, `reference` what the gateway calls it."""

    kind: ClassVar[str] = "payment.collected"
    collection: str
    method: str


@dataclass(frozen=True, kw_only=True)
class MethodGiven(Event):
    """The gateway's page is done with: the customer gave a method, nothing was to be paid. The method itself is `method.added`."""

    kind: ClassVar[str] = "collection.method_given"
    account: str
    collection: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class CollectionFailed(Event):
    """The gateway did not get the money. `decline`: `soft` (try again later), `hard` (this method will not do), `confirmation` (the
    customer must confirm, and did not); `code` and `message` are the gateway's."""

    kind: ClassVar[str] = "collection.failed"
    account: str
    collection: str
    amount: Decimal
    currency: str
    allocations: tuple[Allocation, ...]
    method: str
    gateway: str
    reference: str
    decline: str
    code: str
    message: str
    attempt: int


# --- money out --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PayoutRequested(OpenMoved):
    """What we owe on these statements is to be sent, by a gateway or by hand. It is on its way until it is settled or fails."""

    kind: ClassVar[str] = "payout.requested"
    word: ClassVar[str] = "payout"
    payout: str  # the id: address of this event
    amount: Decimal
    channel: str
    destination: str  # the gateway's name for where the money goes


@dataclass(frozen=True, kw_only=True)
class PayoutSettled(Event):
    """The money left."""

    kind: ClassVar[str] = "payout.settled"
    account: str
    payout: str
    amount: Decimal
    currency: str
    channel: str
    reference: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class PayoutFailed(OpenMoved):
    """The money did not leave: it is owed on the statements again (negative allocations)."""

    kind: ClassVar[str] = "payout.failed"
    word: ClassVar[str] = "payout"
    payout: str
    amount: Decimal
    channel: str
    reason: str


# --- notices ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NoticeReceived(Event):
    """A gateway said that something happened to `reference` (of the sort `about`). What happened is asked of it, never believed."""

    kind: ClassVar[str] = "notice.received"
    gateway: str
    notice: str  # the gateway's id of the notice
    about: str
    reference: str
    said: str  # the gateway's word for it
    owner: str  # the account, where the notice names it
