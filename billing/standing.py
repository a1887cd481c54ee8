"""What the targets of an account's periods are compared with: what stands of them, and what people put in its place or took back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from billing import bulk, ledgers
from billing.state import AccountState, Override

ONE = Decimal(1)
_WIDE = Context(prec=100)  # an amount that no column holds is refused by the database, not here


def load_counted(states: Mapping[str, AccountState]) -> None:
    """What the targets of the loaded periods are compared with: what stands of them, and what people put in its place or took back. Read
    once for a state; what is recorded later is folded into it."""
    wanted = {account: state for account, state in states.items() if not state.counted}
    if not wanted:
        return
    read_standing(wanted)
    read_adjusted(wanted)
    read_corrected(wanted, list(wanted))
    for state in wanted.values():
        state.counted = True


def read_standing(states: Mapping[str, AccountState]) -> None:
    """The recorded sums of the loaded periods, per key, and what people adjusted."""
    keys = _keys(states)
    if not keys:
        return
    # One walk along the index for all of them: it may meet charges of other periods, which are left out here.
    for account, contract, item, terms, start, component, amount in bulk.foreseen(_STANDING, _stretch(states, keys)):
        if (account, contract, item, start) in keys:
            states[account].standing[contract, item, terms, start, component] = as_summed(amount)


Keys = set[tuple[str, str, str, datetime]]
_STANDING = """
    SELECT account, contract, item, terms, period_start, component, sum(amount) FROM read_charge
    WHERE account = ANY(%s) AND item = ANY(%s) AND period_start BETWEEN %s AND %s AND kind = 'accrual'
    GROUP BY account, contract, item, terms, period_start, component"""


def _keys(states: Mapping[str, AccountState]) -> Keys:
    return {(account, row.contract, row.item, row.start) for account, state in states.items() for row in state.periods}


def _stretch(states: Mapping[str, AccountState], keys: Keys) -> list[Any]:
    starts = [key[3] for key in keys]
    return [list(states), sorted({key[2] for key in keys}), min(starts), max(starts)]


def foresee_standing(state: AccountState) -> None:
    """What stands of its periods is going to be asked, if it was not before."""
    states = {state.account: state}
    if "standing" not in vars(state) and (keys := _keys(states)):
        bulk.foresee(_STANDING, _stretch(states, keys))


def as_summed(amount: Decimal) -> Decimal:
    """A sum of the database in its shortest form: what is recorded of it must not depend on how it was added up."""
    return amount.normalize() + 0 if amount else Decimal(0)


def read_adjusted(states: Mapping[str, AccountState]) -> None:
    """What people charged or credited by hand on items of the loaded contracts, and what they put in place of what was counted."""
    contracts = [name for state in states.values() for name in state.contracts]
    statement = """
        SELECT account, contract, item, effective_at, amount, sequence, '', '', 0, '', '' FROM read_charge
        WHERE account = ANY(%s) AND contract = ANY(%s) AND kind = 'adjustment' AND item <> ''
            UNION ALL SELECT account, contract, item, period_start, amount, sequence, terms, component, quantity, unit_price, reason
        FROM read_override WHERE account = ANY(%s) ORDER BY account, sequence"""
    rows = bulk.fetch(statement, [list(states), contracts, list(states)])
    for account, contract, item, at, amount, sequence, terms, component, quantity, unit_price, reason in rows:
        if component:
            override = Override(trimmed(amount), trimmed(quantity), unit_price, reason, f"{account}/{sequence}")
            states[account].overrides[contract, item, terms, at, component] = override
        else:
            states[account].adjusted.setdefault((contract, item), []).append((at, trimmed(amount)))


def trimmed(amount: Decimal) -> Decimal:
    """Without the trailing zeros that the column adds, at least two decimals' worth of them kept by whoever shows it."""
    normal = _WIDE.normalize(amount)
    return _WIDE.quantize(normal, ONE) if normal == normal.to_integral_value() else normal


def read_corrected(states: Mapping[str, AccountState], names: Sequence[str]) -> None:
    corrected = "SELECT DISTINCT account FROM read_invoice WHERE account = ANY(%s) AND (document = 'credit_note' OR status = 'void')"
    if accounts := [row[0] for row in bulk.fetch(corrected, [names])]:
        _taken_back(states, sorted(accounts))


def _taken_back(states: Mapping[str, AccountState], accounts: Sequence[str]) -> None:
    """What people took back of each key: by credit notes (an automatic one takes from what is unbilled), and by voids that forgive."""
    statement = """
        WITH taken AS (
            SELECT note.account, substring(line.detail->'charges'->>0 FROM '[0-9]+$')::bigint AS sequence,
                part.amount - part.discount AS amount
            FROM read_invoice note JOIN read_invoice_line part ON part.invoice = note.invoice
                JOIN read_invoice issued ON issued.account = note.account
                    AND issued.number = regexp_replace(part.detail->>'corrects', '#[^#]*$', '')
                JOIN read_invoice_line line ON line.invoice = issued.invoice
                    AND line.line = substring(part.detail->>'corrects' FROM '#([0-9]+)$')::int
            WHERE note.account = ANY(%s) AND note.document = 'credit_note' AND EXISTS (
                SELECT 1 FROM read_posting leg WHERE leg.account = note.account AND leg.sequence = note.sequence AND leg.ledger = ANY(%s))
            UNION ALL SELECT charge.account, charge.sequence, charge.amount
            FROM read_invoice void JOIN read_charge charge ON charge.account = void.account AND charge.invoice = void.invoice
            WHERE void.account = ANY(%s) AND void.status = 'void')
        SELECT account, contract, item, terms, period_start, component, sum(taken.amount)
        FROM taken JOIN read_charge USING (account, sequence) WHERE kind = 'accrual' GROUP BY 1, 2, 3, 4, 5, 6"""
    rows = bulk.fetch(statement, [list(accounts), [ledgers.CREDIT_NOTES, ledgers.DEFERRED], list(accounts)])
    for account, contract, item, terms, start, component, amount in rows:
        states[account].taken_back[contract, item, terms, start, component] = as_summed(amount)
