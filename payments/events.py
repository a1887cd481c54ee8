"""The facts of payments after they came in: refunds, disputes of the bank, receipts without a payer, deposits.

Amounts are positive unless they say otherwise; the entries say which way the money went (docs/money.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from billing.events import Conversion, Entry, Event, OpenMoved, PaymentReceived

# --- refunds ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RefundRequested(Event):
    """Money of the customer's credit is to go back; of a `payment` where one is named. It is settled or fails by an event of its own."""

    kind: ClassVar[str] = "refund.requested"
    account: str
    refund: str  # the id: address of this event
    payment: str
    amount: Decimal
    currency: str
    channel: str
    reference: str
    reason: str
    entry: Entry
    conversion: Conversion | None = None  # of a payment in another currency: what goes back, at its rate


@dataclass(frozen=True, kw_only=True)
class DepositReleased(RefundRequested):
    """A deposit, or a part of it, is to go back to the customer."""

    kind: ClassVar[str] = "deposit.released"
    deposit: str
    destination: str = ""  # the gateway's name for where the money goes


@dataclass(frozen=True, kw_only=True)
class RefundSettled(Event):
    """The money left."""

    kind: ClassVar[str] = "refund.settled"
    account: str
    refund: str
    payment: str
    amount: Decimal
    currency: str
    channel: str
    reference: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class RefundFailed(Event):
    """The money did not arrive, or came back: it is the customer's credit again."""

    kind: ClassVar[str] = "refund.failed"
    account: str
    refund: str
    payment: str
    amount: Decimal
    currency: str
    channel: str
    reason: str
    entry: Entry


# --- disputes of the bank ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class InquiryOpened(Event):
    """The bank asks about a payment; no money moves."""

    kind: ClassVar[str] = "dispute.inquiry_opened"
    account: str
    dispute: str  # the id: address of this event
    payment: str
    amount: Decimal
    currency: str
    reason: str
    reference: str
    evidence_due: date | None


@dataclass(frozen=True, kw_only=True)
class DisputeOpened(Event):
    """The bank takes a payment back, and a fee that stays. `from_credit` is the part of it that the customer has not used yet: it is held.

    `inquiry` is the id of the inquiry that became this dispute.
    """

    kind: ClassVar[str] = "dispute.opened"
    account: str
    dispute: str  # the id: address of this event
    payment: str
    amount: Decimal
    currency: str
    fee: Decimal
    from_credit: Decimal
    channel: str
    reason: str
    reference: str
    evidence_due: date | None
    inquiry: str
    entry: Entry
    conversion: Conversion | None = None  # of a payment in another currency: what the bank took, at its rate


@dataclass(frozen=True, kw_only=True)
class EvidenceSent(Event):
    kind: ClassVar[str] = "dispute.evidence_sent"
    account: str
    dispute: str
    note: str


@dataclass(frozen=True, kw_only=True)
class InquiryClosed(Event):
    """The bank is content; nothing had moved."""

    kind: ClassVar[str] = "dispute.inquiry_closed"
    account: str
    dispute: str
    note: str


@dataclass(frozen=True, kw_only=True)
class DisputeWon(Event):
    """The money is back; the fee is not."""

    kind: ClassVar[str] = "dispute.won"
    account: str
    dispute: str
    payment: str
    amount: Decimal
    currency: str
    note: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class CreditUnapplied(OpenMoved):
    """Credit no longer pays these documents (negative allocations), because the bank took back the money that it came from."""

    kind: ClassVar[str] = "credit.unapplied"
    word: ClassVar[str] = "credit"
    reason: str


@dataclass(frozen=True, kw_only=True)
class DisputeLost(OpenMoved):
    """The money is gone: what the payment had paid is open again (negative allocations), `from_credit` is used up (held or not), and what
    neither bears is a `loss`."""

    kind: ClassVar[str] = "dispute.lost"
    word: ClassVar[str] = "chargeback"
    dispute: str
    payment: str
    amount: Decimal
    from_credit: Decimal
    loss: Decimal
    note: str


