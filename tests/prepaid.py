"""What tests of wallets share: a prepaid catalogue, and short words for what is done with a wallet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import bulk
from billing.engine import Outcome
from billing.wallets.queries import spendable
from tests.books import advance, do, moment, open_account, publish, use

CATALOGUE = """
catalogue: prepaid
currency: EUR
zone: UTC
seller: {name: Prepaid Ltd, country: ES}
meters:
  seconds: {aggregate: sum}
  clicks: {aggregate: sum}
  gifts: {aggregate: sum}
plans:
  phone:
    name: Phone
    period: 1 month
    items:
      calls: {meter: seconds, price: {model: unit, amount: "1.00"}, timing: tick, draws: tick}
      data: {meter: clicks, price: {model: graduated, tiers: [{up_to: 10, unit: "0.37"}, {unit: "0.20"}]}, timing: tick, draws: tick}
      gifts: {meter: gifts, price: {model: unit, amount: "1.00"}, timing: tick, draws: tick, beyond: free}
"""


def subscribed() -> None:
    """Ana with a prepaid phone."""
    publish(CATALOGUE)
    open_account()
    do("subscribe", account="ana", plan="phone")


def wallet(account: str = "ana", at: str = "2026-01-02", unit: str = "EUR") -> str:
    return f"{spendable(account, at=moment(at)).get(unit, Decimal(0)):.2f}"


def lots(account: str = "ana") -> list[str]:
    rows = bulk.fetch('SELECT "left" FROM read_wallet_lot WHERE account = %s ORDER BY sequence', [account])
    return [f"{left:.2f}" for (left,) in rows]


def top_up(amount: str, at: str = "2026-01-01", **given: Any) -> str:
    return str(do("top_up", at, account=given.pop("account", "ana"), amount=amount, **given).made["grant"])


def grant(amount: str, at: str = "2026-01-01", **given: Any) -> str:
    return str(do("grant", at, account="ana", amount=amount, **given).made["grant"])


def commit(quantity: str, at: str = "2026-01-02", **given: Any) -> Outcome:
    if "unit" not in given:
        given.setdefault("item", "calls")
    return do("commit", at, account="ana", quantity=quantity, **given)


def called(value: str, at: str, *, name: str = "", **given: Any) -> None:
    """A record arrives and the beat counts it."""
    use("ana", "seconds", arrived=at, records=[{"id": name or at, "at": moment(at), "value": value, **given}])
    advance(at)


def ledger() -> dict[str, str]:
    rows = bulk.fetch("SELECT ledger, amount FROM read_balance WHERE account = 'ana' AND amount <> 0 ORDER BY ledger")
    return {name: f"{amount:.2f}" for name, amount in rows}
