"""Contracts, or items of them, whose charges are kept off documents until somebody says otherwise: while counts are reconciled, or a
customer asked for it. They accrue and are booked all the same."""

from __future__ import annotations

from datetime import datetime

from billing import bulk
from billing.state import AccountState, OpenCharge


def read_holds(states: dict[str, AccountState]) -> None:
    """Put into each state what is or was held of it."""
    statement = "SELECT account, contract, item, until FROM read_invoicing_hold WHERE account = ANY(%s)"
    found: dict[str, dict[str, dict[str, datetime | None]]] = {}
    for account, contract, item, until in bulk.fetch(statement, [list(states)]):
        found.setdefault(account, {}).setdefault(contract, {})[item] = until
    for account, state in states.items():
        state.held = found.get(account, {})


def held_items(state: AccountState, contract: str) -> set[str]:
    """The items of the contract that are held now; "" is all of them."""
    return {item for item, until in state.held.get(contract, {}).items() if until is None}


def is_held(state: AccountState, charge: OpenCharge) -> bool:
    """Whether the charge may be on no document now."""
    items = state.held.get(charge.contract, {})
    return any(name in items and items[name] is None for name in ("", charge.item))


def released(state: AccountState, charge: OpenCharge, when: datetime | None) -> datetime | None:
    """When the charge goes on a document, `when` being that without holds: not before it was released."""
    items = state.held.get(charge.contract, {})
    ends = [end for name in ("", charge.item) if (end := items.get(name)) is not None and charge.effective_at <= end]
    return max([when, *ends]) if when is not None and ends else when
