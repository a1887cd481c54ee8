"""Wallets as the journal recorded them: lots, what was taken of them, reservations, and what was agreed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.events import (
    LotOpened,
    ReservationEnded,
    TopUpDeclined,
    WalletDrawn,
    WalletExpired,
    WalletLow,
    WalletPaid,
    WalletReserved,
    WalletSpent,
    WalletTermsSet,
)
from billing.pipeline import Batch

ZERO = Decimal(0)
LOT_COLUMNS = (
    "lot account sequence unit currency amount left paid paid_left priority start expires items rollover_most rollover_for rollover_least"
    " contract grant reference changed_at"
).split()
USE_COLUMNS = "account sequence line unit lot kind amount paid debt cause contract item period_start invoice".split()
RESERVATION_COLUMNS = "reservation account sequence unit amount item expires reference status".split()


def process(batch: Batch) -> None:
    _lots(batch)
    _uses(batch)
    _rolled(batch)
    _reservations(batch)
    _wallets(batch)


def _lots(batch: Batch) -> None:
    rows = [
        (
            e.lot,
            e.account,
            r.sequence,
            e.unit,
            e.currency,
            e.amount,
            e.amount,
            e.paid,
            e.paid,
            e.priority,
            e.start,
            e.expires,
            json.dumps(list(e.items)),
            e.rollover_most,
            e.rollover_for,
            e.rollover_least,
            getattr(e, "contract", ""),
            getattr(e, "grant", ""),
            getattr(e, "reference", ""),
            r.effective_at,
        )
        for r, e in batch.of(LotOpened)
    ]
    bulk.copy("read_wallet_lot", LOT_COLUMNS, rows)


def _uses(batch: Batch) -> None:
    rows: list[tuple[Any, ...]] = []
    taken: dict[str, list[Any]] = {}
    for recorded, event in batch.of(WalletSpent):
        drawn = (event.contract, event.item, event.period_start) if isinstance(event, WalletDrawn) else ("", "", None)
        cause = event.kind.partition(".")[2]
        invoice = event.allocations[0].invoice if isinstance(event, WalletPaid) else ""
        for line, use in enumerate(event.uses, start=1):
            key = ("", "", None) if use.debt else drawn
            told = (event.unit, use.lot, use.kind, use.amount, use.paid, use.debt, "settled" if use.debt else cause, *key)
            rows.append((event.account, recorded.sequence, line, *told, invoice))
            if use.lot:
                held = taken.setdefault(use.lot, [ZERO, ZERO, recorded.effective_at])
                taken[use.lot] = [held[0] + use.amount, held[1] + use.paid, recorded.effective_at]
    bulk.copy("read_wallet_use", USE_COLUMNS, rows)
    bulk.execute(
        'UPDATE read_wallet_lot l SET "left" = l."left" - given.amount, paid_left = l.paid_left - given.paid, changed_at = given.at '
        "FROM {rows} WHERE l.lot = given.lot",
        {
            "lot": ("text", list(taken)),
            "amount": ("numeric", [one[0] for one in taken.values()]),
            "paid": ("numeric", [one[1] for one in taken.values()]),
            "at": ("timestamptz", [one[2] for one in taken.values()]),
        },
    )


def _rolled(batch: Batch) -> None:
    """What lives on of a lot does so once, until the new end; none that ended is filled up again."""
    ended = {use.lot: None for _, event in batch.of(WalletExpired) for use in event.uses}
    bulk.execute(
        "UPDATE read_wallet_lot l SET rollover_least = NULL FROM {rows} WHERE l.lot = given.lot AND rollover_least IS NOT NULL",
        {"lot": ("text", list(ended))},
    )
    rolled = {one.lot: one.expires for _, event in batch.of(WalletExpired) for one in event.rolled}
    bulk.execute(
        "UPDATE read_wallet_lot l SET expires = given.expires, rollover_most = NULL, rollover_for = '' FROM {rows} WHERE l.lot = given.lot",
        {"lot": ("text", list(rolled)), "expires": ("timestamptz", list(rolled.values()))},
    )


def _reservations(batch: Batch) -> None:
    rows = [
        (e.reservation, e.account, r.sequence, e.unit, e.amount, e.item, e.expires, e.reference, "open")
        for r, e in batch.of(WalletReserved)
    ]
    bulk.copy("read_wallet_reservation", RESERVATION_COLUMNS, rows)
    ended = {event.reservation: event.outcome for _, event in batch.of(ReservationEnded)}
    bulk.execute(
        "UPDATE read_wallet_reservation r SET status = given.status FROM {rows} WHERE r.reservation = given.reservation",
        {"reservation": ("text", list(ended)), "status": ("text", list(ended.values()))},
    )


def _wallets(batch: Batch) -> None:
    """One row for each unit of an account: what is owed, what was agreed, whether a top-up was asked for."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    event: Any
    for recorded, event in batch.of(LotOpened, WalletSpent, WalletTermsSet, WalletLow, TopUpDeclined, WalletReserved, ReservationEnded):
        row = found.setdefault((event.account, event.unit), {"owed": ZERO, "asked": None, "ask_from": None, "terms": None, "currency": ""})
        row["currency"] = row["currency"] or getattr(event, "currency", "")
        row["at"] = recorded.effective_at
        if isinstance(event, LotOpened | WalletLow):
            row["asked"], row["ask_from"] = isinstance(event, WalletLow), None
        elif isinstance(event, TopUpDeclined):
            row["asked"], row["ask_from"] = event.again is None, event.again
        elif isinstance(event, WalletTermsSet):
            row["asked"], row["ask_from"], row["terms"] = False, None, event
        elif isinstance(event, WalletSpent):
            row["owed"] += sum((u.amount for u in event.uses if u.kind == "owed"), ZERO)
            row["owed"] -= sum((u.amount for u in event.uses if u.debt), ZERO)
    _write_wallets(found)


