"""Whoever does what others do must do what it would do alone: in every story of a test, each account that the clockwork tells a turn of
others is looked at alone too, and what it is told, the bytes that are written of it, and when it is due again must be the same."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any

import pytest

from billing import alike, clockwork
from billing.alike import Told, Turn
from billing.codec import canonical, canonical_event, encode
from billing.counting import count
from billing.events import Event
from billing.loading import LONG_AGO
from billing.measuring import measure_steps
from billing.planning import plan
from billing.schedule import next_step
from billing.state import AccountState
from billing.terms import Policy


def events_alone(account: str, state: AccountState, policy: Policy) -> tuple[datetime, list[Event]]:
    """The account's next step by the functions that look at one account."""
    step = next_step(state, policy, recount={})
    assert step is not None
    usage = measure_steps({account: step}, {account: state}, policy, totals=True)
    return step.moment, count(step, state, policy, usage.get(account, {}))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compare every turn that is told; answers the accounts that were."""
    tell, round_ = alike.tell, clockwork._round
    compared: list[str] = []

    def told_as_alone(turns: Mapping[str, Turn], states: Mapping[str, AccountState], policy: Policy) -> Told:
        told = tell(turns, states, policy)
        for account, events in told.events.items():
            moment, expected = events_alone(account, copy(states[account]), policy)
            assert (moment, expected) == (turns[account].step.moment, events), account
            assert [canonical_event(event) for event in events] == [canonical(encode(event)) for event in expected], account
            compared.append(account)
        return told

    def rests_as_alone(states: Mapping[str, AccountState], **given: Any) -> Any:
        doing, recorded = round_(states, **given)
        for account in doing.turns.keys() & doing.resting.keys():
            fresh = clockwork._loaded([account], {})
            assert doing.resting[account] == plan(fresh, clockwork.policy(), {}, LONG_AGO).resting[account], account
        return doing, recorded

    monkeypatch.setattr(clockwork, "tell", told_as_alone)
    monkeypatch.setattr(clockwork, "_round", rests_as_alone)
    return compared
