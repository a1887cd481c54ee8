"""The policy as frozen values: what a published catalogue version says, after it was read and checked.

A version never changes once it is published. A contract keeps the version it was signed with; an item that `follows` a list
takes the entries of the newest published version instead. `plans.loader` makes these values from YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from plans.agreements import EarlyFee, Indexation, IndexEntry, Renewal
from plans.calendars import Calendar
from plans.discounts import Coupon, Discount
from plans.dunning import AllocationPolicy, DunningPolicy, InstalmentOffer, RateEntry
from plans.metering import Meter
from plans.money import Rounding
from plans.periods import Convention, Period
from plans.pricing import Pricing
from plans.resources import Resource
from plans.tax import PlaceLike, Tax, TaxPolicy, taxes_for

MOST_PLACES = 10_000

Charge = Literal["fee", "usage", "sale", "interest"]
Timing = Literal["advance", "arrears", "tick"]


@dataclass(frozen=True)
class Interest:
    """Interest on an amount named by the contract: `principal × rate/100 × year fraction`, by day count, capitalised at each close."""

    rate: Decimal  # percent a year
    day_count: Convention = "act/365"
    capitalise: bool = False
    early_rate: Decimal | None = None  # percent a year, paid instead when the contract ends before its term
    minimum_days: int = 0  # nothing is owed for a contract that ends earlier than this


@dataclass(frozen=True)
class ListEntry:
    """One line of a price list (a tariff): the price in force from `start` until the next entry starts."""

    start: datetime
    pricing: Pricing


@dataclass(frozen=True)
class Item:
    """One thing that is charged: a fee for time, a metered use, a sale, or interest.

    `owes` says who pays: the `customer`, or `us` (a deposit's interest, a publisher's share).
    `timing`: a fee accrues at the period's start (`advance`) or its close (`arrears`); usage at the close or at each `tick`.
    """

    code: str
    name: str
    charge: Charge
    pricing: Pricing | None = None
    period: Period | None = None  # that of the plan where it has none of its own; None: a fee is charged once
    once: bool = False  # it says so itself: an add-on without a period has that of the plan it is added to, this one does not
    timing: Timing = "arrears"
    draws: Literal["invoice", "tick"] = "invoice"  # where its charges go: on documents, or at each tick against the account's wallet
    beyond: Literal["owed", "free"] = "owed"  # what becomes of use that the wallet can't pay
    wallet: str = ""  # the units of the wallet that pays it: its price is in them, and no money is charged; "": a wallet of money
    align: Literal["anchor", "calendar"] = "anchor"
    day: int | None = None  # billing day of a calendar-aligned month, 1..31
    proration: Literal["none", "day", "second"] = "day"
    denominator: int | None = None  # days; None: the days of the full period
    last_day: Literal["free", "charged"] = "free"
    prorate: tuple[str, ...] = ("flat", "minimum")
    meter: str | None = None
    choose: Mapping[str, str] = field(default_factory=dict)  # quantity name of `choose` -> meter
    on_change: Literal["restart", "continue"] = "restart"
    decrease: Literal["credit", "keep"] = "credit"
    pause: Literal["credit", "keep"] = "credit"
    follows: str | None = None  # name of a price list; None: pinned to the version signed
    lock: Period | None = None  # with `follows`: so long after signing new entries do not count
    indexation: Indexation | None = None  # the price is adjusted by a published index
    quantity: Decimal = Decimal(1)  # where the contract does not say
    tax: str | None = None  # tax category
    owes: Literal["customer", "us"] = "customer"
    ledger: str = ""  # revenue or expense ledger; "": by kind of charge
    stock: bool = False
    stock_start: Decimal = Decimal(0)  # what is there before anything moved
    stock_minimum: Decimal | None = None  # below it a warning is owed
    interest: Interest | None = None
    features: tuple[str, ...] = ()
    correct_back_to: Period | None = None  # how far automatic differences reach
    unit: str = ""
    optional: bool = False  # an add-on: not part of the plan until `add_item`
    attributes: Mapping[str, Any] = field(default_factory=dict)  # facts for tax and documents: persons, rooms, …

    @property
    def deciding(self) -> Mapping[str, str]:
        """The other quantities that pick the price, each with its meter: the one of its own name where the item does not say."""
        by = self.pricing.choose.by if self.pricing and self.pricing.choose else "quantity"
        return self.choose if by == "quantity" or by in self.choose else {**self.choose, by: by}


@dataclass(frozen=True)
class Phase:
    """A stretch at the start of a contract with terms of its own. Items not named keep the plan's price; a price of None is free."""

    name: str
    length: Period | None  # None: until the end (last phase)
    prices: Mapping[str, Pricing | None] = field(default_factory=dict)
    follows: Mapping[str, str] = field(default_factory=dict)  # item → the price list that it follows meanwhile
    only: tuple[str, ...] | None = None  # the items that exist in this phase; None: all
    then: Literal["restart", "keep"] = "restart"  # whether the period restarts when the phase ends


