"""Payments, refunds, disputes, receipts and deposits, as the journal recorded them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.events import PaymentReceived
from billing.pipeline import Batch
from payments.events import (
    BankLineExplained,
    DepositApplied,
    DepositForfeited,
    DepositReleased,
    DepositTaken,
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    EvidenceSent,
    InquiryClosed,
    InquiryOpened,
    ReceiptIdentified,
    ReceiptPutAside,
    RefundFailed,
    RefundRequested,
    RefundSettled,
)

ZERO = Decimal(0)
PAYMENT_COLUMNS = "payment account sequence amount currency channel reference received_at status refunded disputed".split()
REFUND_COLUMNS = ("refund account sequence payment deposit amount currency channel reference reason status requested_at closed_at").split()
DISPUTE_COLUMNS = (
    "dispute account sequence payment amount currency fee from_credit reason reference evidence_due status opened_at closed_at"
).split()
RECEIPT_COLUMNS = "receipt account sequence amount left currency channel reference received_at".split()
DEPOSIT_COLUMNS = "deposit account sequence amount left currency channel reference name taken_at".split()


def process(batch: Batch) -> None:
    _payments(batch)
    _refunds(batch)
    _disputes(batch)
    _standings(batch)
    _receipts(batch)
    _deposits(batch)
    _explained(batch)


def _payments(batch: Batch) -> None:
    rows = [
        (e.payment, e.account, r.sequence, e.amount, e.currency, e.channel, e.reference, r.effective_at, "received", ZERO, ZERO)
        for r, e in batch.of(PaymentReceived)
    ]
    bulk.copy("read_payment", PAYMENT_COLUMNS, rows)


def _refunds(batch: Batch) -> None:
    rows = [
        (
            e.refund,
            e.account,
            r.sequence,
            e.payment,
            e.deposit if isinstance(e, DepositReleased) else "",
            e.amount,
            e.currency,
            e.channel,
            e.reference,
            e.reason,
            "requested",
            r.effective_at,
            None,
        )
        for r, e in batch.of(RefundRequested)
    ]
    bulk.copy("read_refund", REFUND_COLUMNS, rows)
    latest = {e.refund: ("settled" if isinstance(e, RefundSettled) else "failed", r) for r, e in batch.of(RefundSettled, RefundFailed)}
    bulk.execute(
        "UPDATE read_refund SET status = given.status, closed_at = given.at FROM {rows} WHERE read_refund.refund = given.refund",
        {
            "refund": ("text", list(latest)),
            "status": ("text", [status for status, _ in latest.values()]),
            "at": ("timestamptz", [recorded.effective_at for _, recorded in latest.values()]),
        },
    )


def _disputes(batch: Batch) -> None:
    rows = []
    latest: dict[str, tuple[str, Any]] = {}
    for recorded, event in batch.of(InquiryOpened, DisputeOpened, EvidenceSent, InquiryClosed, DisputeWon, DisputeLost):
        if isinstance(event, InquiryOpened | DisputeOpened):
            money = (event.fee, event.from_credit) if isinstance(event, DisputeOpened) else (ZERO, ZERO)
            named = (event.dispute, event.account, recorded.sequence, event.payment, event.amount, event.currency)
            status = "open" if isinstance(event, DisputeOpened) else "inquiry"
            rows.append((*named, *money, event.reason, event.reference, event.evidence_due, status, recorded.effective_at, None))
            if isinstance(event, DisputeOpened) and event.inquiry:
                latest[event.inquiry] = "escalated", recorded.effective_at
        elif isinstance(event, EvidenceSent):
            latest[event.dispute] = "under_review", None
        else:
            closed = {InquiryClosed: "closed", DisputeWon: "won", DisputeLost: "lost"}[type(event)]
            latest[event.dispute] = closed, recorded.effective_at
    bulk.copy("read_dispute", DISPUTE_COLUMNS, rows)
    bulk.execute(
        "UPDATE read_dispute SET status = given.status, closed_at = given.at FROM {rows} WHERE read_dispute.dispute = given.dispute",
        {
            "dispute": ("text", list(latest)),
            "status": ("text", [status for status, _ in latest.values()]),
            "at": ("timestamptz", [at for _, at in latest.values()]),
        },
    )


def _standings(batch: Batch) -> None:
    """What went back of each payment, by refunds and to the bank, and what that makes of it."""
    refunded = _sums(
        batch,
        "payment",
        lambda e: e.amount if isinstance(e, RefundRequested) else -e.amount,
        (RefundRequested, RefundFailed),
    )
    disputed = _sums(
        batch,
        "payment",
        lambda e: {DisputeOpened: e.amount, DisputeWon: -e.amount}.get(type(e), ZERO),
        (DisputeOpened, DisputeWon, DisputeLost),
    )
    payments = list(dict.fromkeys([*refunded, *disputed]))
    bulk.execute(
        """UPDATE read_payment p SET refunded = p.refunded + given.refunded, disputed = p.disputed + given.disputed,
            status = CASE
                WHEN EXISTS (SELECT 1 FROM read_dispute d WHERE d.account = p.account AND d.payment = p.payment
                    AND d.status IN ('open', 'under_review')) THEN 'disputed'
                WHEN EXISTS (SELECT 1 FROM read_dispute d WHERE d.account = p.account AND d.payment = p.payment
                    AND d.status = 'lost') THEN 'charged_back'
                WHEN p.refunded + given.refunded = p.amount THEN 'refunded'
                WHEN p.refunded + given.refunded > 0 THEN 'refunded_in_part' ELSE 'received' END
            FROM {rows} WHERE p.payment = given.payment""",
        {
            "payment": ("text", payments),
            "refunded": ("numeric", [refunded.get(name, ZERO) for name in payments]),
            "disputed": ("numeric", [disputed.get(name, ZERO) for name in payments]),
        },
    )


def _sums(batch: Batch, name: str, amount: Callable[[Any], Decimal], kinds: Sequence[type[Any]]) -> dict[str, Decimal]:
    """The thing that the events name → the sum of their amounts; events that name none are left out."""
    found: dict[str, Decimal] = {}
    for _, event in batch.of(*kinds):
        key = getattr(event, name)
        if key:
            found[key] = found.get(key, ZERO) + amount(event)
    return found


def _receipts(batch: Batch) -> None:
    rows = [
        (e.receipt, e.account, r.sequence, e.amount, e.amount, e.currency, e.channel, e.reference, r.effective_at)
        for r, e in batch.of(ReceiptPutAside)
    ]
    bulk.copy("read_receipt", RECEIPT_COLUMNS, rows)
    _take("read_receipt", "receipt", _sums(batch, "receipt", lambda e: e.amount, (ReceiptIdentified,)))


def _deposits(batch: Batch) -> None:
    rows = [
        (e.deposit, e.account, r.sequence, e.amount, e.amount, e.currency, e.channel, e.reference, e.name, r.effective_at)
        for r, e in batch.of(DepositTaken)
    ]
    bulk.copy("read_deposit", DEPOSIT_COLUMNS, rows)
    _take("read_deposit", "deposit", _sums(batch, "deposit", lambda e: e.amount, (DepositApplied, DepositReleased, DepositForfeited)))


def _take(table: str, column: str, taken: dict[str, Decimal]) -> None:
    statement = f'UPDATE {table} t SET "left" = t."left" - given.amount FROM {{rows}} WHERE t.{column} = given.name'  # noqa: S608 - literals
    bulk.execute(statement, {"name": ("text", list(taken)), "amount": ("numeric", list(taken.values()))})


def _explained(batch: Batch) -> None:
    """Lines of statements that wait no more. They are not made from events, so a rebuild finds them as they are."""
    rows = {event.line: recorded for recorded, event in batch.of(BankLineExplained)}
    bulk.execute(
        "UPDATE bank_line SET word = 'explained', outcome = given.outcome FROM {rows} WHERE bank_line.line = given.line",
        {"line": ("text", list(rows)), "outcome": ("text", [recorded.address for recorded in rows.values()])},
    )
