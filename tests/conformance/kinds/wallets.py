"""`burn`: which lots of a wallet pay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from billing.wallets.lots import OWED, Lot, Wallet, draw
from plans.money import parse_decimal, plain
from plans.periods import parse_time

NOW = parse_time("2026-01-01", "UTC", "")


def burn(inputs: Mapping[str, Any]) -> Any:
    """`draw`, amount after amount, from `lots` of units: of how many lots so much is `left`, and what is `owed`."""
    wallet = Wallet("unit", "EUR", tuple(_lots(inputs["lots"])))
    for amount in inputs["draw"]:
        wallet = wallet.after(draw(wallet, parse_decimal(amount), at=NOW, item="", beyond=OWED))
    found = Counter(plain(lot.left) for lot in wallet.lots)
    return {"left": {left: str(count) for left, count in found.items()}, "owed": plain(wallet.owed)}


def _lots(given: list[Mapping[str, Any]]) -> Iterator[Lot]:
    none, expanded = Decimal(0), (one for one in given for _ in range(int(one.get("times", 1))))
    for age, one in enumerate(expanded):
        amount, expires = parse_decimal(one["amount"]), parse_time(str(one["expires"]), "UTC", "")
        yield Lot(f"lot {age}", "unit", "EUR", amount, amount, none, none, NOW, expires=expires, age=age)