def _write_wallets(found: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Those that are there are brought up to date; the others are added as they are then."""
    terms = [row["terms"] for row in found.values()]
    rows = {
        "account": ("text", [account for account, _ in found]),
        "unit": ("text", [unit for _, unit in found]),
        "currency": ("text", [row["currency"] for row in found.values()]),
        "owed": ("numeric", [row["owed"] for row in found.values()]),
        "at": ("timestamptz", [row["at"] for row in found.values()]),
        "asked": ("boolean", [row["asked"] for row in found.values()]),
        "agreed": ("boolean", [one is not None for one in terms]),
        "overdraft": ("numeric", [one and one.overdraft for one in terms]),
        "threshold": ("numeric", [one and one.threshold for one in terms]),
        "top_up_to": ("numeric", [one and one.top_up_to for one in terms]),
        "top_up_least": ("numeric", [one and one.top_up_least for one in terms]),
        "top_up_most": ("numeric", [one and one.top_up_most for one in terms]),
        "pays_invoices": ("boolean", [bool(one and one.pays_invoices) for one in terms]),
        "asks_anew": ("boolean", [row["asked"] is not None for row in found.values()]),
        "ask_from": ("timestamptz", [row["ask_from"] for row in found.values()]),
    }
    if any(row["asked"] is not None or row["terms"] is not None for row in found.values()):
        bulk.execute(_SET, rows)
    else:
        bulk.execute(_MOVED, {name: rows[name] for name in ("account", "unit", "currency", "owed", "at")})


_MERGE = "MERGE INTO read_wallet w USING {rows} ON w.account = given.account AND w.unit = given.unit"
#: What most events do: something is used, or kept free.
_MOVED = f"""{_MERGE}
    WHEN MATCHED THEN UPDATE SET owed = w.owed + given.owed, changed_at = given.at
    WHEN NOT MATCHED THEN INSERT (account, unit, currency, owed, overdraft, pays_invoices, asked, changed_at)
        VALUES (given.account, given.unit, given.currency, given.owed, 0, false, false, given.at)"""  # noqa: S608 - literals
_SET = f"""{_MERGE}
    WHEN MATCHED THEN UPDATE SET owed = w.owed + given.owed, changed_at = given.at, asked = coalesce(given.asked, w.asked),
        overdraft = CASE WHEN given.agreed THEN given.overdraft ELSE w.overdraft END,
        threshold = CASE WHEN given.agreed THEN given.threshold ELSE w.threshold END,
        top_up_to = CASE WHEN given.agreed THEN given.top_up_to ELSE w.top_up_to END,
        top_up_least = CASE WHEN given.agreed THEN given.top_up_least ELSE w.top_up_least END,
        top_up_most = CASE WHEN given.agreed THEN given.top_up_most ELSE w.top_up_most END,
        pays_invoices = CASE WHEN given.agreed THEN given.pays_invoices ELSE w.pays_invoices END,
        ask_from = CASE WHEN given.asks_anew THEN given.ask_from ELSE w.ask_from END
    WHEN NOT MATCHED THEN INSERT (account, unit, currency, owed, overdraft, threshold, top_up_to, top_up_least, top_up_most,
            pays_invoices, asked, ask_from, changed_at)
        VALUES (given.account, given.unit, given.currency, given.owed, coalesce(given.overdraft, 0), given.threshold, given.top_up_to,
            given.top_up_least, given.top_up_most, given.pays_invoices, coalesce(given.asked, false), given.ask_from, given.at)"""  # noqa: S608
