"""Values that nobody should send, and a shop full of things for commands to act on."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.command import Command, registry
from tests.books import CATALOGUE, advance, do, open_account, publish, use

NUMBERS = "0 -1 -0 0.001 1e-30 1e12 1e15 1e29 -1e29 1e30 1e31 1e400 1e-400 NaN sNaN Infinity -inf 1_000 0x10 １２ 12,50".split()
TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "x" * 300,
    "x" * 30_000,
    "\u202e",
    "\x1b[2J",
    "a:b",
    "stock:router",
    "ana/",
    "ana/x",
    "/",
    "ana/99",
]
TEXTS += ["ana/99999999999999999999", "{number.__class__}", "%s", "now", "XXX", "eur", "JPY", "9" * 40, "0.1" + "0" * 40]
TIMES = (
    "0001-01-01 0001-01-01T00:00 1000-01-01 1899-12-31 9999-12-31 9999-12-31T23:59:59 0000-00-00 2026-02-30 2026-13-01T99:99 now".split()
)
OTHERS: list[Any] = [None, True, False, 5, 5.5, float("nan"), 10**50, -(10**50), b"x", [], [[]], [{}], [None], ["a", "a"], {}, {"": ""}]
OTHERS += [{"a": {"a": {"a": {}}}}, {"x": "\ud800"}, {"\ud800": 1}, {"x": "\x00"}, {1: 2}, {"fee": "NaN"}, {"seat": "1e30"}, {"fee": []}]
OTHERS += [{"model": "unit"}, {"model": "flat", "amount": "1e29"}, {"price": {"model": "unit", "amount": "1e29"}}, {"fee": {"price": None}}]
OTHERS += [
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal("1e300"),
    datetime.fromisoformat("2026-01-01T00:00"),
    datetime.fromisoformat("0001-01-01T00:00"),
    datetime.fromisoformat("9999-12-31T23:59"),
    date.min,
    date.max,
    object(),
]
OTHERS += [{str(number): {"a": [1] * 3} for number in range(200)}, ["\ud800"], [["x"]], [{"invoice": "x", "amount": "NaN"}], "[" * 2000]
NASTY: list[Any] = [*NUMBERS, *TEXTS, *TIMES, *OTHERS]

STOCKED = """
catalogue: stocked
currency: EUR
items:
  full: {name: Full, price: {model: unit, amount: "2.00"}, stock: true, attributes: {stock_start: "50"}}
discounts:
  tenth: {percent: "10"}
coupons:
  WELCOME: {discount: tenth}
plans:
  saver: {items: {capital: {charge: interest, owes: us, interest: {rate: "5", day_count: act/365}, period: 1 month}}}
  phone: {period: 1 month, items: {talk: {meter: talk, price: {model: unit, amount: "1.00"}, timing: tick, draws: tick}}}
meters: {talk: {aggregate: sum}}
"""


def furnish() -> None:
    """Ana with a contract, use, an invoice, a payment, a deposit, a wallet and goods; Ben with little; Cleo with nothing."""
    publish()
    publish(STOCKED)
    for account in ("ana", "ben", "cleo"):
        open_account(account)
    do("subscribe", account="ana", plan="seats", quantity="3")
    do("subscribe", account="ben", plan="basic")
    use("ana", "calls", arrived="2026-01-05", records=[{"id": "a", "at": "2026-01-03", "value": "25"}])
    do("top_up", account="ana", amount="40.00")
    do("grant", account="ana", amount="5.00")
    do("restock", item="router", quantity="10")
    do("sell", "2026-01-06", account="ana", item="router", quantity="2")
    do("pay", "2026-01-07", account="ana", amount="30.00", invoices=["1"])
    do("take_deposit", "2026-01-07", account="ana", amount="100.00")
    do("receive", "2026-01-07", amount="12.00", reference="who")
    advance("2026-02-10")


#: argument → values that make sense in that shop; what is not here gets one by its type.
SENSIBLE: dict[str, list[Any]] = {
    "account": ["ana", "ben", "cleo", "dora"],
    "to": ["ben"],
    "plan": ["seats", "basic", "pro", "metered", "saver", "phone"],
    "catalogue": ["test", "stocked"],
    "item": ["router", "ticket", "full", "seat", "fee", "calls", "talk"],
    "currency": ["EUR"],
    "unit": ["EUR", "minutes"],
    "zone": ["UTC", "Europe/Madrid"],
    "seller": ["main"],
    "country": ["ES"],
    "when": ["now", "period_end", "2026-02-10"],
    "invoice": ["1", "now", "next_invoice"],
    "outcome": ["upheld", "rejected", "credit"],
    "period": ["2026-01"],
    "discount": ["tenth"],
    "coupon": ["WELCOME"],
    "price": [{"model": "flat", "amount": "5.00"}],
    "source": [CATALOGUE],
    "lasts": ["30 days"],
    "rollover_for": ["1 month"],
    "settle": ["now", "later"],
    "channel": ["cash", "transfer"],
    "billing_day": ["keep", "move"],
    "items": [["seat"]],
    "quantities": [{"seat": "2"}],
    "prices": [{"fee": "3.00"}],
}
BY_TYPE: dict[Any, list[Any]] = {
    str: ["x"],
    Decimal: ["1", "5.00"],
    int: [1],
    bool: ["yes", "no"],
    datetime: ["2026-02-15"],
    date: ["2026-02-15"],
}


def known_ids() -> dict[str, list[Any]]:
    """The ids that the commands of `furnish` made, by the argument that takes them."""
    first = {
        "contract": "SELECT contract FROM read_contract WHERE account = 'ana' ORDER BY 1",
        "invoice": "SELECT invoice FROM read_invoice WHERE account = 'ana' ORDER BY sequence",
        "payment": "SELECT payment FROM read_payment WHERE account = 'ana'",
        "deposit": "SELECT deposit FROM read_deposit",
        "receipt": "SELECT receipt FROM read_receipt",
        "grant": "SELECT account || '/' || sequence FROM read_wallet_lot WHERE account = 'ana'",
        "sale": "SELECT account || '/' || sequence FROM read_charge WHERE kind = 'sale'",
    }
    return {name: [row[0] for row in bulk.fetch(statement)] for name, statement in first.items()}


def arguments_of(command: Command) -> Iterator[tuple[str, Any, bool]]:
    """(name, type, required) of each argument."""
    hints = typing.get_type_hints(command.arguments)
    for field in fields(command.arguments):
        hint = hints[field.name]
        inner = [one for one in typing.get_args(hint) if one is not type(None)] if type(None) in typing.get_args(hint) else [hint]
        yield field.name, inner[0], field.default is MISSING and field.default_factory is MISSING


def sensible(known: Mapping[str, list[Any]], name: str, hint: Any) -> list[Any]:
    """Values that the argument may well have."""
    return [*known.get(name, []), *SENSIBLE.get(name, [])] or BY_TYPE.get(hint, [{}] if typing.get_origin(hint) is not tuple else [[]])


def commands() -> list[str]:
    return sorted(registry())
