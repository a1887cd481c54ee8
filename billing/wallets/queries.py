"""What an account can spend: now from the read models, for any two dates from the events themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from billing import journal
from billing.events import LotOpened, ReservationEnded, WalletExpired, WalletReserved, WalletSpent, WalletTermsSet
from billing.journal import Recorded
from billing.wallets.loading import load_wallets
from billing.wallets.lots import Lot, Reservation, Wallet


def spendable(
    account: str, *, at: datetime, as_of: datetime | None = None, known_at: datetime | None = None, units: bool = True
) -> dict[str, Decimal]:
    """unit → what can be spent on anything: lots for all items, less what is reserved and owed; for `as_of` and `known_at` as it was then.
    A unit whose wallet is empty is there too; without `units` only money is."""
    if as_of is None and known_at is None:
        wallets = load_wallets([account])[account]
    else:
        then = (
            recorded
            for recorded in journal.read([account])
            if (as_of is None or recorded.effective_at <= as_of) and (known_at is None or recorded.recorded_at <= known_at)
        )
        wallets = fold(then)
    return {unit: wallet.spendable(at=as_of or at) for unit, wallet in wallets.items() if units or unit == wallet.currency}


def fold(events: Iterable[Recorded]) -> dict[str, Wallet]:
    """The wallets that these events of one account made, by their unit."""
    found: dict[str, Wallet] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, LotOpened | WalletSpent | WalletReserved | ReservationEnded | WalletTermsSet):
            wallet = found.get(event.unit) or Wallet(event.unit, getattr(event, "currency", ""))
            found[event.unit] = _after(wallet, event, recorded)
    return found


def _after(
    wallet: Wallet, event: LotOpened | WalletSpent | WalletReserved | ReservationEnded | WalletTermsSet, recorded: Recorded
) -> Wallet:
    if isinstance(event, LotOpened):
        return replace(wallet, lots=(*wallet.lots, _lot(event, recorded.sequence)))
    if isinstance(event, WalletSpent):
        spent = wallet.after(event.uses)
        ends = {one.lot: one.expires for one in event.rolled} if isinstance(event, WalletExpired) else {}
        return replace(spent, lots=tuple(replace(lot, expires=ends.get(lot.id, lot.expires)) for lot in spent.lots))
    if isinstance(event, WalletReserved):
        reservation = Reservation(event.reservation, event.unit, event.amount, event.item, event.expires)
        return replace(wallet, reservations=(*wallet.reservations, reservation))
    if isinstance(event, ReservationEnded):
        return wallet.without(event.reservation)
    return replace(wallet, overdraft=event.overdraft, threshold=event.threshold, top_up_to=event.top_up_to)


def _lot(event: LotOpened, sequence: int) -> Lot:
    return Lot(
        id=event.lot,
        unit=event.unit,
        currency=event.currency,
        amount=event.amount,
        left=event.amount,
        paid=event.paid,
        paid_left=event.paid,
        start=event.start,
        expires=event.expires,
        priority=event.priority,
        items=event.items,
        age=sequence,
    )
