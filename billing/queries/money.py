"""Sums of postings and open documents: now from the balances that are kept, for any two dates from the postings themselves.

Two dates: `as_of` counts what is effective up to and including it; `known_at` what was recorded up to and including it. The same
question with the same two dates has the same answer for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.due import DuePart
from billing.loading import trimmed
from billing.state import CUSTOMER_OWES as CUSTOMER_OWES

ZERO = Decimal(0)
SHOWN_LEDGERS = ledgers.WHO_OWES
KNOWN_BY = """
    EXISTS (SELECT 1 FROM journal WHERE journal.stream = {address}.account AND journal.sequence = {address}.sequence
    AND journal.recorded_at <= %s)"""


@dataclass(frozen=True)
class Dates:
    """The two time axes of a question; both None: now, everything known."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def now(self) -> bool:
        return self.as_of is None and self.known_at is None

    def condition(self, *, effective: str, address: str) -> tuple[str, list[Any]]:
        """SQL that keeps rows within the dates. `address` is the alias of a table whose account and sequence name the event."""
        parts, parameters = [], []
        if self.as_of is not None:
            parts.append(f"{effective} <= %s")
            parameters.append(self.as_of)
        if self.known_at is not None:
            parts.append(KNOWN_BY.format(address=address))
            parameters.append(self.known_at)
        return "".join(f" AND {part}" for part in parts), parameters


@dataclass(frozen=True)
class OpenDocument:
    """A document with what is (or at that time was) to be paid on it."""

    invoice: str
    number: str
    document: str
    currency: str
    issued: date
    due: date | None
    total: Decimal
    open: Decimal
    held: Decimal = ZERO  # the part that the customer disputes: owed, and not overdue until the dispute is over
    parts: tuple[DuePart, ...] = ()  # when it is due: on one day, or in parts


#: `ledgers.WHO_OWES` as a condition. Only their postings have an index by account and ledger, and it is found by those who ask in these
#: words or name one of the three in the statement itself.
OF_WHO_OWES = "ledger IN ('receivable', 'credit', 'payable')"

Balances = dict[str, dict[tuple[str, str], Decimal]]  # account -> (currency, ledger) -> amount, debit positive


def balances(accounts: Collection[str], dates: Dates) -> Balances:
    """The sums of the ledgers that say who owes: receivable, credit and payable."""
    if dates.now:
        statement = "SELECT account, currency, ledger, amount FROM read_balance WHERE account = ANY(%s) AND ledger = ANY(%s)"
        rows = bulk.fetch(statement, [list(accounts), list(SHOWN_LEDGERS)])
    elif dates.as_of is not None and dates.known_at is None:
        rows = _balances_as_of(list(accounts), dates.as_of.astimezone(UTC))
    else:
        condition, parameters = dates.condition(effective="p.effective_at", address="p")
        statement = f"""
            SELECT account, currency, ledger, sum(amount) FROM read_posting p WHERE account = ANY(%s) AND {OF_WHO_OWES}{condition}
            GROUP BY account, currency, ledger"""  # noqa: S608 - the parts are literals of this module
        rows = bulk.fetch(statement, [list(accounts), *parameters])
    found: Balances = {}
    for account, currency, ledger, amount in rows:
        found.setdefault(account, {})[currency, ledger] = trimmed(amount)
    return found


def ledger_balances(account: str, dates: Dates) -> list[tuple[str, str, Decimal]]:
    """(ledger, currency, amount) of every ledger in which the account has something, debit positive."""
    condition, parameters = dates.condition(effective="p.effective_at", address="p")
    statement = f"""
        SELECT ledger, currency, sum(amount) FROM read_posting p WHERE account = %s{condition}
        GROUP BY ledger, currency HAVING sum(amount) <> 0 ORDER BY ledger, currency"""  # noqa: S608 - the parts are literals of this module
    return [(ledger, currency, trimmed(amount)) for ledger, currency, amount in bulk.fetch(statement, [account, *parameters])]


def _balances_as_of(accounts: list[str], moment: datetime) -> list[tuple[Any, ...]]:
    """The months before the one of the moment, and that month's postings: as cheap after ten years as after one (RULES 36)."""
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    statement = f"""
        SELECT account, currency, ledger, sum(amount) FROM (
            SELECT account, currency, ledger, amount FROM read_month_move WHERE account = ANY(%s) AND ledger = ANY(%s) AND month < %s
            UNION ALL SELECT account, currency, ledger, amount FROM read_posting
                WHERE account = ANY(%s) AND {OF_WHO_OWES} AND effective_at >= %s AND effective_at <= %s
        ) AS moved GROUP BY account, currency, ledger"""  # noqa: S608 - a literal
    return bulk.fetch(statement, [accounts, list(SHOWN_LEDGERS), month.date(), accounts, month, moment])


