"""What a process keeps of accounts from one command to the next is never older than what stands. Each proof has a wrong variant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from billing import journal, kept
from billing.journal import Head
from billing.loading import load
from billing.rebuilding import ACCOUNT_TABLES, HEIRS
from billing.stored import Held, StoredState
from billing.wallets import loading
from billing.wallets.folding import WALLETS
from billing.wallets.queries import spendable
from plans.errors import Conflict
from tests import prepaid
from tests.books import advance, assert_books_hold, do, moment, open_account, publish, use
from tests.drills.base import race
from tests.keeping import assert_is_what_stands
from tests.spoken import trips as trips

pytestmark = pytest.mark.django_db(transaction=True)

NOON = moment("2026-01-02T12:00")


def reserve(amount: str, **given: Any) -> str:
    return str(do("reserve", NOON, account="ana", amount=amount, item="calls", **given).made["reservation"])


def commit(quantity: str, **given: Any) -> Any:
    return do("commit", NOON, account="ana", item="calls", quantity=quantity, **given)


def elsewhere(act: Callable[[], Any]) -> Any:
    """Done by another process: what this one keeps hears nothing of it."""
    (answer,) = race(1, lambda _: act())
    return answer


def held() -> Held | None:
    entry = kept._store().entries.get("ana")
    return entry and entry.held


def assert_kept_is_what_stands() -> None:
    now = held()
    assert now is not None
    assert_is_what_stands("ana", now)


@pytest.fixture
def ana() -> None:
    """Twenty euros in a wallet, of which one was used: everything of it is known to this process."""
    prepaid.subscribed()
    prepaid.top_up("20.00")
    commit("1")


def read(trips: Sequence[Sequence[str]]) -> set[str]:
    """The tables that were asked."""
    asked = [text for trip in trips for text in trip if text.lstrip().startswith("SELECT")]
    return {table for text in asked for table in re.findall(r"(?:FROM|JOIN) (read_\w+|usage_\w+)", text)}


def test_what_one_command_knew_the_next_does_not_read(ana: None, trips: list[list[str]]) -> None:
    commit("2", reservation=reserve("2.00"))
    assert not {"read_account", "read_contract", "read_period", "read_charge", "read_wallet_lot"} & read(trips)
    assert_kept_is_what_stands()
    do("pay", NOON, account="ana", amount="3.00", currency="EUR")
    do("reserve", NOON, account="ana", amount="1.00")
    assert_kept_is_what_stands()
    assert_books_hold()


def test_what_another_process_did_is_followed(ana: None, trips: list[list[str]]) -> None:
    name = elsewhere(lambda: reserve("4.00"))
    elsewhere(lambda: commit("3", reservation=name))
    trips.clear()
    reserve("16.00")
    assert "read_wallet_lot" not in read(trips), "three events of the journal said it"
    assert_kept_is_what_stands()
    elsewhere(lambda: do("release", NOON, account="ana", reservation=f"ana/{last()}"))
    with pytest.raises(Conflict, match="17 EUR wanted, 16 can be spent"):
        reserve("17.00")


def last() -> int:
    (head,) = journal.lock(["ana"]).values()
    return head.sequence


def test_an_event_that_may_have_moved_anything_is_read_anew(ana: None) -> None:
    elsewhere(lambda: prepaid.top_up("5.00"))
    reserve("24.00")
    assert_kept_is_what_stands()


def test_who_looks_at_no_head_gives_away_what_another_has_taken(ana: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong variant: what is kept is taken as it is."""
    elsewhere(lambda: reserve("10.00"))
    with pytest.raises(Conflict, match="10 EUR wanted, 9 can be spent"):
        reserve("10.00")
    elsewhere(lambda: reserve("9.00"))
    monkeypatch.setattr(kept, "_is_at", lambda *_: True)
    reserve("9.00")
    assert spendable("ana", at=NOON)["EUR"] == -9


def test_a_head_is_a_number_and_a_hash(ana: None) -> None:
    """As after a restored backup: the number is there, of another past."""
    ((_, head),) = journal.lock(["ana"]).items()
    assert kept.found({"ana": head}).keys() == {"ana"}
    assert kept.found({"ana": Head(head.sequence, b"another")}) == {}
    assert held() is None, "it is let go of"
    reserve("1.00")
    entry = kept._store().entries["ana"]
    entry.head = Head(entry.head.sequence - 1, b"another")
    assert kept.found(journal.lock(["ana"])) == {}, "what followed does not continue from it"


