"""What an account has for a time, or never: charges that wait for a document, documents to be paid, credit, discounts, holds.

Of many accounts one statement says which of these any of them has; only those are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from billing import bulk, ledgers
from billing.state import AccountState, Discount, OpenCharge, OpenInvoice
from billing.stored import Part

CHARGE_FIELDS = (
    'kind, contract, item, component, name, currency, trim_scale(amount), trim_scale(quantity), unit_price, unit, start, "end", '
    "effective_at, supply_date, tax_category, inclusive, catalogue, version, invoice_when, attributes::text, period_start, terms"
)
ATTRIBUTES = 19  # their place among the fields


def _charges(states: dict[str, AccountState]) -> None:
    statement = f"""
        SELECT account, sequence, charge.* FROM read_open_charge AS open CROSS JOIN LATERAL (
            SELECT {CHARGE_FIELDS} FROM read_charge WHERE account = open.account AND sequence = open.sequence OFFSET 0) AS charge
        WHERE account = ANY(%s) ORDER BY account, sequence"""  # noqa: S608 - literals
    for row in bulk.fetch(statement, [list(states)]):
        states[row[0]].open_charges.append(open_charge(row))


def open_charge(row: Sequence[Any]) -> OpenCharge:
    """A charge row (account, sequence, CHARGE_FIELDS) as a value; amounts without the column's trailing zeros."""
    account, sequence, *values = row
    text = values[ATTRIBUTES]
    values[ATTRIBUTES] = {} if text == "{}" else orjson.loads(text)
    return OpenCharge(f"{account}/{sequence}", *values)


def _open_invoices(states: dict[str, AccountState]) -> None:
    statement = """
        SELECT account, invoice, number, document, currency, trim_scale(total), trim_scale(open), due, issued, sequence FROM read_invoice
        WHERE account = ANY(%s) AND open > 0 AND status = 'open' ORDER BY account, due NULLS LAST, sequence"""
    for row in bulk.fetch(statement, [list(states)]):
        states[row[0]].open_invoices.append(OpenInvoice(*row[1:]))


def _credit(states: dict[str, AccountState]) -> None:
    statement = "SELECT account, currency, trim_scale(-amount) FROM read_balance WHERE account = ANY(%s) AND ledger = %s AND amount <> 0"
    for account, currency, amount in bulk.fetch(statement, [list(states), ledgers.CREDIT]):
        states[account].credit[currency] = amount


def _discounts(states: dict[str, AccountState]) -> None:
    statement = """
        SELECT account, attachment, contract, name, level, terms::text, currency, start, "end", trim_scale(remainder), uses, coupon
        FROM read_discount WHERE account = ANY(%s) ORDER BY account, start, attachment"""
    for account, attachment, contract, name, level, terms, *rest in bulk.fetch(statement, [list(states)]):
        states[account].discounts.append(Discount(attachment, contract, name, level, orjson.loads(terms), *rest))


def _holds(states: dict[str, AccountState]) -> None:
    """What is or was kept off documents of each."""
    statement = "SELECT account, contract, item, until FROM read_invoicing_hold WHERE account = ANY(%s)"
    found: dict[str, dict[str, dict[str, datetime | None]]] = {}
    for account, contract, item, until in bulk.fetch(statement, [list(states)]):
        found.setdefault(account, {}).setdefault(contract, {})[item] = until
    for account, held in found.items():
        states[account].held = held


def _suspended(states: dict[str, AccountState]) -> None:
    statement = "SELECT account, contract, charging FROM read_suspended_service WHERE account = ANY(%s) ORDER BY account, contract"
    for account, contract, charging in bulk.fetch(statement, [list(states)]):
        states[account].suspended[contract] = charging


SELDOM = (
    Part(("suspended",), _suspended, "SELECT FROM read_suspended_service WHERE {of}"),
    Part(("held",), _holds, "SELECT FROM read_invoicing_hold WHERE {of}"),
    Part(("open_charges",), _charges, "SELECT FROM read_open_charge WHERE {of}"),
    Part(("open_invoices",), _open_invoices, "SELECT FROM read_invoice WHERE {of} AND open > 0 AND status = 'open'"),
    Part(("credit",), _credit, f"SELECT FROM read_balance WHERE {{of}} AND ledger = '{ledgers.CREDIT}' AND amount <> 0"),
    Part(("discounts",), _discounts, "SELECT FROM read_discount WHERE {of}"),
)
_ANY = ", ".join(f"EXISTS ({part.there.format(of='account = ANY(%(names)s)')})" for part in SELDOM)


def read_seldom(states: dict[str, AccountState]) -> None:
    """Of many accounts."""
    there = bulk.fetch(f"SELECT {_ANY}", {"names": list(states)})[0]
    for part, found in zip(SELDOM, there, strict=True):
        if found:
            part.read(states)
