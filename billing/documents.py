"""Composing documents for a chunk of accounts: reads what they correct and freezes their people, then leaves the rest to
`billing.invoicing`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from accounts import vault
from billing.bill_times import chosen_charges
from billing.bills import Bill
from billing.events import Event
from billing.invoicing import Composed, Composing, Past, compose
from billing.past import load_past
from billing.state import AccountState, OpenCharge
from billing.terms import Policy


def compose_documents(
    moments: Mapping[str, datetime],
    states: Mapping[str, AccountState],
    policy: Policy,
    next_sequences: Mapping[str, int],
    bills: Mapping[str, Bill],
) -> dict[str, list[Event]]:
    """account → the events of its documents at its moment: credit notes, invoices, statements, or the account parked. Those with a bill are
    told what others are told, unless something of it stands on documents already."""
    charges = {
        account: bills[account].charges(states[account]) if account in bills else chosen_charges(states[account], policy, moment)
        for account, moment in moments.items()
    }
    past = load_past(charges)
    buyers = vault.freeze(list(moments))
    found: dict[str, list[Event]] = {}
    for account, moment in moments.items():
        if account in bills and account not in past:
            bill, sequence = bills[account], next_sequences[account]
            found[account] = [bill.told(charges[account], account, sequence=sequence, buyer=buyers[account])]
            continue
        composing = Composing(
            state=states[account],
            policy=policy,
            moment=moment,
            next_sequence=next_sequences[account],
            past=past.get(account, Past()),
            buyer=buyers[account],
        )
        found[account] = _events(compose(charges[account], composing), charges[account], moment)
    return found


def _events(composed: Composed, charges: list[OpenCharge], moment: datetime) -> list[Event]:
    if composed.parked is not None:
        return [composed.parked]
    assert composed.events, f"{len(charges)} charges due at {moment} made no document"
    return list(composed.events)
