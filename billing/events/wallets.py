"""Prepaid: lots of money or units that an account holds, what is reserved of them, and how they are used up.

A wallet is what an account holds in one `unit`: a currency, or a name such as `hour`. Each top-up or grant is a lot of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing.events.base import Entry, Event
from billing.events.money import OpenMoved


@dataclass(frozen=True, kw_only=True)
class LotUse:
    """What was taken of one lot; negative: given back. `paid` is the money in it, in the currency of the wallet.

    `kind` paid or promotional: of the lot. Without a lot: `owed` (taken though nothing was there: the next grant pays it), or `free`
    (given). A use with `debt` pays what was owed.
    """

    lot: str
    kind: str
    amount: Decimal
    paid: Decimal
    debt: bool = False


@dataclass(frozen=True, kw_only=True)
class LotOpened(Event):
    """The base of what puts a lot into a wallet. `[start, expires)` is when it can be used; of several lots the lower priority is first.

    `paid` is the money that was paid for it: all of the amount, the price of units, or 0 for a promotional lot.
    """

    account: str
    lot: str  # the id: address of this event
    unit: str
    currency: str
    amount: Decimal
    paid: Decimal
    priority: int
    start: datetime
    expires: datetime | None
    items: tuple[str, ...]  # the only items that it pays for; none: all
    rollover_most: Decimal | None  # at expiry, and when the wallet is reset, so much of what is left lives on
    rollover_for: str  # after the expiry, once: for how long
    rollover_least: Decimal | None = None  # when the wallet is reset it is filled up to this


@dataclass(frozen=True, kw_only=True)
class WalletToppedUp(LotOpened):
    kind: ClassVar[str] = "wallet.topped_up"
    channel: str
    reference: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class WalletGranted(LotOpened):
    """A promotional lot. It posts nothing: it reduces revenue when it is used. One that a plan gives by itself names the contract and the
    plan's grant; its start is the start of the grant's period."""

    kind: ClassVar[str] = "wallet.granted"
    reason: str
    contract: str = ""
    grant: str = ""


@dataclass(frozen=True, kw_only=True)
class WalletReceived(LotOpened):
    """Money that came from the wallet of another account."""

    kind: ClassVar[str] = "wallet.received"
    sender: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class WalletSpent(Event):
    """The base of what takes from lots, in the order of `uses`."""

    account: str
    unit: str
    currency: str
    uses: tuple[LotUse, ...]
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class WalletDrawn(WalletSpent):
    """Charges of one item and period paid from the wallet; a negative amount opens lots again, the one burnt last first."""

    kind: ClassVar[str] = "wallet.drawn"
    moves: ClassVar[frozenset[str] | None] = frozenset({"wallets", "open_charges"})
    contract: str
    item: str
    period_start: datetime
    amount: Decimal
    charges: tuple[str, ...]  # addresses of what it pays


@dataclass(frozen=True, kw_only=True)
class WalletPaid(WalletSpent, OpenMoved):
    """The wallet pays a document, or a part of it, after tax."""

    kind: ClassVar[str] = "wallet.paid"
    word: ClassVar[str] = "wallet"


@dataclass(frozen=True, kw_only=True)
class WalletSettled(WalletSpent):
    """What was used beyond the wallet is paid by lots that came later."""

    kind: ClassVar[str] = "wallet.settled"
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class UnitsConsumed(WalletSpent):
    """Units used up, such as hours of a block; what was paid for them is earned."""

    kind: ClassVar[str] = "wallet.consumed"
    amount: Decimal
    item: str
    reservation: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """What lives on of a lot, until when."""

    lot: str
    amount: Decimal
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class WalletExpired(WalletSpent):
    """What is left of lots is lost: paid money is breakage, promotional money nothing. `cause` is expired or voided."""

    kind: ClassVar[str] = "wallet.expired"
    cause: str
    reason: str
    rolled: tuple[Rolled, ...]


@dataclass(frozen=True, kw_only=True)
class WalletReset(WalletSpent):
    """The wallet begins anew: of each lot lives on what rolls over, or it is filled up to its least (a negative use). What was used beyond
    the wallet is forgiven, or with `keeps_owed` still to be paid."""

    kind: ClassVar[str] = "wallet.reset"
    keeps_owed: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class WalletRefunded(WalletSpent):
    """Paid money given back: to the customer's credit, or through a channel."""

    kind: ClassVar[str] = "wallet.refunded"
    amount: Decimal
    channel: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class WalletSent(WalletSpent):
    """Paid money that goes to the wallet of another account."""

    kind: ClassVar[str] = "wallet.sent"
    amount: Decimal
    receiver: str


@dataclass(frozen=True, kw_only=True)
class WalletReserved(Event):
    """Kept free for one use until it is committed or released, at the latest until `expires`. No posting."""

    kind: ClassVar[str] = "wallet.reserved"
    moves: ClassVar[frozenset[str] | None] = frozenset({"wallets"})
    account: str
    reservation: str  # the id: address of this event
    unit: str
    amount: Decimal
    item: str
    expires: datetime | None
    reference: str


@dataclass(frozen=True, kw_only=True)
class ReservationEnded(Event):
    kind: ClassVar[str] = "wallet.reservation_ended"
    moves: ClassVar[frozenset[str] | None] = frozenset({"wallets"})
    account: str
    reservation: str
    unit: str
    amount: Decimal
    outcome: str  # committed released expired


@dataclass(frozen=True, kw_only=True)
class WalletTermsSet(Event):
    """What was agreed on a wallet: how far it may be overdrawn, and below which amount it is topped up, to which."""

    kind: ClassVar[str] = "wallet.terms_set"
    account: str
    unit: str
    currency: str
    overdraft: Decimal
    threshold: Decimal | None
    top_up_to: Decimal | None
    pays_invoices: bool = False  # documents are paid from it, after tax
    top_up_least: Decimal | None = None  # no automatic top-up is smaller
    top_up_most: Decimal | None = None  # all automatic top-ups of a day together are no more


@dataclass(frozen=True, kw_only=True)
class WalletLow(Event):
    """Less than the threshold can be spent: a top-up of `amount` is asked for, once until the next lot comes."""

    kind: ClassVar[str] = "wallet.low"
    account: str
    unit: str
    currency: str
    spendable: Decimal
    threshold: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class TopUpDeclined(Event):
    """The automatic top-up that a low wallet asked for does not come. `again`: when it is asked for anew; None: when the terms change or
    money comes in another way."""

    kind: ClassVar[str] = "wallet.top_up_declined"
    account: str
    unit: str
    amount: Decimal
    code: str  # limit, no_method, no_price, or how the gateway declined: soft, hard, confirmation
    reason: str
    again: datetime | None
