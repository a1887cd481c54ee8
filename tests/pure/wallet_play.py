"""Grants and uses of one wallet on a line of time, folded through the pure engine: for worked cases of other systems.

A use burns the lots in their order; what finds nothing is owed, and the next grant pays it. A reset ends what is owed (unless it is kept)
and lets of each grant live on what rolls over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.events import LotUse
from billing.wallets.lots import OWED, Lot, Wallet, burn, draw
from plans.periods import Cycle, parse_period, parse_time

ZERO = Decimal(0)
EXPIRE, RESET, START, USE = range(4)  # the order of one moment


def moment(text: str) -> datetime:
    return parse_time(text, "UTC", "")


@dataclass
class Play:
    wallet: Wallet
    grants: Mapping[str, Mapping[str, Any]]
    keep: bool
    used: Decimal = ZERO
    uses: list[LotUse] = field(default_factory=list)

    def happen(self, at: datetime, what: int, value: Any) -> None:
        if what == EXPIRE:
            self._set(value, ZERO)
        elif what == START:
            self._set(value, Decimal(str(self.grants[value]["amount"])))
            self._pay(at)
        elif what == USE:
            self.used += value
            uses = draw(self.wallet, value, at=at, item="", beyond=OWED)
            self.uses += uses
            self.wallet = self.wallet.after(uses)
        else:
            self._reset(at)

    def _set(self, name: str, left: Decimal) -> None:
        lots = tuple(replace(lot, left=left) if lot.id == name else lot for lot in self.wallet.lots)
        self.wallet = replace(self.wallet, lots=lots)

    def _pay(self, at: datetime) -> None:
        if self.wallet.owed:
            uses = burn(self.wallet.lots, self.wallet.owed, at=at, debt=True)
            self.uses += uses
            self.wallet = self.wallet.after(uses)

    def _reset(self, at: datetime) -> None:
        self.used = ZERO
        if not self.keep:
            self.wallet = replace(self.wallet, owed=ZERO)
        for lot in self.wallet.lots:
            if lot.start < at:
                given = self.grants[lot.id]
                most, least = (Decimal(str(given.get(name, 0))) for name in ("roll_max", "roll_min"))
                self._set(lot.id, min(most, max(lot.left, least)) if self._alive(lot, at) else ZERO)
        self._pay(at)

    def _alive(self, lot: Lot, at: datetime) -> bool:
        ended = self.grants[lot.id].get("voided") or self.grants[lot.id].get("deleted")
        return (lot.expires is None or at < lot.expires) and not (ended and moment(ended) <= at)


def lot_of(given: Mapping[str, Any], age: int) -> Lot:
    amount = Decimal(str(given["amount"]))
    return Lot(
        id=given["id"],
        unit="call",
        currency="EUR",
        amount=amount,
        left=ZERO,
        paid=ZERO,
        paid_left=ZERO,
        start=moment(given["effective"]),
        expires=moment(given["expires"]),
        priority=given["priority"],
        age=age,
    )


def timeline(case: Mapping[str, Any], until: datetime) -> list[tuple[datetime, int, int, Any]]:
    """(moment, order within it, order given, what): everything that happens in `[from, until]`, uses before `until`."""
    begin = moment(case["from_"])
    found: list[tuple[datetime, int, Any]] = []
    for given in case["grants"]:
        ended = given.get("voided") or given.get("deleted")
        end = min(moment(given["expires"]), moment(ended)) if ended else moment(given["expires"])
        starts = [moment(given["effective"])]
        if "recur" in given:
            every, anchor = given["recur"]
            cycle = Cycle(period=parse_period(every), anchor=moment(anchor), zone="UTC")
            starts += [span.start for span in cycle.periods(moment(anchor), end) if moment(anchor) < span.start <= until]
        found += [(max(start, begin), START, given["id"]) for start in starts if start < end and end > begin and start <= until]
        found += [(end, EXPIRE, given["id"])] if end <= until else []
    found += [(moment(at), USE, Decimal(value)) for at, value in case["usage_events"] if begin <= moment(at) < until]
    found += [(moment(at), RESET, None) for at in case["resets"] if moment(at) <= until]
    ordered = [(at, what, number, value) for number, (at, what, value) in enumerate(found)]
    return sorted(ordered, key=lambda one: one[:3])


def play(case: Mapping[str, Any]) -> dict[str, Any]:
    """What the case calls `balances`, `total`, `overage` and `usage_in_period`, as texts."""
    until = moment(case["at"])
    lots = tuple(lot_of(given, age) for age, given in enumerate(case["grants"]))
    game = Play(Wallet("call", "EUR", lots), {given["id"]: given for given in case["grants"]}, case["preserve_overage"])
    for at, what, _, value in timeline(case, until):
        game.happen(at, what, value)
    left: Sequence[Lot] = game.wallet.lots
    return {
        "balances": {lot.id: f"{lot.left:f}" for lot in left},
        "total": f"{sum((lot.left for lot in left), ZERO):f}",
        "overage": f"{game.wallet.owed:f}",
        "usage_in_period": f"{game.used:f}",
    }
