"""What the tables that sum postings say, held against the postings; and the numbers of documents, held against their counters."""

from __future__ import annotations

from collections.abc import Iterator

from billing import bulk, ledgers
from billing.verification.faults import Fault
from billing.verification.parts import Part


def differing_sums(part: Part, *, balanced: bool) -> Iterator[Fault]:
    """`balanced`: the rows are known to be those of entries that sum to zero."""
    for check in (_balances, _months, _receivables, _wallets) if balanced else (_unbalanced, _balances, _months, _receivables, _wallets):
        yield from check(part)


def _unbalanced(part: Part) -> Iterator[Fault]:
    condition, values = part.where("account")
    statement = f"""
        SELECT account, sequence, currency, sum(amount) FROM read_posting WHERE {condition}
        GROUP BY account, sequence, currency HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608 - literals
    for account, sequence, currency, off in bulk.fetch(statement, values):
        yield Fault("unbalanced_postings", f"{account}/{sequence}", f"its posting rows sum to {off.normalize():f} {currency}, not to zero")


def _balances(part: Part) -> Iterator[Fault]:
    condition, values = part.where("account")
    statement = f"""
        SELECT account, ledger, currency, sum(amount) FROM (
            SELECT account, ledger, currency, amount FROM read_balance UNION ALL SELECT account, ledger, currency, -amount FROM read_posting
        ) AS both_sides WHERE {condition} GROUP BY account, ledger, currency HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608
    for account, ledger, currency, off in bulk.fetch(statement, values):
        yield Fault("wrong_balance", f"{account} {ledger}", f"the balance is {off.normalize():f} {currency} above the sum of its postings")


def _months(part: Part) -> Iterator[Fault]:
    """What moved in each month = the postings that count in it."""
    condition, values = part.where("account")
    statement = f"""
        SELECT account, ledger, currency, month, sum(amount) FROM (
            SELECT account, ledger, currency, month, amount FROM read_month_move
            UNION ALL SELECT account, ledger, currency, date_trunc('month', effective_at AT TIME ZONE 'UTC')::date, -amount
                FROM read_posting WHERE ledger = ANY(%s)
        ) AS both_sides WHERE {condition} GROUP BY 1, 2, 3, 4 HAVING sum(amount) <> 0 ORDER BY 1, 2, 4"""  # noqa: S608
    for account, ledger, currency, month, off in bulk.fetch(statement, [list(ledgers.WHO_OWES), *values]):
        message = f"what moved in {month:%Y-%m} is {off.normalize():f} {currency} above the sum of its postings"
        yield Fault("wrong_month", f"{account} {ledger}", message)


def _receivables(part: Part) -> Iterator[Fault]:
    """Open on a document = its own postings on receivable (or payable, where we owe)."""
    condition, values = part.where("account")
    statement = f"""
        SELECT account, invoice, max(number), sum(amount) FROM (
            SELECT account, invoice, number, CASE document WHEN 'statement' THEN -open ELSE open END AS amount FROM read_invoice
                WHERE document <> 'credit_note' AND status <> 'void'
            UNION ALL SELECT account, invoice, '', -amount FROM read_posting WHERE ledger IN ('receivable', 'payable')
        ) AS both_sides WHERE {condition} GROUP BY account, invoice HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608
    for account, invoice, number, off in bulk.fetch(statement, values):
        shown = f"{number} of {account}" if number else f"{invoice or 'no document'} of {account}"
        yield Fault("wrong_open_amount", invoice or account, f"{shown}: open is {off.normalize():f} above the sum of its postings")


def _wallets(part: Part) -> Iterator[Fault]:
    condition, values = part.where("account")
    statement = f"""
        SELECT account, ledger, currency, sum(amount) FROM (
            SELECT account, 'prepaid' AS ledger, currency, -paid_left AS amount FROM read_wallet_lot
            UNION ALL SELECT account, 'overdrawn', currency, owed FROM read_wallet WHERE unit = currency
            UNION ALL SELECT account, ledger, currency, -amount FROM read_posting WHERE ledger IN ('prepaid', 'overdrawn')
        ) AS both_sides WHERE {condition} GROUP BY account, ledger, currency HAVING sum(amount) <> 0 ORDER BY 1, 2"""  # noqa: S608
    for account, ledger, currency, off in bulk.fetch(statement, values):
        yield Fault("wrong_wallet", f"{account} {ledger}", f"the wallets say {off.normalize():f} {currency} above the sum of its postings")


# --- numbers ----------------------------------------------------------------------------------------------------------------------


def differing_numbers() -> Iterator[Fault]:
    """Per seller and series: as many documents as the counter drew, each with the number that its place says."""
    counted = {(seller, series): value for seller, series, value in bulk.fetch("SELECT seller, series, value FROM counter")}
    held: dict[tuple[str, str], list[tuple[str, str]]] = {}
    statement = "SELECT seller, series, number, invoice FROM read_invoice WHERE series <> '' ORDER BY seller, series, account, sequence"
    for seller, series, number, invoice in bulk.fetch(statement):
        held.setdefault((seller, series), []).append((number, invoice))
    for (seller, series), documents in sorted(held.items()):
        drawn = counted.get((seller, series), 0)
        numbers = {number for number, _ in documents}
        wanted = [series.format(number=value) for value in range(1, drawn + 1)]
        for number in wanted:
            if number not in numbers:
                yield Fault("missing_number", f"{seller} {number}", f"no document bears the number {number} of the series {series}")
        known = set(wanted)
        for number, invoice in documents:
            if number not in known:
                yield Fault("foreign_number", invoice, f"{number or 'no number'} was never drawn from the series {series}")