@dataclass(frozen=True)
class InvoicePolicy:
    """When charges of a contract go on a document, and how."""

    when: Literal["charges", "end", "calendar", "never"] = "charges"
    every: Period | None = None  # calendar: how often
    day: int | None = None  # calendar: which day of the month
    grace: Period | None = None  # how long the draft waits for late usage
    zero: Literal["skip", "issue"] = "skip"
    lines: Literal["grouped", "split"] = "grouped"
    threshold: Decimal | None = None  # unbilled charges at or above it are invoiced at once
    thresholds: tuple[Decimal, ...] = ()  # the same when a contract's use ever reaches one of these, each once; ascending
    thresholds_every: Decimal | None = None  # and each time that it grows by this beyond the last of them
    negative: Literal["credit_note", "next_invoice"] = "credit_note"
    limit: Decimal | None = None  # a document beyond it looks insane: the account is parked
    separate: bool = False  # a document of its own for each contract


@dataclass(frozen=True)
class Minimum:
    """A least or a commitment over several items of a plan, per period of the plan. A second pass over their targets, with its own key."""

    code: str
    amount: Decimal
    items: tuple[str, ...]  # empty: all the plan's items
    tax: str | None
    period: Period
    prorate: bool = True
    align: Literal["anchor", "calendar"] = "anchor"
    day: int | None = None


@dataclass(frozen=True)
class PlanGrant:
    """What a plan puts into the wallet at the start of each period of its own, counted from the start of the contract. Nobody pays for it
    separately: it is promotional. `unit` \"\": the plan's currency. `lasts` None: until the next one comes."""

    code: str
    amount: Decimal
    every: Period
    unit: str = ""
    lasts: Period | None = None
    priority: int = 0
    items: tuple[str, ...] = ()
    rollover_most: Decimal | None = None
    rollover_for: str = ""


@dataclass(frozen=True)
class Plan:
    code: str
    name: str
    currency: str
    items: Mapping[str, Item]
    period: Period | None = None
    phases: tuple[Phase, ...] = ()
    invoice: InvoicePolicy = field(default_factory=InvoicePolicy)
    terms: str | None = None
    minimums: tuple[Minimum, ...] = ()
    term: Period | None = None  # minimum or fixed term of the contract
    early_end: Literal["allowed", "refused"] = "allowed"  # before the agreed end
    notice: Period | None = None  # how long before its end a contract must be cancelled
    renew: Renewal | None = None  # goes on by itself after its term; None: it ends
    early_fee: EarlyFee | None = None  # what ending before the agreed end costs
    remind: tuple[Period, ...] = ()  # how long before the last day on which the customer can still act
    discounts: tuple[str, ...] = ()
    features: Mapping[str, bool | Decimal | str] = field(default_factory=dict)
    anchor: Literal["start", "account"] = "start"
    dunning: str | None = None  # the policy by which debts of whoever holds it are pursued; None: the catalogue's default
    suspension: Literal["charge", "pause", "serve"] = "charge"  # of the account: charges go on, stop too, or nothing stops
    public: bool = False  # offered to everybody: customers may take it themselves
    grants: Mapping[str, PlanGrant] = field(default_factory=dict)

    @cached_property
    def minimum_codes(self) -> frozenset[str]:
        return frozenset(minimum.code for minimum in self.minimums)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """item → its place in the order of the plan."""
        return {code: i for i, code in enumerate(self.items)}


@dataclass(frozen=True)
class Surcharge:
    """What a document costs after its due date: (days after it, percent), rising. Who pays by then pays the percent of what was not paid in
    time, once, and not the sum of the steps."""

    steps: tuple[tuple[int, Decimal], ...]
    name: str = "Surcharge for late payment"
    tax: str | None = None
    bill: Literal["now", "next_invoice"] = "now"


@dataclass(frozen=True)
class EarlyDiscount:
    """Who pays a document in full within `days` after its issue pays `percent` less."""

    days: int
    percent: Decimal


@dataclass(frozen=True)
class PaymentTerms:
    code: str
    days: int = 0
    end_of_month: bool = False
    text: str = ""
    surcharge: Surcharge | None = None
    early: EarlyDiscount | None = None


