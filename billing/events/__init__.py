"""Every fact that the system can record, one frozen value each. Read this first.

An event is immutable and carries every number and name that is needed to understand it alone. Money is `Decimal` in the event's
currency, times are aware UTC datetimes, spans are half-open `[start, end)`. Postings are signed: debit positive, credit negative;
those of one event sum to zero per currency. Kinds are stable words; they are never renamed once they were stored.
"""

from __future__ import annotations

from billing.events.accounts import (
    AccountClosed,
    AccountOpened,
    AccountParked,
    AccountReleased,
    DetailsChanged,
    Place,
)
from billing.events.base import (
    Entry,
    Event,
    Posting,
)
from billing.events.books import (
    AllowanceBooked,
    BooksClosed,
    Earned,
    ExpectedLoss,
    RevenueRecognised,
)
from billing.events.charges import (
    AdjustmentMade,
    ChargeAccrued,
    DiscountAttached,
    DiscountEnded,
    ItemPeriod,
    Key,
    PeriodsClosed,
    PeriodsOpened,
    SaleMade,
)
from billing.events.contracts import (
    ContractCancelled,
    ContractEnded,
    ContractExtended,
    ContractPaused,
    ContractResumed,
    ContractSigned,
    EndSet,
    ItemAdded,
    ItemRemoved,
    ItemTerms,
    PlanChanged,
    PriceChanged,
    QuantityChanged,
    Terms,
    TermsSet,
)
from billing.events.credit import CreditStatusChanged
from billing.events.documents import (
    CreditNoteIssued,
    DiscountUse,
    DocumentLine,
    DocumentTax,
    InvoiceIssued,
    InvoiceVoided,
    LineTax,
)
from billing.events.house import (
    CataloguePublished,
    EffectRetried,
    PolicyPublished,
)
from billing.events.money import (
    Allocation,
    BalanceOpened,
    CreditApplied,
    HoldReleased,
    InvoiceHeld,
    InvoiceReinstated,
    InvoiceWrittenOff,
    OpenMoved,
    PaymentReceived,
    WriteOffRecovered,
)
from billing.events.requests import (
    Moved,
    Preview,
    RequestApproved,
    RequestExecuted,
    RequestExpired,
    RequestMade,
    RequestRejected,
    RequestWithdrawn,
    ShownDocument,
)
from billing.events.scheduling import (
    ChangeApplied,
    ChangeEvent,
    ChangeMoved,
    ChangeQuestioned,
    ChangeScheduled,
    ChangeWithdrawn,
)
from billing.events.things import (
    CouponTaken,
    StockLow,
    StockMoved,
    StockReservationEnded,
    StockReserved,
)
from billing.events.wallets import (
    LotOpened,
    LotUse,
    ReservationEnded,
    Rolled,
    UnitsConsumed,
    WalletDrawn,
    WalletExpired,
    WalletGranted,
    WalletLow,
    WalletReceived,
    WalletRefunded,
    WalletReserved,
    WalletSent,
    WalletSettled,
    WalletSpent,
    WalletTermsSet,
    WalletToppedUp,
)
from billing.events.webhooks import (
    WebhookAdded,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookReplayed,
    WebhookSecretRotated,
)

__all__ = [
    "AccountClosed",
    "AccountOpened",
    "AccountParked",
    "AccountReleased",
    "AdjustmentMade",
    "Allocation",
    "AllowanceBooked",
    "BalanceOpened",
    "BooksClosed",
    "CataloguePublished",
    "ChangeApplied",
    "ChangeEvent",
    "ChangeMoved",
    "ChangeQuestioned",
    "ChangeScheduled",
    "ChangeWithdrawn",
    "ChargeAccrued",
    "ContractCancelled",
    "ContractEnded",
    "ContractExtended",
    "ContractPaused",
    "ContractResumed",
    "ContractSigned",
    "CouponTaken",
    "CreditApplied",
    "CreditNoteIssued",
    "CreditStatusChanged",
    "DetailsChanged",
    "DiscountAttached",
    "DiscountEnded",
    "DiscountUse",
    "DocumentLine",
    "DocumentTax",
    "Earned",
    "EffectRetried",
    "EndSet",
    "Entry",
    "Event",
    "ExpectedLoss",
    "HoldReleased",
    "InvoiceHeld",
    "InvoiceIssued",
    "InvoiceReinstated",
    "InvoiceVoided",
    "InvoiceWrittenOff",
    "ItemAdded",
    "ItemPeriod",
    "ItemRemoved",
    "ItemTerms",
    "Key",
    "LineTax",
    "LotOpened",
    "LotUse",
    "Moved",
    "OpenMoved",
    "PaymentReceived",
    "PeriodsClosed",
    "PeriodsOpened",
    "Place",
    "PlanChanged",
    "PolicyPublished",
    "Posting",
    "Preview",
    "PriceChanged",
    "QuantityChanged",
    "RequestApproved",
    "RequestExecuted",
    "RequestExpired",
    "RequestMade",
    "RequestRejected",
    "RequestWithdrawn",
    "ReservationEnded",
    "RevenueRecognised",
    "Rolled",
    "SaleMade",
    "ShownDocument",
    "StockLow",
    "StockMoved",
    "StockReservationEnded",
    "StockReserved",
    "Terms",
    "TermsSet",
    "UnitsConsumed",
    "WalletDrawn",
    "WalletExpired",
    "WalletGranted",
    "WalletLow",
    "WalletReceived",
    "WalletRefunded",
    "WalletReserved",
    "WalletSent",
    "WalletSettled",
    "WalletSpent",
    "WalletTermsSet",
    "WalletToppedUp",
    "WebhookAdded",
    "WebhookChanged",
    "WebhookDisabled",
    "WebhookEnabled",
    "WebhookReplayed",
    "WebhookSecretRotated",
    "WriteOffRecovered",
    "all_kinds",
]


def all_kinds() -> dict[str, type[Event]]:
    """Every stored kind with its class."""
    found: dict[str, type[Event]] = {}
    pending = list(Event.__subclasses__())
    while pending:
        cls = pending.pop()
        pending.extend(cls.__subclasses__())
        if cls.kind:
            found[cls.kind] = cls
    return dict(sorted(found.items()))
