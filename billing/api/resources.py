"""What can be read over HTTP, as one table: each resource is a read model with its columns, its order, and what it can be asked by.

Every list begins with the rows that the caller may see; one thing of somebody else is not found, as if it did not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models

from accounts.crm.models import Contact
from accounts.models import ApiKey
from billing.models import (
    AllocationRow,
    Booking,
    Campaign,
    CampaignMail,
    Charge,
    Consent,
    Contract,
    ContractTerms,
    CorrectionRequest,
    DiscountRow,
    Effect,
    Hold,
    Invoice,
    JournalEvent,
    Payment,
    Period,
    PostingRow,
    ScheduledChange,
    Stock,
    StockMove,
    StockReservation,
    UsageAlert,
    UsageRecord,
    WalletLot,
    WalletReservation,
    Webhook,
    WebhookAttempt,
)
from payments.models import Deposit, Dispute, Receipt, Refund

#: Rows are made by the streams of their accounts; of others: the column that names the stream, and what stands before it.
OF_ACCOUNTS = ("", "")


@dataclass(frozen=True)
class Resource:
    """`key` names one row (empty: rows are only listed); `order` is unique and never changes for a row, so that pages are stable.

    `filters`: columns asked for equality (several values apart by commas), and dates and times by `NAME_from` and `NAME_before`.
    `also`: further names of filters, with the column of each. `kinds`: the filter whose values are kinds of events.
    `money`: the column that says the currency of the amounts; another unit there has no decimals of its own.
    `past`: what its rows of then are made again from; None where no event says them. `facts`: of rows that never change, the columns
    that say when each counts and when it was known (empty: its event says it).
    """

    name: str
    what: str
    model: type[models.Model]
    order: tuple[str, ...]
    key: str = ""
    filters: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    owner: str = "account"
    staff_only: bool = False
    also: tuple[tuple[str, str], ...] = ()
    kinds: str = ""
    money: str = "currency"
    past: tuple[str, str] | None = OF_ACCOUNTS
    facts: tuple[str, str] | None = None

    @property
    def columns(self) -> list[Any]:
        """The concrete columns that are shown, in the order of the model."""
        return [field for field in self.model._meta.concrete_fields if field.name not in self.hidden and not _is_composite(field)]


def _is_composite(field: Any) -> bool:
    return isinstance(field, models.CompositePrimaryKey)


RESOURCES = (
    Resource(
        "contracts",
        "Contracts",
        Contract,
        ("account", "contract"),
        key="contract",
        filters=("account", "plan", "catalogue", "status", "currency", "start", "end"),
        search=("contract", "name", "plan"),
        hidden=("settled",),
    ),
    Resource(
        "terms",
        "The terms that contracts had, from when on",
        ContractTerms,
        ("account", "sequence"),
        filters=("account", "contract", "kind", "effective_at"),
    ),
    Resource(
        "periods",
        "Billing periods of items",
        Period,
        ("account", "contract", "item", "start"),
        filters=("account", "contract", "item", "closed", "start", "end"),
        hidden=("last",),
    ),
    Resource(
        "charges",
        "Charges: what was accrued, sold or adjusted",
        Charge,
        ("account", "sequence"),
        filters=("account", "contract", "item", "kind", "component", "currency", "invoice", "effective_at", "period_start", "supply_date"),
        search=("name", "item"),
    ),
    Resource(
        "invoices",
        "Documents: invoices, credit notes, debit notes, statements",
        Invoice,
        ("account", "sequence"),
        key="invoice",
        filters=("account", "document", "status", "currency", "seller", "series", "corrects", "issued", "due"),
        search=("number", "invoice"),
    ),
    Resource(
        "allocations",
        "What paid which document",
        AllocationRow,
        ("account", "sequence", "invoice"),
        filters=("account", "invoice", "payment", "kind"),
    ),
    Resource(
        "payments",
        "Payments",
        Payment,
        ("account", "sequence"),
        key="payment",
        filters=("account", "status", "channel", "currency", "received_at"),
        search=("reference", "payment"),
    ),
    Resource(
        "refunds",
        "Refunds",
        Refund,
        ("account", "sequence"),
        key="refund",
        filters=("account", "payment", "status", "channel", "requested_at"),
        search=("reference", "reason"),
    ),
    Resource(
        "disputes",
        "Payments that a bank took back or asks about",
        Dispute,
        ("account", "sequence"),
        key="dispute",
        filters=("account", "payment", "status", "opened_at", "evidence_due"),
        search=("reference", "reason"),
    ),
    Resource(
        "holds",
        "Parts of documents that customers dispute",
        Hold,
        ("account", "sequence"),
        key="hold",
        filters=("account", "invoice", "status", "opened_at"),
    ),
    Resource(
        "deposits",
        "Security deposits",
        Deposit,
        ("account", "sequence"),
        key="deposit",
        filters=("account", "currency", "taken_at"),
        search=("reference", "name"),
    ),
    Resource(
        "discounts",
        "Discounts that accounts hold",
        DiscountRow,
        ("account", "attachment"),
        key="attachment",
        filters=("account", "contract", "discount", "level", "coupon", "start"),
        search=("name", "coupon"),
    ),
    Resource(
        "lots",
        "Top-ups and grants of wallets, and what is left of each",
        WalletLot,
        ("account", "sequence", "lot"),
        key="lot",
        filters=("account", "unit", "currency", "start", "expires"),
        money="unit",
    ),
    Resource(
        "reservations",
        "Prepaid money or units kept free",
        WalletReservation,
        ("account", "sequence"),
        key="reservation",
        filters=("account", "unit", "status", "item"),
        money="unit",
    ),
    Resource(
        "usage",
        "Measurements as their sources sent them",
        UsageRecord,
        ("account", "meter", "at", "source", "record"),
        filters=("account", "meter", "source", "record", "kind", "subject", "at"),
        facts=("at", "recorded_at"),
        hidden=("sequence",),
    ),
    Resource(
        "bookings",
        "Rooms and other things that are held, booked or in use",
        Booking,
        ("account", "booking"),
        key="booking",
        filters=("account", "thing", "unit", "status", "start", "end"),
        search=("booking", "reference", "name"),
        past=("thing", "thing:"),
        hidden=("number",),
    ),
    Resource(
        "changes",
        "Changes that are scheduled, and what became of them",
        ScheduledChange,
        ("account", "change"),
        key="change",
        filters=("account", "contract", "command", "status", "moment"),
    ),
    Resource(
        "stock_reservations",
        "Goods kept for an account",
        StockReservation,
        ("account", "reservation"),
        key="reservation",
        filters=("account", "item", "location", "status", "expires"),
        search=("reservation", "reference"),
        past=("item", "stock:"),
    ),
    Resource(
        "stock",
        "What is there of each item at each place",
        Stock,
        ("item", "location"),
        filters=("item", "location"),
        owner="item",
        staff_only=True,
        past=("item", "stock:"),
    ),
    Resource(
        "contacts",
        "People at a customer's, and which mails go to them",
        Contact,
        ("account", "contact"),
        key="contact",
        filters=("account", "role"),
        hidden=("id", "note"),
        past=None,
    ),
    Resource(
        "consents",
        "What people agreed to last",
        Consent,
        ("account", "contact", "purpose", "channel"),
        filters=("account", "contact", "purpose", "channel", "given", "since"),
    ),
    Resource(
        "usage_alerts",
        "Thresholds of use at which the customer is told",
        UsageAlert,
        ("account", "alert"),
        key="alert",
        filters=("account", "contract", "item", "measure"),
    ),
    Resource(
        "keys",
        "Keys of programs, without their secrets",
        ApiKey,
        ("account", "prefix"),
        key="prefix",
        filters=("account", "seller", "made_at", "expires_at", "revoked_at"),
        hidden=("digest", "old_digest", "old_until"),
        staff_only=True,
        past=None,
    ),
    Resource(
        "campaigns",
        "Mails to segments",
        Campaign,
        ("campaign",),
        key="campaign",
        filters=("segment", "purpose", "sent_at"),
        owner="campaign",
        staff_only=True,
        past=("campaign", "campaign:"),
    ),
    Resource(
        "campaign_mails",
        "What became of each mail of a campaign",
        CampaignMail,
        ("account", "contact", "campaign"),
        filters=("account", "campaign", "state", "code", "at", "unsubscribed_at"),
        staff_only=True,
    ),
    Resource(
        "stock_moves",
        "Movements of goods",
        StockMove,
        ("item", "sequence"),
        filters=("item", "location", "account", "reason", "at"),
        staff_only=True,
        past=("item", "stock:"),
    ),
    Resource(
        "requests",
        "Corrections of money that somebody asked for, and who decided what",
        CorrectionRequest,
        ("account", "request"),
        key="request",
        filters=("account", "seller", "command", "code", "status", "asked_by", "decided_by", "made_at"),
        staff_only=True,
        past=("account", ""),
    ),
    Resource(
        "receipts",
        "Money whose payer is not known",
        Receipt,
        ("account", "sequence"),
        key="receipt",
        filters=("currency", "channel", "received_at"),
        search=("reference",),
        staff_only=True,
        past=("account", ""),
    ),
    Resource(
        "postings",
        "Entries of the books",
        PostingRow,
        ("account", "sequence", "leg"),
        filters=("account", "ledger", "currency", "seller", "invoice", "accounting_date", "effective_at"),
        staff_only=True,
        facts=("effective_at", ""),
    ),
    Resource(
        "events",
        "The journal",
        JournalEvent,
        ("stream", "sequence"),
        owner="stream",
        filters=("stream", "kind", "actor", "command", "key", "effective_at", "recorded_at"),
        also=(("account", "stream"),),
        kinds="kind",
        hidden=("position", "previous_hash", "hash"),
        staff_only=True,
        facts=("effective_at", "recorded_at"),
    ),
    Resource(
        "webhooks",
        "Endpoints that are told of events",
        Webhook,
        ("endpoint",),
        key="endpoint",
        filters=("account", "status"),
        search=("endpoint", "url"),
        staff_only=True,
        past=("endpoint", "webhook:"),
    ),
    Resource(
        "webhook_attempts",
        "Messages sent to endpoints, and what came of each",
        WebhookAttempt,
        ("id",),
        filters=("endpoint", "event", "kind", "status", "message", "at"),
        kinds="kind",
        owner="endpoint",
        staff_only=True,
        past=None,
    ),
    Resource(
        "effects",
        "What the outside is owed, and what came of it",
        Effect,
        ("stream", "sequence", "id"),
        filters=("account", "kind", "state", "due_at"),
        hidden=("leased_until",),
        staff_only=True,
        past=None,
    ),
)
