"""Reading wallets: of many accounts in a few statements, and the uses that a smaller charge opens again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from billing import bulk, stored
from billing.events import LotUse
from billing.loading import trimmed
from billing.wallets.folding import WALLETS
from billing.wallets.lots import Lot, Reservation, Wallet

Wallets = dict[str, Wallet]  # unit -> wallet
UseKey = tuple[str, str, str, datetime]  # account, contract, item, period start

LOT_FIELDS = (
    'lot, unit, currency, amount, "left", paid, paid_left, start, expires, priority, items::text, sequence, rollover_most, rollover_for,'
    " rollover_least, changed_at"
)


def load_wallets(accounts: Collection[str]) -> dict[str, Wallets]:
    """account → unit → wallet, with the lots that hold something or may be filled up, and the reservations that are open."""
    if len(accounts) == 1:
        (account,) = accounts
        return {account: dict(stored.fact(account, WALLETS, lambda: _load([account])[account]))}
    return _load(accounts)


_WALLETS = f"""
    SELECT w.account, w.unit, w.currency, owed, overdraft, threshold, top_up_to, top_up_least, top_up_most, pays_invoices, asked, ask_from,
        w.changed_at, r.ids, r.amounts, r.items, r.ends, {", ".join(f"l.{name.strip()}" for name in LOT_FIELDS.split(","))}
    FROM read_wallet w
        LEFT JOIN LATERAL (
            SELECT array_agg(reservation ORDER BY sequence) AS ids, array_agg(amount ORDER BY sequence) AS amounts,
                array_agg(item ORDER BY sequence) AS items, array_agg(expires ORDER BY sequence) AS ends
            FROM read_wallet_reservation WHERE account = w.account AND unit = w.unit AND status = 'open') r ON true
        LEFT JOIN read_wallet_lot l ON l.account = w.account AND l.unit = w.unit AND (l."left" > 0 OR l.rollover_least > 0)
    WHERE w.account = ANY(%s) ORDER BY w.account, w.unit, l.sequence"""  # noqa: S608 - a literal


def foresee(account: str, held: stored.Held | None) -> None:
    """`load_wallets` is going to be asked of this account alone, and no more is likely known of it than what is `held`."""
    if held is None or WALLETS not in held.facts:
        bulk.foresee(_WALLETS, [[account]])


def _load(accounts: Collection[str]) -> dict[str, Wallets]:
    found: dict[str, Wallets] = {name: {} for name in accounts}
    lots: dict[tuple[str, str], list[Lot]] = {}
    for row in bulk.foreseen(_WALLETS, [list(accounts)]):
        account, unit = row[:2]
        if unit not in found[account]:
            found[account][unit] = _wallet(row[1:13], row[13:17])
        if row[17] is not None:
            lots.setdefault((account, unit), []).append(_lot(row[17:]))
    for (account, unit), listed in lots.items():
        found[account][unit] = replace(found[account][unit], lots=tuple(listed))
    return found


def _wallet(row: Sequence[Any], open_ones: Sequence[Any]) -> Wallet:
    unit, currency, owed, overdraft, threshold, top_up_to, least, most, pays, asked, ask_from, changed_at = row
    ids, amounts, items, ends = (part or () for part in open_ones)
    return Wallet(
        unit=unit,
        currency=currency,
        reservations=tuple(
            Reservation(name, unit, trimmed(amount), item, expires)
            for name, amount, item, expires in zip(ids, amounts, items, ends, strict=True)
        ),
        owed=trimmed(owed),
        overdraft=trimmed(overdraft),
        threshold=None if threshold is None else trimmed(threshold),
        top_up_to=None if top_up_to is None else trimmed(top_up_to),
        top_up_least=None if least is None else trimmed(least),
        top_up_most=None if most is None else trimmed(most),
        pays_invoices=pays,
        asked=asked,
        ask_from=ask_from,
        changed_at=changed_at,
    )


def _lot(row: Sequence[Any]) -> Lot:
    name, unit, currency, amount, left, paid, paid_left, start, expires, priority, items, sequence, most, rolls_for, least, changed_at = row
    return Lot(
        id=name,
        unit=unit,
        currency=currency,
        amount=trimmed(amount),
        left=trimmed(left),
        paid=trimmed(paid),
        paid_left=trimmed(paid_left),
        start=start,
        expires=expires,
        priority=priority,
        items=tuple(orjson.loads(items)),
        age=sequence,
        rollover_most=None if most is None else trimmed(most),
        rollover_for=rolls_for,
        rollover_least=None if least is None else trimmed(least),
        changed_at=changed_at,
    )


def load_lots(names: Iterable[str]) -> dict[str, Lot]:
    """Lots by id, the empty ones too."""
    rows = bulk.fetch(f"SELECT {LOT_FIELDS} FROM read_wallet_lot WHERE lot = ANY(%s)", [sorted(set(names))])  # noqa: S608 - a literal
    return {row[0]: _lot(row) for row in rows}


def load_uses(keys: Collection[UseKey]) -> dict[UseKey, list[LotUse]]:
    """What was taken for each item and period, oldest first."""
    found: dict[UseKey, list[LotUse]] = {key: [] for key in keys}
    statement = """
        SELECT u.account, u.contract, u.item, u.period_start, u.lot, u.kind, u.amount, u.paid
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS given(account, contract, item, period_start)
        JOIN read_wallet_use u USING (account, contract, item, period_start) ORDER BY u.account, u.sequence, u.line"""
    listed = list(keys)
    for account, contract, item, start, lot, kind, amount, paid in bulk.fetch(statement, [bulk.column(listed, i) for i in range(4)]):
        use = LotUse(lot=lot, kind=kind, amount=trimmed(amount), paid=trimmed(paid))
        found[account, contract, item, start].append(use)
    return found


def load_settled(accounts: Collection[str], unit_of: dict[str, set[str]]) -> dict[tuple[str, str], list[LotUse]]:
    """(account, unit) → what paid debts, oldest first."""
    statement = """
        SELECT account, unit, lot, kind, amount, paid FROM read_wallet_use
        WHERE account = ANY(%s) AND debt ORDER BY account, sequence, line"""
    found: dict[tuple[str, str], list[LotUse]] = {(account, unit): [] for account, units in unit_of.items() for unit in units}
    for account, unit, lot, kind, amount, paid in bulk.fetch(statement, [list(accounts)]):
        if (account, unit) in found:
            found[account, unit].append(LotUse(lot=lot, kind=kind, amount=trimmed(amount), paid=trimmed(paid), debt=True))
    return found