# --- receipts without a payer -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ReceiptPutAside(Event):
    """Money whose payer is not known, in the suspense account of the seller."""

    kind: ClassVar[str] = "receipt.put_aside"
    account: str
    receipt: str  # the id: address of this event
    amount: Decimal
    currency: str
    channel: str
    reference: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class ReceiptIdentified(Event):
    """Some or all of it belongs to the account `payer`, where it became `payment`."""

    kind: ClassVar[str] = "receipt.identified"
    account: str
    receipt: str
    amount: Decimal
    currency: str
    payer: str
    payment: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class PaymentIdentified(PaymentReceived):
    """The other side: the money that was put aside is this account's payment."""

    kind: ClassVar[str] = "payment.identified"
    receipt: str


@dataclass(frozen=True, kw_only=True)
class BankLineExplained(Event):
    """Somebody said what a line of a bank statement was. Where it is an `expense` of the seller the entry says so; else nothing is posted,
    because it is in the books already, or is none of theirs."""

    kind: ClassVar[str] = "bank.line_explained"
    account: str
    line: str
    amount: Decimal  # as the bank says: negative, it left
    currency: str
    expense: bool
    reason: str
    entry: Entry | None


@dataclass(frozen=True, kw_only=True)
class BankFeeTaken(Event):
    """The bank charged the seller, as its statement says. Kept in the suspense account of the seller, because no customer owes it."""

    kind: ClassVar[str] = "bank.fee_taken"
    account: str
    amount: Decimal
    currency: str
    reference: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class MoneyExchanged(Event):
    """The bank changed `amount` of `currency` into `into` of `into_currency`. The books carried it at `carried`; `realised` is the gain, or
    where it is negative the loss. Kept in the suspense account of the seller."""

    kind: ClassVar[str] = "money.exchanged"
    account: str
    amount: Decimal
    currency: str
    into: Decimal
    into_currency: str
    carried: Decimal
    realised: Decimal
    channel: str
    reference: str
    entry: Entry


# --- allocations ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PaymentUnallocated(OpenMoved):
    """A payment no longer pays these documents (negative allocations): they are open again, the money is the customer's credit."""

    kind: ClassVar[str] = "payment.unallocated"
    word: ClassVar[str] = "payment"
    payment: str
    amount: Decimal
    reason: str


@dataclass(frozen=True, kw_only=True)
class PaymentAllocated(OpenMoved):
    """What was unused of a payment pays these documents."""

    kind: ClassVar[str] = "payment.allocated"
    word: ClassVar[str] = "payment"
    payment: str
    amount: Decimal


# --- deposits ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DepositTaken(Event):
    """A security: the customer's money, which pays nothing until it is applied or forfeited."""

    kind: ClassVar[str] = "deposit.taken"
    account: str
    deposit: str  # the id: address of this event
    amount: Decimal
    currency: str
    channel: str
    reference: str
    name: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class DepositApplied(OpenMoved):
    """A deposit pays open documents."""

    kind: ClassVar[str] = "deposit.applied"
    word: ClassVar[str] = "deposit"
    deposit: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class DepositForfeited(Event):
    """The customer loses a deposit, or a part of it: it is revenue. A tax on it, where the law wants one, is charged on its own."""

    kind: ClassVar[str] = "deposit.forfeited"
    account: str
    deposit: str
    amount: Decimal
    currency: str
    reason: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class CreditSent(Event):
    """Unused money of the account goes to another one, `receiver`, which has it by the event that follows there."""

    kind: ClassVar[str] = "credit.sent"
    account: str
    receiver: str
    amount: Decimal
    currency: str
    reason: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class CreditReceived(Event):
    """Unused money of another account, `sender`, is this one's from now on; the event that sent it is the cause."""

    kind: ClassVar[str] = "credit.received"
    account: str
    sender: str
    amount: Decimal
    currency: str
    reason: str
    entry: Entry
