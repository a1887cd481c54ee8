"""What stands of an account's money: the documents that a customer may pay, and the payments with what is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.loading import trimmed
from billing.state import CUSTOMER_OWES, AccountState, OpenInvoice
from plans.errors import Conflict, NotFound
from plans.fields import suggestion

ZERO = Decimal(0)


def receivable_invoices(account: str) -> dict[str, OpenInvoice]:
    """Every document of the account that a customer may pay, paid ones too (so that positions hold), by id."""
    statement = """
        SELECT invoice, number, document, currency, total, open, due, issued, sequence, status FROM read_invoice
        WHERE account = %s AND document = ANY(%s) ORDER BY sequence"""
    rows = bulk.fetch(statement, [account, list(CUSTOMER_OWES)])
    return {row[0]: OpenInvoice(*row[:4], trimmed(row[4]), trimmed(row[5]), *row[6:]) for row in rows}


@dataclass(frozen=True)
class PaymentStanding:
    """A payment and what became of it. `allocated` is what it pays of each document now, in the order of the documents."""

    payment: str
    sequence: int
    amount: Decimal
    currency: str
    channel: str
    reference: str
    status: str
    refunded: Decimal
    disputed: Decimal
    allocated: dict[str, Decimal]

    @property
    def refundable(self) -> Decimal:
        """What was neither refunded nor taken back by the bank."""
        return self.amount - self.refunded - self.disputed

    @property
    def unused(self) -> Decimal:
        """What of it pays no document and was not given back: it became the customer's credit."""
        return max(ZERO, self.refundable - sum(self.allocated.values(), ZERO))


def payments_of(account: str) -> list[PaymentStanding]:
    """The account's payments in their order."""
    allocated: dict[str, dict[str, Decimal]] = {}
    shares = """
        SELECT a.payment, a.invoice, sum(a.amount) FROM read_allocation a JOIN read_invoice i ON i.invoice = a.invoice
        WHERE a.account = %s AND a.payment <> '' GROUP BY a.payment, a.invoice, i.sequence HAVING sum(a.amount) <> 0
        ORDER BY i.sequence"""
    for payment, invoice, amount in bulk.fetch(shares, [account]):
        allocated.setdefault(payment, {})[invoice] = trimmed(amount)
    statement = """
        SELECT payment, sequence, amount, currency, channel, reference, status, refunded, disputed FROM read_payment
        WHERE account = %s ORDER BY sequence"""
    return [
        PaymentStanding(*row[:2], trimmed(row[2]), *row[3:7], trimmed(row[7]), trimmed(row[8]), allocated.get(row[0], {}))
        for row in bulk.fetch(statement, [account])
    ]


def find_payment(account: str, name: str, payments: Sequence[PaymentStanding] | None = None) -> PaymentStanding:
    """A payment by its id, its reference (where only one has it) or its position in the account's list (from 1); with no name the newest.

    Raises NotFound `unknown_payment`, Conflict `which_payment`.
    """
    listed = payments_of(account) if payments is None else list(payments)
    if not name:
        if not listed:
            raise NotFound("unknown_payment", "the account has no payment", at="payment")
        return listed[-1]
    named = [one for one in listed if one.payment == name] or [one for one in listed if one.reference == name]
    if len(named) > 1:
        known = ", ".join(one.payment for one in named)
        raise Conflict("which_payment", f"{len(named)} payments have the reference {name!r}; name one of {known}", at="payment")
    if named:
        return named[0]
    if name.isdigit() and 1 <= int(name) <= len(listed):
        return listed[int(name) - 1]
    known_names = [one.payment for one in listed] + [one.reference for one in listed if one.reference]
    raise NotFound("unknown_payment", f"the account has no payment {name!r}{suggestion(name, known_names)}", at="payment")


def find_row(table: str, columns: str, account: str, name: str, *, what: str, also: int = 0) -> tuple[Any, ...]:
    """A row of one of the tables of payments/models.py by its id or its position in the account's list (from 1); with no name the newest.

    The first column is the id; `also` is the place of another column by which it may be named, where only one row bears that name.
    Raises NotFound `unknown_thing`.
    """
    rows = bulk.fetch(f"SELECT {columns} FROM {table} WHERE account = %s ORDER BY sequence", [account])  # noqa: S608 - literals of callers
    named = [row for row in rows if row[0] == name] or [row for row in rows if also and row[also] == name]
    if not named and name.isdigit():
        named = rows[int(name) - 1 : int(name)] if int(name) else []
    if not name:
        named = rows[-1:]
    if len(named) != 1:
        hint = suggestion(name, [row[0] for row in rows])
        message = f"the account {account} has no {what} {name}{hint}" if name else f"the account {account} has no {what}"
        raise NotFound("unknown_thing", message, at=what)
    return tuple(trimmed(value) if isinstance(value, Decimal) else value for value in named[0])


def credit_of(state: AccountState, currency: str) -> Decimal:
    """The customer's unused money, positive."""
    return state.credit.get(currency, ZERO)
