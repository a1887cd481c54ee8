"""Pure: which lots burn, in which order, and what comes back of them.

The order is fixed. Among the lots that may pay for the item at the moment:

    1 restricted    a lot for certain items before a lot for all
    2 priority      the lower number
    3 expiry        the one that expires sooner; never is last
    4 cost basis    what was paid for one unit of it: promotional lots (nothing was paid) before paid ones
    5 age           the older

A use is frozen in its event as the list of lots it burnt, so the order may change some day and no past use does. Of a lot of units the
money paid for it follows its own target, `round(paid × left / amount)`: used and left parts always add up to what was paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from billing.events import LotUse
from plans.frozen import changed, frozen
from plans.money import round_money

ZERO = Decimal(0)
NEVER = datetime.max.replace(tzinfo=UTC)
PAID, PROMOTIONAL, OWED, FREE = "paid", "promotional", "owed", "free"


@frozen()
class Lot:
    """What is left of one top-up or grant. `paid_left` is the part of the money paid for it that is not earned yet."""

    id: str
    unit: str
    currency: str
    amount: Decimal
    left: Decimal
    paid: Decimal
    paid_left: Decimal
    start: datetime
    expires: datetime | None = None
    priority: int = 0
    items: tuple[str, ...] = ()
    age: int = 0  # position among the lots: the lower, the older
    rollover_most: Decimal | None = None
    rollover_for: str = ""
    rollover_least: Decimal | None = None
    changed_at: datetime | None = None

    @property
    def kind(self) -> str:
        return PAID if self.paid else PROMOTIONAL

    def pays_for(self, item: str) -> bool:
        return not self.items or item in self.items

    def holds_at(self, moment: datetime) -> bool:
        """Whether it can be used. At the moment of expiry what was measured before it still burns: measurements come first there, and the
        event of the expiry empties the lot after them."""
        return self.left > 0 and self.start <= moment and (self.expires is None or moment <= self.expires)

    def used(self, amount: Decimal) -> Lot:
        """With `amount` less left (negative: more)."""
        left = self.left - amount
        if self.paid == self.amount:  # money costs itself
            money = round_money(left, self.currency) if self.paid else ZERO
        else:
            money = round_money(Fraction(self.paid) * Fraction(left) / Fraction(self.amount), self.currency) if self.paid else ZERO
        return changed(self, left=left, paid_left=money)


def burn_order(lot: Lot) -> tuple[bool, int, datetime, Fraction, int]:
    cost = Fraction(lot.paid) / Fraction(lot.amount) if lot.amount else Fraction(0)
    return (not lot.items, lot.priority, lot.expires or NEVER, cost, lot.age)


def usable(lots: Iterable[Lot], *, at: datetime, item: str = "") -> list[Lot]:
    """The lots that may pay for the item at the moment, in the order in which they burn. For no item: the lots for all."""
    found = [lot for lot in lots if lot.holds_at(at) and lot.pays_for(item)]
    return sorted(found, key=burn_order) if len(found) > 1 else found


def use_of(lot: Lot, amount: Decimal, *, debt: bool = False) -> LotUse:
    """Taking `amount` of the lot (negative: giving it back)."""
    return LotUse(lot=lot.id, kind=lot.kind, amount=amount, paid=lot.paid_left - lot.used(amount).paid_left, debt=debt)


def burn(lots: Iterable[Lot], wanted: Decimal, *, at: datetime, item: str = "", debt: bool = False) -> list[LotUse]:
    """Up to `wanted` (positive) from the lots, in order; the uses add up to less where the lots do not hold it."""
    found = []
    for lot in usable(lots, at=at, item=item):
        part = min(lot.left, wanted)
        if part <= 0:
            break
        found.append(use_of(lot, part, debt=debt))
        wanted -= part
    return found


def standing(uses: Iterable[LotUse]) -> list[LotUse]:
    """The uses that still stand, oldest first: what was given back took from the newest."""
    stack: list[LotUse] = []
    for use in uses:
        if use.amount > 0:
            stack.append(use)
            continue
        back = -use.amount
        for i in range(len(stack) - 1, -1, -1):
            if (stack[i].lot, stack[i].kind) == (use.lot, use.kind) and back > 0:
                part = min(stack[i].amount, back)
                stack[i] = changed(stack[i], amount=stack[i].amount - part)
                back -= part
        stack = [one for one in stack if one.amount]
    return stack


def give_back(uses: Sequence[LotUse], wanted: Decimal, lots: Mapping[str, Lot], *, debt: bool = False) -> list[LotUse]:
    """Open again what was burnt last, up to `wanted` (positive): negative uses. `lots` holds every lot of the uses, as it stands."""
    back: dict[tuple[str, str], Decimal] = {}
    money = any(use.paid for use in uses if not use.lot)
    for use in reversed(standing(uses)):
        part = min(use.amount, wanted)
        if part <= 0:
            break
        back[use.lot, use.kind] = back.get((use.lot, use.kind), ZERO) + part
        wanted -= part
    return [
        use_of(lots[lot], -amount, debt=debt) if lot else LotUse(lot="", kind=kind, amount=-amount, paid=-amount if money else ZERO)
        for (lot, kind), amount in back.items()
    ]


def rolled_over(lot: Lot) -> Decimal:
    """How much of what is left lives on when the lot expires."""
    return min(lot.left, lot.rollover_most) if lot.rollover_most is not None and lot.rollover_for else ZERO


def reset(lots: Iterable[Lot], *, at: datetime) -> list[LotUse]:
    """What a reset takes of the lots that began before it (negative: gives): each keeps at most `rollover_most` (none: nothing), and is
    filled up to `rollover_least`."""
    found = []
    for lot in lots:
        if lot.start < at and (lot.expires is None or at < lot.expires):
            stays = max(min(lot.left, lot.rollover_most or ZERO), lot.rollover_least or ZERO)
            found += [use_of(lot, lot.left - stays)] if stays != lot.left else []
    return found


# --- the wallet -------------------------------------------------------------------------------------------------------------------


@frozen()
class Reservation:
    id: str
    unit: str
    amount: Decimal
    item: str
    expires: datetime | None


@frozen()
class Wallet:
    """What an account holds in one unit."""

    unit: str
    currency: str
    lots: tuple[Lot, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    owed: Decimal = ZERO
    overdraft: Decimal = ZERO
    threshold: Decimal | None = None
    top_up_to: Decimal | None = None
    top_up_least: Decimal | None = None
    top_up_most: Decimal | None = None
    pays_invoices: bool = False
    asked: bool = False
    ask_from: datetime | None = None
    changed_at: datetime | None = None

    @property
    def reserved(self) -> Decimal:
        return sum((one.amount for one in self.reservations), ZERO)

    def held(self, *, at: datetime, item: str = "") -> Decimal:
        """What its lots hold for the item at the moment."""
        return sum((lot.left for lot in usable(self.lots, at=at, item=item)), ZERO)

    def spendable(self, *, at: datetime, item: str = "") -> Decimal:
        """What the lots hold for the item, less what is reserved and owed. Reservations count in full, whatever lots they would burn: so
        what is promised is never spent. Negative where more was used than there was."""
        return self.held(at=at, item=item) - self.reserved - self.owed

    def allowed(self, *, at: datetime, item: str = "") -> Decimal:
        """The most that a new use may cost: what is spendable and the overdraft that was agreed; never negative."""
        return max(ZERO, self.spendable(at=at, item=item) + self.overdraft)

    def after(self, uses: Sequence[LotUse]) -> Wallet:
        """The wallet once the uses are taken."""
        taken: dict[str, Decimal] = {}
        owed = self.owed
        for use in uses:
            taken[use.lot] = taken.get(use.lot, ZERO) + use.amount
            owed += use.amount if use.kind == OWED else ZERO
            owed -= use.amount if use.debt else ZERO
        lots = tuple(lot.used(taken[lot.id]) if lot.id in taken else lot for lot in self.lots)
        return changed(self, lots=lots, owed=owed)

    def without(self, reservation: str) -> Wallet:
        return changed(self, reservations=tuple(one for one in self.reservations if one.id != reservation))


def draw(wallet: Wallet, amount: Decimal, *, at: datetime, item: str, beyond: str) -> list[LotUse]:
    """What a charge of `amount` (positive) takes: lots in their order, the rest `owed` or `free`."""
    uses = burn(wallet.lots, amount, at=at, item=item)
    rest = amount - sum((use.amount for use in uses), ZERO)
    return [*uses, _beyond(wallet, beyond, rest)] if rest else uses


def draw_back(wallet: Wallet, amount: Decimal, uses: Sequence[LotUse], settled: Sequence[LotUse], lots: Mapping[str, Lot]) -> list[LotUse]:
    """What a charge of less than before (`amount` positive) opens again, of the uses of this item and period. What was owed then and has
    been paid since opens the lots that paid it (`settled`). What no use explains reduces the debt, or is money on the wallet's side."""
    found = give_back(uses, amount, lots)
    forgiven = -sum((use.amount for use in found if use.kind == OWED), ZERO)
    paid_since = forgiven - min(forgiven, wallet.owed)
    if paid_since:
        found += give_back(settled, paid_since, lots, debt=True)
    rest = amount + sum((use.amount for use in found if not use.debt), ZERO)
    return [*found, _beyond(wallet, OWED, -rest)] if rest else found


def _beyond(wallet: Wallet, kind: str, amount: Decimal) -> LotUse:
    """What no lot holds. Units that nobody gave were paid by nobody."""
    return LotUse(lot="", kind=kind, amount=amount, paid=amount if wallet.unit == wallet.currency else ZERO)


def forgiven(wallet: Wallet) -> list[LotUse]:
    """What is owed, given."""
    return [_beyond(wallet, OWED, -wallet.owed)] if wallet.owed else []
