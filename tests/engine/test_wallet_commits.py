"""A commit records at once what its usage record and the tick that finds it would; and what it folds in memory is what would be loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from billing import bulk, following, journal
from billing.events import ChargeAccrued, WalletDrawn
from billing.journal import Recorded
from billing.wallets import loading
from billing.wallets.lots import Wallet
from plans.errors import Conflict, Invalid
from tests import books
from tests.prepaid import CATALOGUE, commit, subscribed, top_up

pytestmark = pytest.mark.django_db
AT = "2026-01-02"


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Wallets brought up to date in memory are compared with those of the database; answers after which events they were."""
    real, seen = following.after, []

    def after(wallets: Mapping[str, Wallet], events: Sequence[Recorded]) -> dict[str, Wallet]:
        found = real(wallets, events)
        assert found == loading._load([events[0].stream])[events[0].stream]
        seen.extend(recorded.event.kind for recorded in events)
        return found

    monkeypatch.setattr(following, "after", after)
    return seen


def test_wallets_are_folded_as_they_would_be_loaded(folded: list[str]) -> None:
    subscribed()
    top_up("10.00", expires="2026-02-01")
    top_up("5.00")
    first = books.do("reserve", AT, account="ana", amount="3.00", item="calls", until="2026-01-20").made["reservation"]
    second = books.do("reserve", AT, account="ana", quantity="4", item="data").made["reservation"]
    commit("7", AT, reservation=first)
    commit("6", AT)
    books.do("release", AT, account="ana", reservation=second)
    commit("0.001", AT, item="data")
    assert {"wallet.reserved", "wallet.reservation_ended", "wallet.drawn", "charge.accrued"} == set(folded)


def told(account: str) -> list[Any]:
    """The account's charges and drawdowns, without what names the account or the place in its stream."""
    found: list[Any] = []
    for recorded in journal.read([account]):
        event: Any = recorded.event
        if isinstance(event, ChargeAccrued):
            key = replace(event.key, contract="", terms="")
            found.append((recorded.effective_at, replace(event, account="", key=key)))
        elif isinstance(event, WalletDrawn):
            uses = tuple(replace(use, lot="") for use in event.uses)
            found.append((recorded.effective_at, replace(event, account="", contract="", charges=(), uses=uses)))
    return found


def test_a_commit_charges_what_a_tick_would() -> None:
    subscribed()
    books.open_account("bo")
    books.do("subscribe", account="bo", plan="phone")
    for account in ("ana", "bo"):
        top_up("20.00", account=account)
    for number, (item, meter, quantity) in enumerate((("calls", "seconds", "2.5"), ("data", "clicks", "8"), ("data", "clicks", "7"))):
        at = f"2026-01-0{number + 2}"
        commit(quantity, at, item=item)
        books.use("bo", meter, arrived=at, records=[{"id": f"b{number}", "at": at, "value": quantity}])
        books.advance(at)
    assert told("ana") == told("bo")
    assert len(told("ana")) == 6
    assert bulk.fetch("SELECT count(*) FROM usage_mark") == [(0,)]


def test_a_use_that_moves_more_than_its_item_is_left_to_the_tick() -> None:
    both = CATALOGUE + ('      again: {meter: seconds, price: {model: unit, amount: "0.10"}, timing: tick, draws: tick}\n')
    books.publish(both)
    books.open_account()
    books.do("subscribe", account="ana", plan="phone")
    top_up("20.00")
    commit("3", AT)
    drawn = [recorded.event for recorded in journal.read(["ana"]) if isinstance(recorded.event, WalletDrawn)]
    assert sorted((event.item, f"{event.amount:.2f}") for event in drawn) == [("again", "0.30"), ("calls", "3.00")]


def test_a_commit_tells_what_an_alert_waits_for() -> None:
    subscribed()
    top_up("200.00")
    books.do("set_usage_alert", account="ana", item="calls", threshold="100")
    commit("99", AT)
    commit("5", AT, item="data")
    assert bulk.fetch("SELECT told_at FROM read_usage_alert") == [(None,)]
    commit("1", AT)
    books.advance(AT)
    assert bulk.fetch("SELECT told_at FROM read_usage_alert") == [(books.moment(AT),)]


def test_a_use_that_can_not_be_taken_is_refused_and_nothing_is_charged() -> None:
    subscribed()
    top_up("20.00")
    commit("1", AT, id="mine")
    before = journal.read(["ana"])
    with pytest.raises(Conflict) as known:
        commit("1", AT, id="mine")
    assert known.value.code == "usage_known"
    with pytest.raises(Invalid) as other:
        commit("2", AT, id="mine")
    assert other.value.code == "bad_usage"
    assert journal.read(["ana"]) == before
