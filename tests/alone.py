"""Whoever does what others do must do what it would do alone: in every story of a test, each account that is told a turn or a document of
others is looked at alone too, and what it is told, the bytes that are written of it, and when it is due again must be the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from billing import alike, clockwork
from billing.alike import Met, Told, Turn
from billing.bill_times import chosen_charges
from billing.bills import Bill
from billing.codec import canonical, canonical_event, encode, with_number
from billing.counting import count
from billing.events import Event, InvoiceIssued
from billing.invoicing import Composing, compose
from billing.loading import LONG_AGO, load, policy
from billing.measuring import measure_steps
from billing.planning import Doing, plan
from billing.schedule import next_step
from billing.state import AccountState, OpenCharge
from billing.terms import Policy


def events_alone(account: str, state: AccountState, policy: Policy) -> tuple[datetime, list[Event]]:
    """The account's next step by the functions that look at one account."""
    step = next_step(state, policy, recount={})
    assert step is not None
    usage = measure_steps({account: step}, {account: state}, policy, totals=True)
    return step.moment, count(step, state, policy, usage.get(account, {}))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compare everything that is told, the first time too; answers the accounts whose periods turned so."""
    tell, bill, round_, planned = alike.tell, Bill.told, clockwork._round, clockwork.plan
    compared: list[str] = []

    def told_as_alone(turns: Mapping[str, Turn], states: Mapping[str, AccountState], policy: Policy) -> Told:
        told = tell(turns, states, policy)
        for account, events in told.events.items():
            moment, expected = events_alone(account, copy(states[account]), policy)
            assert (moment, expected) == (turns[account].step.moment, events), account
            assert [canonical_event(event) for event in events] == [canonical(encode(event)) for event in expected], account
            compared.append(account)
        return told

    def billed_as_alone(self: Bill, charges: Sequence[OpenCharge], account: str, *, sequence: int, buyer: str) -> InvoiceIssued:
        told = bill(self, charges, account, sequence=sequence, buyer=buyer)
        state, rules = load([account])[account], policy()
        step = next_step(state, rules, recount={})
        assert step is not None
        assert (step.moment, step.documents) == (self.step.moment, True), account
        assert list(charges) == chosen_charges(state, rules, step.moment), account
        composed = compose(charges, Composing(state, rules, step.moment, sequence, buyer=buyer)).events
        drawn = self.drawn(charges, account, invoice=f"{account}/{sequence}", buyer=buyer)
        assert (told,) == (drawn,) == composed, account
        for document in (told, drawn):
            assert canonical_event(with_number(document, "7")) == canonical(encode(replace(document, number="7"))), account
        return told

    def planned_as_alone(states: Mapping[str, AccountState], rules: Policy, *given: Any, together: bool = False, **more: Any) -> Doing:
        doing = planned(states, rules, *given, together=together, **more)
        if together and doing.resting:
            expected = plan(clockwork._loaded(list(doing.resting), {}), rules, {}, LONG_AGO).resting
            assert doing.resting == expected, [account for account in expected if doing.resting[account] != expected[account]]
        return doing

    def rests_as_alone(states: Mapping[str, AccountState], **given: Any) -> Any:
        doing, recorded = round_(states, **given)
        for account in doing.turns.keys() & doing.resting.keys():
            fresh = clockwork._loaded([account], {})
            assert doing.resting[account] == plan(fresh, policy(), {}, LONG_AGO).resting[account], account
        return doing, recorded

    monkeypatch.setattr(Met, "times", 0)
    monkeypatch.setattr(clockwork, "tell", told_as_alone)
    monkeypatch.setattr(Bill, "told", billed_as_alone)
    monkeypatch.setattr(clockwork, "plan", planned_as_alone)
    monkeypatch.setattr(clockwork, "_round", rests_as_alone)
    return compared
