"""Contracts and the terms that hold from one moment on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class Part:
    """One payer's part of an amount that is shared: `shares` are the percents of all payers, `mine` the position of this one."""

    shares: tuple[Decimal, ...]
    mine: int


@dataclass(frozen=True, kw_only=True)
class ItemTerms:
    """What one contract says of one item: how many, and what it says otherwise than the plan."""

    quantity: Decimal
    price: Mapping[str, Any] | None = None  # a price of its own, in the form of PRICING.md; None: the plan's
    principal: Decimal | None = None  # the amount that bears interest
    attributes: Mapping[str, Any] = field(default_factory=dict)  # facts for tax: persons, rooms
    index_base: Decimal | None = None  # the value of the index that the price was signed at
    parts: tuple[Part, ...] = ()  # what of it this payer pays, where several share it; each part is one of the one before


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The whole terms of a contract from one moment on."""

    plan: str
    catalogue: str
    version: int
    items: Mapping[str, ItemTerms]
    anchor: datetime  # periods are counted from here
    phases_from: datetime | None = None  # where the plan's phases begin; None: they are over
    paused: bool = False
    keep_billing: bool = False  # with `paused`: what was charged for the pause is kept
    subject: str = ""  # who consumes: usage records may name it
    bill: str = ""  # what the change to these terms moves: `now` or with the `next_invoice`; "" as the plan says
    keep_unused: bool = False  # what the terms before were charged for the rest of their period stays charged
    agreed_from: datetime | None = None  # since when its prices are agreed; None: since the contract starts

    @cached_property
    def remembered(self) -> dict[str, Any]:
        """Where what follows from the terms alone is remembered."""
        return {}


@dataclass(frozen=True, kw_only=True)
class TermsSet(Event):
    """The base of everything that sets the terms of a contract from `effective_at` on."""

    account: str
    contract: str
    terms: Terms


@dataclass(frozen=True, kw_only=True)
class ContractSigned(TermsSet):
    kind: ClassVar[str] = "contract.signed"
    currency: str
    start: datetime
    end: datetime | None
    digest: str  # of the catalogue version
    paid_through: datetime | None = None  # periods before it were billed elsewhere (an imported contract)
    name: str = ""
    taken_over: str = ""  # the contract of another payer that this one goes on with


@dataclass(frozen=True, kw_only=True)
class PlanChanged(TermsSet):
    kind: ClassVar[str] = "contract.plan_changed"
    previous_plan: str
    credit_unused: bool = True


@dataclass(frozen=True, kw_only=True)
class QuantityChanged(TermsSet):
    kind: ClassVar[str] = "contract.quantity_changed"
    moves: ClassVar[frozenset[str] | None] = frozenset({"contracts", "periods", "standing", "billed_use"})
    item: str
    quantity: Decimal
    previous_quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class ItemAdded(TermsSet):
    kind: ClassVar[str] = "contract.item_added"
    item: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class ItemRemoved(TermsSet):
    kind: ClassVar[str] = "contract.item_removed"
    item: str


@dataclass(frozen=True, kw_only=True)
class PriceChanged(TermsSet):
    """One customer's price of one item, or the version of the catalogue that the contract follows from now on."""

    kind: ClassVar[str] = "contract.price_changed"
    item: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContractPaused(TermsSet):
    kind: ClassVar[str] = "contract.paused"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContractResumed(TermsSet):
    kind: ClassVar[str] = "contract.resumed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class BillingDayMoved(TermsSet):
    """Periods are counted from another day; `previous` is where they were counted from."""

    kind: ClassVar[str] = "contract.billing_day_moved"
    previous: datetime


@dataclass(frozen=True, kw_only=True)
class EndSet(Event):
    """The base of everything that moves the end of a contract. `end` None: open-ended again."""

    account: str
    contract: str
    end: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContractCancelled(EndSet):
    """`credit_unused` False: what was charged in advance beyond the end is kept."""

    kind: ClassVar[str] = "contract.cancelled"
    credit_unused: bool = True
    early: bool = False
    agreed_end: datetime | None = None  # what had been agreed before
    early_fee: Decimal = Decimal(0)  # what leaving early costs in all, charged beside this event


@dataclass(frozen=True, kw_only=True)
class ContractHandedOver(EndSet):
    """Another account pays from `end` on: it goes on as the contract `successor` of the account `to`."""

    kind: ClassVar[str] = "contract.handed_over"
    to: str
    successor: str
    credit_unused: bool = True


@dataclass(frozen=True, kw_only=True)
class ContractExtended(EndSet):
    """The agreed end lies later, or nowhere. `start` is where the new term begins; with `terms` `newest` those of the newest version of
    the catalogue are set then. `automatic`: nobody cancelled in time."""

    kind: ClassVar[str] = "contract.extended"
    start: datetime | None = None
    terms: str = "same"
    automatic: bool = False


@dataclass(frozen=True, kw_only=True)
class TermsRenewed(TermsSet):
    """With a new term the contract has the terms of the newest version; where that lacks an item of it, `kept` says so and nothing else
    is changed."""

    kind: ClassVar[str] = "contract.terms_renewed"
    previous_version: int
    kept: str = ""
    following: datetime | None = None  # the start of the next term, where the contract was renewed for that too already


@dataclass(frozen=True, kw_only=True)
class ContractReminded(Event):
    """Soon the contract ends, or is renewed: until `deadline` the customer can still say what he wants."""

    kind: ClassVar[str] = "contract.reminded"
    account: str
    contract: str
    name: str
    end: datetime
    deadline: datetime
    renews: bool


@dataclass(frozen=True, kw_only=True)
class ContractSplit(TermsSet):
    """From now on another account pays some items (`items`), or a share of all (`share`, percent), as its contract `successor`."""

    kind: ClassVar[str] = "contract.split"
    to: str
    successor: str
    items: tuple[str, ...] = ()
    share: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class ContractEnded(Event):
    """The contract's last period is closed."""

    kind: ClassVar[str] = "contract.ended"
    account: str
    contract: str
