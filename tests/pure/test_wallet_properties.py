"""Whatever is drawn and given back, in any order: nothing is lost, nothing is made, no lot leaves its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.events import LotUse
from billing.wallets.entries import charge_postings
from billing.wallets.lots import OWED, Lot, Wallet, burn, draw, draw_back

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ZERO = Decimal(0)
amounts = st.integers(1, 5000).map(lambda cents: Decimal(cents).scaleb(-2))


@st.composite
def lots(draw_from: st.DrawFn) -> Lot:
    amount, paid = draw_from(amounts), draw_from(st.booleans())
    days = draw_from(st.none() | st.integers(1, 30))
    number = draw_from(st.integers(0, 10**9))
    money = amount if paid else ZERO
    return Lot(
        id=f"lot/{number}",
        unit="EUR",
        currency="EUR",
        amount=amount,
        left=amount,
        paid=money,
        paid_left=money,
        start=NOW,
        expires=None if days is None else NOW + timedelta(days=days),
        priority=draw_from(st.integers(0, 2)),
        items=draw_from(st.sampled_from([(), ("calls",), ("data",)])),
        age=number,
    )


@given(
    held=st.lists(lots(), max_size=5, unique_by=lambda lot: lot.id),
    changes=st.lists(st.tuples(st.sampled_from(["draw", "back", "settle"]), amounts), max_size=12),
)
def test_lots_and_debts_always_explain_what_was_used(held: list[Lot], changes: list[tuple[str, Decimal]]) -> None:
    wallet, used = Wallet("EUR", "EUR", tuple(held)), ZERO
    uses: list[LotUse] = []
    settled: list[LotUse] = []
    start = sum((lot.left for lot in held), ZERO)
    for change, amount in changes:
        if change == "draw":
            taken = draw(wallet, amount, at=NOW, item="calls", beyond=OWED)
            used += amount
        elif change == "back":
            amount = min(amount, used)
            taken = draw_back(wallet, amount, uses, settled, {lot.id: lot for lot in wallet.lots}) if amount else []
            used -= amount
        else:
            taken = burn((lot for lot in wallet.lots if not lot.items), max(ZERO, wallet.owed), at=NOW, debt=True)
        uses += [use for use in taken if not use.debt]
        settled += [use for use in taken if use.debt]
        wallet = wallet.after(taken)
        assert sum((leg.amount for leg in charge_postings(taken, "EUR")), ZERO) == 0
        assert all(0 <= lot.left <= lot.amount and lot.paid_left == (lot.left if lot.paid else 0) for lot in wallet.lots)
        assert start - sum((lot.left for lot in wallet.lots), ZERO) + wallet.owed == used
        assert wallet.owed >= 0


@given(used=st.lists(st.integers(1, 40), max_size=8), paid=st.integers(1, 100_000))
def test_the_money_of_units_adds_up_to_what_was_paid(used: list[int], paid: int) -> None:
    price, amount = Decimal(paid).scaleb(-2), Decimal(max(1, sum(used))) + 3
    lot = Lot(id="a/1", unit="hour", currency="EUR", amount=amount, left=amount, paid=price, paid_left=price, start=NOW)
    wallet, earned = Wallet("hour", "EUR", (lot,)), ZERO
    for quantity in used:
        uses = burn(wallet.lots, Decimal(quantity), at=NOW)
        earned += sum((use.paid for use in uses), ZERO)
        wallet = wallet.after(uses)
    assert earned + wallet.lots[0].paid_left == price
