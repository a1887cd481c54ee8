"""Top-ups that a gateway charges: by hand, and by themselves where a wallet runs low, once, within limits, with a decline that says so."""

from __future__ import annotations

from typing import Any

import pytest

from billing import bulk, delivery
from plans.errors import NotAllowed
from tests.books import balance, do, moment, open_account, publish
from tests.drills.gateway import asked_anew, killed_after
from tests.payments.gateways import charges, collections, kinds, live, taken
from tests.prepaid import CATALOGUE, commit, lots, top_up, wallet

pytestmark = pytest.mark.django_db


def prepaid(words: str = "approve", **agreed: Any) -> None:
    """Ana has 10.00, a card, and an agreement to go up to 20.00 whenever less than 5.00 are left."""
    publish(CATALOGUE)
    open_account()
    do("subscribe", account="ana", plan="phone")
    top_up("10.00")
    if words:
        do("add_method", account="ana", gateway_token=f"sandbox:{words}")
    do("set_wallet", account="ana", threshold="5.00", top_up_to="20.00", **agreed)


def declined() -> list[tuple[str, str]]:
    rows = bulk.fetch("SELECT data->>'code', data->>'reason' FROM journal WHERE kind = 'wallet.top_up_declined' ORDER BY sequence")
    return [tuple(row) for row in rows]


def test_a_person_tops_up_by_card_and_the_wallet_has_it_once_the_gateway_has() -> None:
    prepaid()
    do("collect_top_up", "2026-01-02", account="ana", amount="15.00")
    assert wallet() == "10.00"
    live("2026-01-02")
    assert (wallet(), lots()) == ("25.00", ["10.00", "15.00"])
    assert (balance("cash:sandbox"), balance("credit"), balance("prepaid")) == (15, 0, -25)
    assert kinds(("payment", "collection")) == ["collection.requested", "payment.collected"]


def test_a_top_up_that_is_declined_changes_nothing() -> None:
    prepaid("decline_hard")
    do("collect_top_up", "2026-01-02", account="ana", amount="15.00")
    live("2026-01-02")
    assert (wallet(), balance("credit"), declined()) == ("10.00", 0, [])


def test_a_low_wallet_is_topped_up_once() -> None:
    prepaid()
    commit("6")
    live("2026-01-03")
    assert wallet(at="2026-01-03") == "20.00"
    assert collections() == [("16.00", "settled", "", "1", "low")]
    assert taken() == {"theirs": "16.00", "ours": "16.00"}


def test_the_least_amount_is_charged_and_the_limit_of_the_day_waits_for_the_next() -> None:
    prepaid(top_up_least="15.00", top_up_most="20.00")
    commit("6")  # 16.00 to go up to 20.00
    live("2026-01-02")
    commit("16", "2026-01-02T12:00")
    live("2026-01-02T23:59")
    [(code, reason)] = declined()
    assert code == "limit"
    assert reason == "16 EUR would make 32 on one day, and the limit is 20"
    assert wallet() == "4.00"
    live("2026-01-03")
    assert wallet(at="2026-01-03") == "20.00"
    assert charges() == 2


def test_a_soft_decline_is_asked_again_the_next_day_a_hard_one_never() -> None:
    prepaid("decline_soft")
    commit("6")
    live("2026-01-03T12:00")
    assert [code for code, _ in declined()] == ["soft", "soft"]
    do("add_method", "2026-01-03T12:00", account="ana", gateway_token="sandbox:decline_hard", default="yes")
    live("2026-01-09")
    assert [code for code, _ in declined()] == ["soft", "soft", "hard"]
    assert bulk.fetch("SELECT payload->>'code' FROM effect WHERE kind = 'staff.notify'") == [("hard",)]
    assert wallet(at="2026-01-09") == "4.00"


def test_without_a_method_it_is_declined_and_new_terms_ask_again() -> None:
    prepaid("")
    commit("6")
    live("2026-01-05")
    assert [code for code, _ in declined()] == ["no_method"]
    with pytest.raises(NotAllowed, match="no payment method"):
        do("collect_top_up", "2026-01-05", account="ana", amount="15.00")
    do("add_method", "2026-01-05", account="ana", gateway_token="sandbox:approve")
    do("set_wallet", "2026-01-05", account="ana", threshold="6.00")
    live("2026-01-05")
    assert wallet(at="2026-01-05") == "20.00"


def test_units_without_a_price_are_declined() -> None:
    prepaid()
    do("grant", account="ana", unit="gb", amount="1")
    do("set_wallet", account="ana", unit="gb", threshold="2")
    live("2026-01-02")
    assert [code for code, _ in declined()] == ["no_price"]


# --- killed between two steps -------------------------------------------------------------------------------------------------------


def killed(step: str) -> tuple[int, list[str], dict[str, str]]:
    """What the gateway charged, the lots and the money, after a process died there and another went on."""
    prepaid()
    commit("6")
    killed_after(step)
    delivery.deliver(until=moment("2026-01-02"), known_at=moment("2026-01-02"))
    return charges(), lots(), taken()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["asked", "charged", "recorded"])
def test_a_kill_between_two_steps_neither_doubles_nor_loses_a_top_up(step: str) -> None:
    assert killed(step) == (1, ["4.00", "16.00"], {"theirs": "16.00", "ours": "16.00"})


@pytest.mark.django_db(transaction=True)
def test_a_handler_without_a_key_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.calling.top_up", asked_anew)
    delivery._handlers.cache_clear()
    try:
        assert killed("asked") == (2, ["4.00", "16.00", "16.00"], {"theirs": "32.00", "ours": "32.00"})
    finally:
        monkeypatch.undo()
        delivery._handlers.cache_clear()