def test_use_that_waits_is_counted_first(ana: None) -> None:
    use("ana", "seconds", arrived=NOON, records=[{"id": "u1", "at": "2026-01-02T11:00", "value": 15}])
    with pytest.raises(Conflict, match="not_enough_prepaid"):
        reserve("5.00")
    reserve("3.00")
    use("ana", "seconds", arrived="2026-01-03", records=[{"id": "u2", "at": "2026-01-02T11:00", "value": 1}])
    reserve("1.00")
    assert held() is None, "its use waits for the day after"
    advance("2026-01-03")
    assert_books_hold()


def test_what_is_undone_is_not_kept(ana: None) -> None:
    do("reserve", NOON, account="ana", amount="19.00", dry_run=True)
    reserve("19.00")
    with pytest.raises(Conflict, match="not_enough_prepaid"):
        reserve("1.00")
    assert_kept_is_what_stands()


def test_what_a_refused_command_read_of_others_is_read_again(ana: None) -> None:
    now = held()
    assert now is not None
    now.facts["limits"] = "of another time"
    assert kept.found(journal.lock(["ana"]))["ana"].facts.keys() == {WALLETS}


def test_no_more_is_kept_than_was_set(ana: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ROWS_OF_ONE", 3)
    reserve("1.00")
    assert held() is None, "the account is made of more rows than that"
    monkeypatch.undo()
    reserve("1.00")
    open_account("bo")
    do("pay", NOON, account="bo", amount="1.00", currency="EUR")
    store = kept._store()
    assert list(store.entries) == ["ana", "bo"]
    assert store.rows == sum(entry.rows for entry in store.entries.values())
    monkeypatch.setattr(kept, "ROWS", store.rows)
    do("pay", NOON, account="bo", amount="1.00", currency="EUR")
    open_account("cy")
    do("pay", NOON, account="cy", amount="1.00", currency="EUR")
    assert "ana" not in store.entries, "it was asked for longest ago"
    assert 0 < store.rows <= kept.ROWS


def test_only_what_a_rebuild_makes_is_kept(trips: list[list[str]]) -> None:
    publish(prepaid.CATALOGUE)
    open_account()
    trips.clear()
    state: Any = load(["ana"])["ana"]
    assert isinstance(state, StoredState)
    for name in state.parts.keys() - {"marks"}:
        state.there[name] = True
        getattr(state, name)
    loading.load_wallets(["ana"])
    assert read(trips) - {"usage_mark"} <= {*ACCOUNT_TABLES, *HEIRS}
    assert len(read(trips)) > 10


def test_what_another_process_gave_back_to_a_used_up_lot_is_not_lost(ana: None) -> None:
    """A lot that holds nothing is not among those that are kept: what opens it again can't be followed."""
    use("ana", "seconds", arrived=NOON, records=[{"id": "u1", "at": "2026-01-02T11:00", "value": 19}])
    do("pay", NOON, account="ana", amount="1.00", currency="EUR")
    with pytest.raises(Conflict, match="not_enough_prepaid"):
        reserve("1.00")
    do("pay", NOON, account="ana", amount="1.00", currency="EUR")
    assert held() is not None

    def corrected() -> None:
        use("ana", "seconds", arrived=NOON, records=[{"id": "v1", "voids": "u1"}])
        advance("2026-01-02T12:00")

    elsewhere(corrected)
    reserve("19.00")
    assert_kept_is_what_stands()
    assert_books_hold()


def unknown() -> None:
    """As to a process that has not met the account yet."""
    kept._store().drop("ana")


def test_of_an_account_that_nobody_knows_all_is_asked_with_its_lock(ana: None, trips: list[list[str]]) -> None:
    for _ in range(3):
        unknown()
        name = reserve("1.00")
        unknown()
        trips.clear()
        commit("1", reservation=name)
    assert len(trips) == 3
    assert {"read_account", "read_contract", "read_live_period", "read_wallet"} <= read(trips[:1])
    assert_kept_is_what_stands()
