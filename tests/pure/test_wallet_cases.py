"""Worked cases of other systems, by their ids, against the pure engine of wallets. tests/cases/ plays them through the whole system."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.wallets.lots import OWED, Lot, Wallet, burn, draw, draw_back, give_back, standing, usable
from plans.periods import parse_time

NOW = parse_time("2026-01-01", "UTC", "")
LATER = NOW + timedelta(days=14)
D = Decimal


def lot(name: str, amount: str, *, paid: str | None = None, **given: Any) -> Lot:
    """A lot of money; promotional unless it says what was paid for it."""
    money = D(paid or 0)
    fields = {"unit": "EUR", "currency": "EUR", "amount": D(amount), "left": D(amount), "paid": money, "paid_left": money, "start": NOW}
    return Lot(id=name, **(fields | given))


def burnt(lots: list[Lot], wanted: str, item: str = "") -> dict[str, str]:
    return {use.lot: str(use.amount) for use in burn(lots, D(wanted), at=NOW, item=item)}


def test_om_e13_one_early_grant_among_many() -> None:
    lots = [lot(f"g{i}", "100", expires=NOW + timedelta(days=30), age=i) for i in range(20_000)]
    lots[12_345] = lot("early", "100", expires=NOW + timedelta(days=29), age=12_345)
    assert burnt(lots, "99") == {"early": "99"}


def test_ob_1_the_block_that_expires_soonest_is_first() -> None:
    lots = [lot("paid", "100", paid="100"), lot("trial", "100", expires=LATER)]
    assert burnt(lots, "150") == {"trial": "100", "paid": "50"}


def test_ob_2_at_the_same_expiry_the_lower_cost_basis_is_first() -> None:
    lots = [lot("paid", "50", paid="50", expires=LATER), lot("promo", "50", expires=LATER)]
    assert burnt(lots, "60") == {"promo": "50", "paid": "10"}


def test_ob_3_a_drawdown_earns_at_the_cost_basis_of_the_block() -> None:
    block = lot("block", "100", paid="20.00", unit="credit")
    [use] = burn([block], D(20), at=NOW)
    assert (use.amount, use.paid) == (20, D("4.00"))
    assert (block.used(use.amount).left, block.used(use.amount).paid_left) == (80, D("16.00"))


def test_lago_104_priority_first_and_then_the_oldest() -> None:
    lots = [
        lot(f"g{i}", amount, priority=priority, age=i) for i, (amount, priority) in enumerate([("20", 1), ("25", 2), ("25", 2), ("30", 2)])
    ]
    assert burnt(lots, "80") == {"g0": "20", "g1": "25", "g2": "25", "g3": "10"}


@pytest.mark.parametrize(
    ("grants", "wanted", "left"),
    [
        pytest.param(["100"], "40", ["60"], id="lago-101"),
        pytest.param(["30", "50"], "60", ["0", "20"], id="lago-102"),
        pytest.param(["30", "70"], "80", ["0", "20"], id="lago-105"),
        pytest.param(["50"], "50", ["0"], id="lago-106"),
        pytest.param(["7600"], "8000", ["0"], id="LG-4"),
    ],
)
def test_lago_wallets_are_traced_to_their_sources(grants: list[str], wanted: str, left: list[str]) -> None:
    lots = [lot(f"g{i}", amount, age=i) for i, amount in enumerate(grants)]
    wallet = Wallet("EUR", "EUR", tuple(lots))
    after = wallet.after(draw(wallet, D(wanted), at=NOW, item="", beyond=OWED))
    assert [str(one.left) for one in after.lots] == left
    assert after.owed == max(D(0), D(wanted) - sum(map(D, grants)))


def test_lago_205_differs_a_restricted_lot_goes_before_the_priority() -> None:
    """Theirs takes the priority first and a lot for all before a lot for the item alone. Ours keeps what can pay for more."""
    kinds = {"priority_any": (49, ()), "priority_item": (49, ("fee",)), "normal_any": (50, ()), "item_only": (50, ("fee",))}
    lots = [lot(name, "10", priority=priority, items=items, age=i) for i, (name, (priority, items)) in enumerate(kinds.items())]
    assert burnt(lots, "36", "fee") == {"priority_item": "10", "item_only": "10", "priority_any": "10", "normal_any": "6"}


@pytest.mark.parametrize(
    ("charges", "due"),
    [pytest.param(["100", "50"], ["0", "0"], id="OM-CR1"), pytest.param(["100", "50", "5"], ["0", "0", "5"], id="OM-CR2")],
)
def test_credits_pay_charges_in_order(charges: list[str], due: list[str]) -> None:
    wallet = Wallet("EUR", "EUR", (lot("credit", "150"),))
    found = []
    for charge in charges:
        uses = draw(wallet, D(charge), at=NOW, item="", beyond=OWED)
        wallet = wallet.after(uses)
        found.append(str(sum((use.amount for use in uses if use.kind == OWED), D(0))))
    assert found == due


def test_om_l1_uses_leave_the_sooner_end_first() -> None:
    lots = [lot("T10", "10", expires=NOW + timedelta(days=10)), lot("T15", "15", expires=NOW + timedelta(days=15))]
    wallet = Wallet("EUR", "EUR", tuple(lots))
    wallet = wallet.after(burn(wallet.lots, D(5), at=NOW))
    second = burn(wallet.lots, D(10), at=NOW)
    assert [(use.lot, use.amount) for use in second] == [("T10", 5), ("T15", 5)]
    assert [one.left for one in wallet.after(second).lots] == [0, 10]


def covered(grant: str, used: str) -> tuple[Wallet, list[Any], list[Any]]:
    """Use that found nothing, paid by a grant that came later: the wallet, the uses, and what paid the debt."""
    wallet = Wallet("EUR", "EUR")
    uses = draw(wallet, D(used), at=NOW, item="", beyond=OWED)
    wallet = Wallet("EUR", "EUR", (lot("late", grant, expires=LATER),), owed=wallet.after(uses).owed)
    settled = burn(wallet.lots, wallet.owed, at=NOW, debt=True)
    return wallet.after(settled), uses, settled


def test_om_l5_an_advance_is_covered_by_a_later_grant() -> None:
    wallet, _, settled = covered("12", "8")
    assert (sum(use.amount for use in settled), wallet.owed, wallet.lots[0].left) == (8, 0, 4)


def test_om_l6_an_advance_that_is_taken_back_opens_the_grant_that_covered_it() -> None:
    wallet, uses, settled = covered("12", "10")
    back = draw_back(wallet, D(10), uses, settled, {one.id: one for one in wallet.lots})
    assert [(use.lot, use.kind, use.amount, use.debt) for use in back] == [("", "owed", -10, False), ("late", "promotional", -10, True)]
    assert (wallet.after(back).lots[0].left, wallet.after(back).owed) == (12, 0)


@pytest.mark.parametrize(("used", "kept", "left"), [pytest.param("5", "0", "12", id="OM-L7"), pytest.param("8", "5", "7", id="OM-L8")])
def test_a_use_that_shrinks_opens_the_grant_again(used: str, kept: str, left: str) -> None:
    wallet = Wallet("EUR", "EUR", (lot("g", "12", expires=LATER),))
    uses = draw(wallet, D(used), at=NOW, item="", beyond=OWED)
    wallet = wallet.after(uses)
    back = draw_back(wallet, D(used) - D(kept), uses, [], {one.id: one for one in wallet.lots})
    assert wallet.after(back).lots[0].left == D(left)


def test_om_l10_what_was_burnt_last_comes_back_first() -> None:
    """The grant without an end burnt after the one with an end, so it is whole again first; one of the other is left to expire."""
    wallet = Wallet("EUR", "EUR", (lot("ends", "5", expires=LATER), lot("stays", "5")))
    uses = draw(wallet, D(8), at=NOW, item="", beyond=OWED)
    wallet = wallet.after(uses)
    after = wallet.after(draw_back(wallet, D(4), uses, [], {one.id: one for one in wallet.lots}))
    assert {one.id: one.left for one in after.lots} == {"ends": 1, "stays": 5}


def test_what_was_given_back_is_not_given_back_twice() -> None:
    lots = {one.id: one for one in (lot("a", "5"), lot("b", "5", age=1))}
    uses = burn(lots.values(), D(8), at=NOW)
    first = give_back(uses, D(4), lots)
    assert [(use.lot, use.amount) for use in first] == [("b", -3), ("a", -1)]
    assert [(use.lot, use.amount) for use in standing([*uses, *first])] == [("a", 4)]
    assert usable([lot("x", "1", items=("data",))], at=NOW) == []
