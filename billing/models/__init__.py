"""Tables: the journal, the usage annex, and the read models that processors write."""

from billing.models.alerts import UsageAlert
from billing.models.books import Books, DeferredCharge, ExchangeRate
from billing.models.changes import ScheduledChange
from billing.models.contracts import Contract, ContractTerms, Period
from billing.models.corrections import CorrectionItem, CorrectionSet
from billing.models.credit import CreditLimit, CreditStatus, SuspendedService
from billing.models.due import DuePart
from billing.models.holds import InvoicingHold
from billing.models.journal import Counter, Due, Effect, IdempotencyKey, JournalEvent, Stream
from billing.models.months import MonthMove
from billing.models.overrides import Override
from billing.models.people import Bounce, Campaign, CampaignMail, Consent, LegalHold, Merged
from billing.models.read import (
    Account,
    AccountPlace,
    AllocationRow,
    Balance,
    Charge,
    DiscountRow,
    Hold,
    Invoice,
    InvoiceLine,
    OpenCharge,
    Payment,
    PostingRow,
)
from billing.models.requests import CorrectionRequest, PublishedPolicy
from billing.models.runs import Run
from billing.models.things import Booking, Capacity, CouponUse, Stock, StockMove, StockReservation
from billing.models.usage import RejectedRecord, UsageKey, UsageMark, UsageRecord
from billing.models.wallets import Wallet, WalletLot, WalletReservation, WalletUse
from billing.models.webhooks import Webhook, WebhookAttempt, WebhookSecret

__all__ = [
    "Account",
    "AccountPlace",
    "AllocationRow",
    "Balance",
    "Booking",
    "Books",
    "Bounce",
    "Campaign",
    "CampaignMail",
    "Capacity",
    "Charge",
    "Consent",
    "Contract",
    "ContractTerms",
    "CorrectionItem",
    "CorrectionRequest",
    "CorrectionSet",
    "Counter",
    "CouponUse",
    "CreditLimit",
    "CreditStatus",
    "DeferredCharge",
    "DiscountRow",
    "Due",
    "DuePart",
    "Effect",
    "ExchangeRate",
    "Hold",
    "IdempotencyKey",
    "Invoice",
    "InvoiceLine",
    "InvoicingHold",
    "JournalEvent",
    "LegalHold",
    "Merged",
    "MonthMove",
    "OpenCharge",
    "Override",
    "Payment",
    "Period",
    "PostingRow",
    "PublishedPolicy",
    "RejectedRecord",
    "Run",
    "ScheduledChange",
    "Stock",
    "StockMove",
    "StockReservation",
    "Stream",
    "SuspendedService",
    "UsageAlert",
    "UsageKey",
    "UsageMark",
    "UsageRecord",
    "Wallet",
    "WalletLot",
    "WalletReservation",
    "WalletUse",
    "Webhook",
    "WebhookAttempt",
    "WebhookSecret",
]