def open_documents(accounts: Collection[str], dates: Dates) -> dict[str, list[OpenDocument]]:
    """account → its documents with something open, by due date. Past amounts are sums of the documents' own postings."""
    fields = "i.account, i.invoice, i.number, i.document, i.currency, i.issued, i.due, i.total"
    order = "ORDER BY i.account, i.due NULLS LAST, i.sequence"
    if dates.now:
        statement = f"""
            SELECT {fields}, i.open, least(i.held, i.open) FROM read_invoice i
            WHERE i.account = ANY(%s) AND i.open > 0 AND i.status = 'open' {order}"""  # noqa: S608
        rows = bulk.fetch(statement, [list(accounts)])
    else:
        condition, parameters = dates.condition(effective="p.effective_at", address="p")
        held, held_values = _held_then(accounts, dates)
        statement = f"""
            SELECT {fields}, abs(p.amount), least(coalesce(held.amount, 0), abs(p.amount)) FROM (
                SELECT account, invoice, sum(amount) AS amount FROM read_posting p
                WHERE account = ANY(%s) AND ledger IN ('{ledgers.RECEIVABLE}', '{ledgers.PAYABLE}') AND invoice <> ''{condition}
                GROUP BY account, invoice HAVING sum(amount) <> 0
            ) AS p JOIN read_invoice i ON i.invoice = p.invoice LEFT JOIN ({held}) AS held ON held.invoice = p.invoice {order}"""  # noqa: S608
        rows = bulk.fetch(statement, [list(accounts), *parameters, *held_values])
    found: dict[str, list[OpenDocument]] = {}
    for account, *row in rows:
        found.setdefault(account, []).append(OpenDocument(*row[:6], *map(trimmed, row[6:])))
    return _with_parts(found, accounts, dates)


def _with_parts(found: dict[str, list[OpenDocument]], accounts: Collection[str], dates: Dates) -> dict[str, list[OpenDocument]]:
    """The documents with their due dates: their own, or those of a schedule that holds (or then held)."""
    parts = due_parts(accounts, dates)
    return {
        account: [replace(one, parts=parts.get(one.invoice) or ((DuePart(one.due, one.total),) if one.due else ())) for one in documents]
        for account, documents in found.items()
    }


def due_parts(accounts: Collection[str], dates: Dates | None = None) -> dict[str, tuple[DuePart, ...]]:
    """document → its due dates, for documents with several; now, or as they were."""
    dates = dates or Dates()
    set_by, set_values = dates.condition(effective="p.since", address="p")
    ended, ended_values = dates.condition(effective="p.until", address="e")
    ended = ended.replace("e.account", "p.account").replace("e.sequence", "p.ended")
    statement = f"""
        SELECT p.invoice, p.due, p.amount FROM read_due_part p
        WHERE p.account = ANY(%s){set_by} AND (p.until IS NULL OR NOT (true{ended})) ORDER BY p.invoice, p.due, p.position"""  # noqa: S608
    found: dict[str, tuple[DuePart, ...]] = {}
    for invoice, due, amount in bulk.fetch(statement, [list(accounts), *set_values, *ended_values]):
        found[invoice] = (*found.get(invoice, ()), DuePart(due, trimmed(amount)))
    return found


def _held_then(accounts: Collection[str], dates: Dates) -> tuple[str, list[Any]]:
    """SQL for invoice → what was disputed: opened by then and not over by then."""
    opened, opened_values = dates.condition(effective="h.opened_at", address="h")
    over, over_values = dates.condition(effective="r.effective_at", address="r")
    statement = f"""
        SELECT h.invoice, sum(h.amount) AS amount FROM read_hold h WHERE h.account = ANY(%s){opened} AND NOT EXISTS (
            SELECT 1 FROM (SELECT stream AS account, sequence, effective_at, data->>'hold' AS hold FROM journal
                WHERE kind = 'invoice.hold_released' AND stream = h.account) AS r WHERE r.hold = h.hold{over})
        GROUP BY h.invoice"""  # noqa: S608
    return statement, [list(accounts), *opened_values, *over_values]


def unbilled(accounts: Collection[str], dates: Dates) -> dict[str, dict[str, Decimal]]:
    """account → currency → charges that are recorded and on no issued document."""
    rows = _open_charges(accounts) if dates.now else _open_charges_then(accounts, dates)
    found: dict[str, dict[str, Decimal]] = {}
    for account, currency, amount in rows:
        sums = found.setdefault(account, {})
        sums[currency] = trimmed(sums.get(currency, ZERO) + amount)
    return found


def _open_charges(accounts: Collection[str]) -> Iterable[tuple[Any, ...]]:
    statement = """
        SELECT account, currency, sum(amount) FROM read_open_charge JOIN read_charge USING (account, sequence)
        WHERE account = ANY(%s) GROUP BY account, currency"""
    return bulk.fetch(statement, [list(accounts)])


def _open_charges_then(accounts: Collection[str], dates: Dates) -> Iterable[tuple[Any, ...]]:
    """Charges of then that no document of then, not voided by then, had digested."""
    names = list(accounts)
    charged, charged_values = dates.condition(effective="c.effective_at", address="c")
    issued, issued_values = dates.condition(effective="i.issued_at", address="i")
    voided, voided_values = dates.condition(effective="v.effective_at", address="v")
    statement = f"""
        WITH v AS (SELECT stream AS account, sequence, effective_at, data->>'invoice' AS invoice FROM journal
            WHERE kind = 'invoice.voided' AND stream = ANY(%s) AND NOT (data->>'forgive')::boolean),
        digested AS (
            SELECT jsonb_array_elements_text(line.detail->'charges') AS address
            FROM read_invoice i JOIN read_invoice_line line ON line.invoice = i.invoice
            WHERE i.account = ANY(%s){issued} AND NOT EXISTS (SELECT 1 FROM v WHERE v.invoice = i.invoice{voided}))
        SELECT c.account, c.currency, sum(c.amount) FROM read_charge c
        WHERE c.account = ANY(%s) AND c.invoice_when NOT IN ('never', 'wallet'){charged}
            AND NOT EXISTS (SELECT 1 FROM digested WHERE digested.address = c.account || '/' || c.sequence)
        GROUP BY c.account, c.currency HAVING sum(c.amount) <> 0"""  # noqa: S608
    return bulk.fetch(statement, [names, names, *issued_values, *voided_values, names, *charged_values])
