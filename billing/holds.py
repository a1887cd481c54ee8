"""Contracts, or items of them, whose charges are kept off documents until somebody says otherwise: while counts are reconciled, or a
customer asked for it. They accrue and are booked all the same."""

from __future__ import annotations

from datetime import datetime

from billing.state import AccountState, OpenCharge


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
