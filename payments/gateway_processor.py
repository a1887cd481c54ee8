"""Payment methods, collections and payouts, as the journal recorded them."""

from __future__ import annotations

from typing import Any

from billing import bulk
from billing.journal import Recorded
from billing.pipeline import Batch
from payments.gateway_events import (
    CollectionAwaited,
    CollectionFailed,
    CollectionModeSet,
    CollectionRequested,
    DefaultMethodSet,
    MethodAdded,
    MethodGiven,
    MethodRemoved,
    PaymentCollected,
    PayoutFailed,
    PayoutRequested,
    PayoutSettled,
)

METHOD_COLUMNS = "method account sequence gateway customer token brand last4 expiry status is_default added_at".split()
COLLECTION_COLUMNS = (
    "collection account sequence amount currency method gateway attempt trigger status decline code message reference url payment"
    " requested_at"
).split()
PAYOUT_COLUMNS = "payout account sequence amount currency channel reference status requested_at".split()


def process(batch: Batch) -> None:
    _methods(batch)
    _defaults(batch)
    _modes(batch)
    _collections(batch)
    _steps(batch)
    _payouts(batch)


def _methods(batch: Batch) -> None:
    rows = [
        (e.method, e.account, r.sequence, e.gateway, e.customer, e.token, e.brand, e.last4, e.expiry, "active", False, r.effective_at)
        for r, e in batch.of(MethodAdded)
    ]
    bulk.copy("read_payment_method", METHOD_COLUMNS, rows)
    removed = [event.method for _, event in batch.of(MethodRemoved)]
    bulk.execute(
        """UPDATE read_payment_method m SET status = 'removed', is_default = false, default_since = NULL
            FROM {rows} WHERE m.method = given.method""",
        {"method": ("text", removed)},
    )


def _defaults(batch: Batch) -> None:
    """The last word of the batch on which method is an account's default; "" where it has none any more."""
    latest: dict[str, tuple[str, Any]] = {}
    for recorded, event in batch.of(MethodAdded, DefaultMethodSet, MethodRemoved):
        held = latest.get(event.account, ("", None))[0]
        if isinstance(event, MethodRemoved):
            if held == event.method:
                latest[event.account] = "", None
        elif isinstance(event, DefaultMethodSet) or event.default:
            latest[event.account] = event.method, recorded.effective_at
    accounts = {"account": ("text", list(latest))}
    bulk.execute(
        "UPDATE read_payment_method m SET is_default = false, default_since = NULL FROM {rows} WHERE m.account = given.account", accounts
    )
    bulk.execute(
        "UPDATE read_payment_method m SET is_default = true, default_since = given.at FROM {rows} WHERE m.method = given.method",
        {
            "method": ("text", [method for method, _ in latest.values()]),
            "at": ("timestamptz", [at for _, at in latest.values()]),
        },
    )


def _modes(batch: Batch) -> None:
    latest = {event.account: (event.mode, recorded.effective_at) for recorded, event in batch.of(CollectionModeSet)}
    bulk.execute(
        """INSERT INTO read_collection_mode (account, mode, since) SELECT account, mode, since FROM {rows}
            ON CONFLICT (account) DO UPDATE SET mode = excluded.mode, since = excluded.since""",
        {
            "account": ("text", list(latest)),
            "mode": ("text", [mode for mode, _ in latest.values()]),
            "since": ("timestamptz", [since for _, since in latest.values()]),
        },
    )


def _collections(batch: Batch) -> None:
    requested = batch.of(CollectionRequested)
    rows = []
    for r, e in requested:
        what = (e.collection, e.account, r.sequence, e.amount, e.currency, e.method, e.gateway, e.attempt, e.trigger)
        rows.append((*what, "requested", "", "", "", "", "", "", r.effective_at))
    bulk.copy("read_collection", COLLECTION_COLUMNS, rows)
    parts = [(e.account, one.invoice, e.collection, one.number, one.amount) for _, e in requested for one in e.allocations]
    bulk.copy("read_collection_part", ["account", "invoice", "collection", "number", "amount"], parts)


def _steps(batch: Batch) -> None:
    """What became of collections: the last word of the batch for each."""
    latest: dict[str, tuple[Any, ...]] = {}
    for recorded, event in batch.of(CollectionAwaited, PaymentCollected, MethodGiven, CollectionFailed):
        if isinstance(event, CollectionAwaited):
            latest[event.collection] = (event.waiting, "", "", "", event.reference, event.url, "", None)
        elif isinstance(event, PaymentCollected):
            latest[event.collection] = ("settled", "", "", "", event.reference, "", event.payment, recorded.effective_at)
        elif isinstance(event, MethodGiven):
            latest[event.collection] = ("settled", "", "", "", event.reference, "", "", recorded.effective_at)
        else:
            said = (event.decline, event.code, event.message, event.reference)
            latest[event.collection] = ("failed", *said, "", "", recorded.effective_at)
    names = "status decline code message reference url payment".split()
    columns = {name: ("text", bulk.column(latest.values(), i)) for i, name in enumerate(names)}
    assigned = ", ".join(f"{name} = given.{name}" for name in names)
    bulk.execute(
        f"UPDATE read_collection c SET {assigned}, closed_at = given.at FROM {{rows}} WHERE c.collection = given.collection",  # noqa: S608
        {"collection": ("text", list(latest)), **columns, "at": ("timestamptz", bulk.column(latest.values(), 7))},
    )


def _payouts(batch: Batch) -> None:
    rows = [
        (e.payout, e.account, r.sequence, e.amount, e.currency, e.channel, "", "requested", r.effective_at)
        for r, e in batch.of(PayoutRequested)
    ]
    bulk.copy("read_payout", PAYOUT_COLUMNS, rows)
    latest: dict[str, tuple[str, str, Recorded]] = {}
    for recorded, event in batch.of(PayoutSettled, PayoutFailed):
        settled = isinstance(event, PayoutSettled)
        latest[event.payout] = ("settled" if settled else "failed", event.reference if isinstance(event, PayoutSettled) else "", recorded)
    bulk.execute(
        "UPDATE read_payout p SET status = given.status, reference = given.reference, closed_at = given.at FROM {rows} "
        "WHERE p.payout = given.payout",
        {
            "payout": ("text", list(latest)),
            "status": ("text", [row[0] for row in latest.values()]),
            "reference": ("text", [row[1] for row in latest.values()]),
            "at": ("timestamptz", [row[2].effective_at for row in latest.values()]),
        },
    )
