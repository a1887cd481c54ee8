"""What the wallets of an account are after everyday events, without asking the database again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from billing.events import ReservationEnded, WalletDrawn, WalletReserved
from billing.journal import Recorded
from billing.wallets.lots import Reservation, Wallet
from plans.frozen import changed

#: The name of wallets in `Event.moves`.
WALLETS = "wallets"


def after(wallets: Mapping[str, Wallet], events: Sequence[Recorded]) -> dict[str, Wallet] | None:
    """unit → wallet, as it would be loaded after the events; those of other kinds move no wallet. None where a lot is opened again that is
    not among those that are loaded, because it held nothing."""
    found = dict(wallets)
    for recorded in events:
        event: Any = recorded.event
        if not isinstance(event, WalletReserved | ReservationEnded | WalletDrawn):
            continue
        wallet = found.get(event.unit) or Wallet(event.unit, getattr(event, "currency", ""))
        if isinstance(event, WalletReserved):
            one = Reservation(event.reservation, event.unit, event.amount, event.item, event.expires)
            wallet = changed(wallet, reservations=(*wallet.reservations, one))
        elif isinstance(event, ReservationEnded):
            wallet = wallet.without(event.reservation)
        else:
            taken = {use.lot for use in event.uses}
            if any(use.amount < 0 for use in event.uses) and not taken <= {"", *(lot.id for lot in wallet.lots)}:
                return None
            drawn = wallet.after(event.uses)
            lots = [changed(lot, changed_at=recorded.effective_at) if lot.id in taken else lot for lot in drawn.lots]
            wallet = changed(drawn, lots=tuple(lot for lot in lots if lot.left > 0 or (lot.rollover_least or 0) > 0))
        found[event.unit] = changed(wallet, changed_at=recorded.effective_at)
    return {unit: found[unit] for unit in sorted(found)}