@dataclass(frozen=True)
class PayoutPolicy:
    """How what we owe leaves. `automatic`: what is due on statements by itself, from `least` on (in the catalogue's currency). `deposits`:
    the days after the last contract ended on which what is left of deposits goes back; None: a person releases them."""

    automatic: bool = False
    least: Decimal = Decimal(0)
    deposits: int | None = None


@dataclass(frozen=True)
class Mention:
    """A sentence that documents must hold: language ("" for any) → text. It holds for these `documents` and for
    buyers of these `countries`; where none is named, for all."""

    texts: Mapping[str, str]
    documents: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()

    def holds(self, document: str, country: str) -> bool:
        return (not self.documents or document in self.documents) and (not self.countries or country in self.countries)


@dataclass(frozen=True)
class Feature:
    """Something that a plan or an item may allow: a switch (`true`), a limit (a number, or `unlimited`), or a text."""

    code: str
    name: str
    kind: Literal["switch", "limit", "text"] = "switch"
    unit: str = ""
    meter: str | None = None  # limit: what counts against it
    period: Period | None = None  # limit: how long until it counts from 0 again; None: never
    soft: bool = False  # limit: more is allowed, and said
    credit: Literal["good", "grace", "limited", "suspended"] = "limited"  # the worst credit status with which it may be used


@dataclass(frozen=True)
class Example:
    """A worked example of a price: publishing fails unless it holds."""

    at: str  # where it stands in the file
    case: Mapping[str, Any]  # a case of `manage.py price`: the price, the usage, and what is expected


@dataclass(frozen=True)
class Catalogue:
    """One version of the whole policy. `digest` is the hash of its source text; `version` is 0 until it is published."""

    name: str
    currency: str
    zone: str
    rounding: Rounding
    seller: Mapping[str, str]
    meters: Mapping[str, Meter]
    calendars: Mapping[str, Calendar]
    lists: Mapping[str, tuple[ListEntry, ...]]
    items: Mapping[str, Item]  # sold alone
    plans: Mapping[str, Plan]
    taxes: tuple[Tax, ...]
    tax_policy: TaxPolicy
    discounts: Mapping[str, Discount]
    coupons: Mapping[str, Coupon]
    terms: Mapping[str, PaymentTerms]
    series: Mapping[str, str]  # document kind -> number format such as "INV-{year}-{number:06}"
    mentions: tuple[Mention, ...] = ()
    features: Mapping[str, Feature] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)  # what is reserved by time
    examples: tuple[Example, ...] = ()
    invoice: InvoicePolicy = field(default_factory=InvoicePolicy)  # of single sales, and of plans that say nothing
    collection: Literal["automatic", "manual"] = "manual"  # what falls due of accounts that say nothing
    payouts: PayoutPolicy = field(default_factory=PayoutPolicy)
    default_terms: str | None = None  # payment terms of whoever has none of their own
    dunning: Mapping[str, DunningPolicy] = field(default_factory=dict)
    default_dunning: str | None = None
    rates: Mapping[str, tuple[RateEntry, ...]] = field(default_factory=dict)  # percents by date, for late interest
    indexes: Mapping[str, tuple[IndexEntry, ...]] = field(default_factory=dict)  # published values by day
    allocation: AllocationPolicy = field(default_factory=AllocationPolicy)
    instalments: Mapping[str, InstalmentOffer] = field(default_factory=dict)
    effective: date | None = None  # the day from which `newest` means it; None: at once
    version: int = 0
    digest: str = ""

    @cached_property
    def taxes_ask(self) -> bool:
        """Whether a tax looks at more than category, place and day: at attributes of the supply, or at how much of it there is."""
        return any(tax.rate is None or tax.when or tax.by_length for tax in self.taxes)

    def taxes_at(self, category: str, place: PlaceLike, on: date) -> tuple[Tax, ...]:
        """The taxes that fall on a supply, where none of them looks at more: found once for all who are taxed at one place."""
        key = category, place.country, place.region, place.city, on
        found = self._taxes_known.get(key)
        if found is None:
            if len(self._taxes_known) >= MOST_PLACES:
                self._taxes_known.clear()
            found = self._taxes_known[key] = taxes_for(self.taxes, category=category, place=place, on=on)
        return found

    @cached_property
    def _taxes_known(self) -> dict[tuple[str, str, str, str, date], tuple[Tax, ...]]:
        return {}

    @cached_property
    def looking_back(self) -> frozenset[str]:
        """The codes under which records of meters are sent that look back beyond a period."""
        return frozenset(meter.reads or code for code, meter in self.meters.items() if meter.looks_back)
