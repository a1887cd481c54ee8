"""What tests of the books share: every state is made by commands, and the laws that hold after any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing import bulk, clockwork
from billing.engine import Outcome, Request, execute
from billing.usage import ingest

CATALOGUE = """
catalogue: test
currency: EUR
zone: UTC
seller: {name: Test Ltd, country: ES}
tax: {level: line}
taxes:
  vat: {rate: 21, country: ES, categories: [standard]}
terms: {net-14: {days: 14}}
meters:
  calls: {aggregate: sum}
  peak: {aggregate: max}
items:
  router: {name: Router, price: {model: unit, amount: "80.00"}, tax: standard, stock: true}
  ticket: {name: Ticket, price: {model: unit, amount: "9.50"}, tax: standard}
plans:
  basic:
    name: Basic
    public: true
    terms: net-14
    items:
      fee: {charge: fee, name: Basic fee, period: 1 month, timing: advance, price: {model: flat, amount: "19.95"}, tax: standard}
  pro:
    name: Pro
    public: true
    terms: net-14
    items:
      fee: {charge: fee, name: Pro fee, period: 1 month, timing: advance, price: {model: flat, amount: "49.90"}, tax: standard}
  seats:
    name: Seats
    public: true
    items:
      seat: {charge: fee, name: Seat, period: 1 month, timing: advance, price: {model: unit, amount: "7.00"}, tax: standard}
      calls:
        charge: usage
        name: Calls
        period: 1 month
        meter: calls
        price: {model: graduated, tiers: [{up_to: 10, unit: "1.00"}, {up_to: 20, unit: "0.50"}, {unit: "0.333"}]}
        tax: standard
  partner:
    name: Partner
    items:
      share: {charge: fee, name: Share, period: 1 month, timing: advance, owes: us, price: {model: flat, amount: "70.00"}}
  metered:
    name: Metered
    items:
      calls:
        charge: usage
        name: Calls
        period: 1 month
        meter: calls
        price: {model: volume, tiers: [{up_to: 10, unit: "1.00"}, {unit: "0.50"}]}
        minimum: "3.00"
        tax: standard
"""

START = datetime(2026, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    """`2026-03-01` or `2026-03-01T12:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def do(command: str, at: str | datetime = START, *, key: str = "", dry_run: bool = False, **arguments: Any) -> Outcome:
    """Run one command as the tester."""
    when = at if isinstance(at, datetime) else moment(at)
    return execute(Request(command, arguments, when, actor="tester", key=key, known_at=when), dry_run=dry_run)


def advance(until: str | datetime) -> clockwork.RunReport:
    """Bill everything that is due."""
    when = until if isinstance(until, datetime) else moment(until)
    return clockwork.run(until=when, actor="beat", known_at=when)


def publish(source: str = CATALOGUE, at: str | datetime = START) -> Outcome:
    return do("publish_catalogue", at, source=source)


def open_account(account: str = "ana", at: str | datetime = START, **details: Any) -> Outcome:
    return do("open_account", at, account=account, **({"country": "ES", "name": account.title()} | details))


def use(account: str, meter: str, *, arrived: str | datetime, records: list[dict[str, Any]]) -> Any:
    """Send usage records of one meter: `[{"id": …, "at": …, "value": …}]`."""
    when = arrived if isinstance(arrived, datetime) else moment(arrived)
    rows = [{"account": account, "meter": meter, **record} for record in records]
    return ingest(rows, source="test", arrived_at=when, known_at=when)


def sums(account: str | None = None) -> dict[tuple[str, str, str], Decimal]:
    """(contract, item, component and period) → what was accrued in all."""
    statement = """
        SELECT contract, item, component || ' ' || coalesce(period_start::date::text, ''), sum(amount) FROM read_charge
        WHERE %s::text IS NULL OR account = %s GROUP BY 1, 2, 3 HAVING sum(amount) <> 0"""
    return {(row[0], row[1], row[2]): row[3] for row in bulk.fetch(statement, [account, account])}


def owed(account: str = "ana") -> Decimal:
    rows = bulk.fetch("SELECT coalesce(sum(open), 0) FROM read_invoice WHERE account = %s AND status = 'open'", [account])
    return Decimal(rows[0][0])


def balance(ledger: str, account: str = "ana") -> Decimal:
    rows = bulk.fetch("SELECT coalesce(sum(amount), 0) FROM read_balance WHERE account = %s AND ledger = %s", [account, ledger])
    return Decimal(rows[0][0])


def documents(account: str = "ana") -> list[tuple[str, str, str, str]]:
    """(kind, number, total, open) of each document, in order; amounts as text with two decimals."""
    rows = bulk.fetch("SELECT document, number, total, open FROM read_invoice WHERE account = %s ORDER BY sequence", [account])
    return [(kind, number, f"{total:.2f}", f"{open_amount:.2f}") for kind, number, total, open_amount in rows]


def lines(invoice: str) -> list[tuple[str, str, str]]:
    """(item, amount, tax) of each line of the document with this number."""
    statement = """
        SELECT item, amount, line.tax FROM read_invoice_line line JOIN read_invoice USING (invoice) WHERE number = %s ORDER BY line"""
    return [(item, f"{amount:.2f}", f"{tax:.2f}") for item, amount, tax in bulk.fetch(statement, [invoice])]


@contextmanager
def undone() -> Iterator[None]:
    """A play that leaves nothing behind: for many examples in one test."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_books_hold() -> None:
    """The laws: entries balance, balances are the sums of postings, receivables by documents equal receivables by postings."""
    unbalanced = bulk.fetch("SELECT account, sequence FROM read_posting GROUP BY account, sequence, currency HAVING sum(amount) <> 0")
    assert unbalanced == []
    wrong = bulk.fetch(
        """SELECT account, ledger, currency FROM (
            SELECT account, ledger, currency, amount FROM read_balance
            UNION ALL SELECT account, ledger, currency, -sum(amount) FROM read_posting GROUP BY 1, 2, 3) AS both_sides
        GROUP BY 1, 2, 3 HAVING sum(amount) <> 0"""
    )
    assert wrong == []
    receivable = bulk.fetch(
        """SELECT invoice, sum(amount) FROM (
            SELECT invoice, open AS amount FROM read_invoice WHERE document IN ('invoice', 'debit_note', 'opening') AND status <> 'void'
            UNION ALL SELECT invoice, -sum(amount) FROM read_posting WHERE ledger = 'receivable' GROUP BY 1) AS both_sides
        GROUP BY 1 HAVING sum(amount) <> 0"""
    )
    assert receivable == []
    unbilled = bulk.fetch(
        """SELECT account, sum(amount) FROM (
            SELECT account, charge.amount FROM read_open_charge JOIN read_charge charge USING (account, sequence) WHERE charge.amount > 0
            OR charge.amount < 0
            UNION ALL SELECT account, -sum(amount) FROM read_posting WHERE ledger IN ('unbilled', 'accrued_payable')
                GROUP BY 1) AS both_sides
        GROUP BY 1 HAVING sum(amount) <> 0"""
    )
    assert unbilled == []
    assert_money_is_somewhere()


#: ledger → what its balance must be, said by the read models that wait for it.
WAITING = {
    "refunds_payable": "SELECT account, currency, -amount FROM read_refund WHERE status = 'requested'",
    "payouts_payable": "SELECT account, currency, -amount FROM read_payout WHERE status = 'requested'",
    "disputes": "SELECT account, currency, amount FROM read_dispute WHERE status IN ('open', 'under_review')",
    "credit_held": "SELECT account, currency, -from_credit FROM read_dispute WHERE status IN ('open', 'under_review')",
    "unidentified": 'SELECT account, currency, -"left" FROM read_receipt',
    "deposits": 'SELECT account, currency, -"left" FROM read_deposit',
}


def assert_money_is_somewhere() -> None:
    """What was taken off each document and is not open; what each waiting ledger holds; what went back of each payment."""
    statement = """
        SELECT i.number, i.total - i.open - coalesce(sum(a.amount), 0) FROM read_invoice i LEFT JOIN read_allocation a USING (invoice)
        WHERE i.document IN ('invoice', 'debit_note', 'opening') AND i.status <> 'void' GROUP BY i.invoice
        HAVING i.total - i.open <> coalesce(sum(a.amount), 0)"""
    assert bulk.fetch(statement) == []
    for ledger, waiting in WAITING.items():
        statement = f"""
            SELECT account, currency FROM (SELECT account, currency, -amount AS amount FROM read_balance WHERE ledger = %s
            UNION ALL {waiting}) AS both_sides GROUP BY 1, 2 HAVING sum(amount) <> 0"""
        assert bulk.fetch(statement, [ledger]) == [], ledger
    assert bulk.fetch("SELECT currency FROM read_balance WHERE ledger = 'transfer' GROUP BY 1 HAVING sum(amount) <> 0") == []
    statement = """
        SELECT payment FROM read_payment p WHERE refunded <>
            (SELECT coalesce(sum(amount), 0) FROM read_refund r WHERE r.payment = p.payment AND r.status <> 'failed')"""
    assert bulk.fetch(statement) == []
    statement = """
        SELECT i.number FROM read_invoice i WHERE held <> (SELECT coalesce(sum(amount), 0) FROM read_hold h
            WHERE h.invoice = i.invoice AND h.status = 'open')"""
    assert bulk.fetch(statement) == []
    prepaid = bulk.fetch(
        """SELECT account, currency, sum(amount) FROM (
            SELECT account, currency, paid_left AS amount FROM read_wallet_lot
            UNION ALL SELECT account, currency, amount FROM read_balance WHERE ledger = 'prepaid') AS both_sides
        GROUP BY 1, 2 HAVING sum(amount) <> 0"""
    )
    assert prepaid == []
    overdrawn = bulk.fetch(
        """SELECT account, currency, sum(amount) FROM (
            SELECT account, currency, owed AS amount FROM read_wallet WHERE unit = currency
            UNION ALL SELECT account, currency, -amount FROM read_balance WHERE ledger = 'overdrawn') AS both_sides
        GROUP BY 1, 2 HAVING sum(amount) <> 0"""
    )
    assert overdrawn == []
