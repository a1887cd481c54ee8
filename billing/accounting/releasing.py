"""What a person takes back of a charge in advance: first what is not earned yet, which then never will be; the rest goes off revenue.

So a year that is taken back after two months costs no revenue of the ten to come (`deferred` against the customer), and what was earned
by the day of the note is a `credit_notes` of its own. What is left unearned is earned by the days that are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from billing import bulk, ledgers
from billing.accounting.recognition import Deferred, books_zone, deferred_rows, earned
from billing.events import CreditNoteIssued, DocumentLine, Entry, InvoiceVoided, Key, Posting, Released
from billing.journal import split_address
from billing.state import AccountState
from billing.terms import Policy
from plans.periods import local_date

ZERO = Decimal(0)
#: Addresses of the charges on one line of a document, and what is taken back of it (before document discounts; negative off a discount).
Taken = tuple[Sequence[str], Decimal]


def released(
    state: AccountState, policy: Policy, taken: Sequence[Taken], *, at: datetime, before: Iterable[Released] = ()
) -> tuple[Released, ...]:
    """What of the taken is not earned by the day of `at`, per key: of a line with several keys the latest service first. `before` is what
    the same command releases already."""
    rows = {row.key: row for row in deferred_rows([state.account]).get(state.account, ())}
    for one in before:
        rows[one.key] = after_release(rows[one.key], one)
    keys = _keys(state.account, [address for addresses, _ in taken for address in addresses]) if rows else {}
    found: list[Released] = []
    for addresses, amount in taken:
        missing = amount
        on_line = {keys[address] for address in addresses if keys.get(address) in rows}
        for key in sorted(on_line, key=lambda one: (rows[one].start, one.component), reverse=True):
            one = release(rows[key], missing, state, policy, at)
            if one.amount:
                rows[key] = after_release(rows[key], one)
                found.append(one)
                missing -= one.amount
    return tuple(found)


def release(row: Deferred, amount: Decimal, state: AccountState, policy: Policy, at: datetime) -> Released:
    """As much of `amount` as the key has not earned by the local day; nothing where their signs differ."""
    day = max(local_date(at, state.zone), local_date(row.after, books_zone(row, state, policy)))
    settled = earned(row, until=day, zone=state.zone)
    unearned = row.charged - settled
    most = min(amount, unearned) if amount > 0 else max(amount, unearned)
    return Released(key=row.key, amount=most if amount * unearned > 0 else ZERO, since=day, settled=settled)


def after_release(row: Deferred, one: Released) -> Deferred:
    return replace(row, charged=row.charged - one.amount, since=one.since, settled=one.settled)


def _keys(account: str, addresses: Sequence[str]) -> Mapping[str, Key]:
    statement = """
        SELECT sequence, contract, item, terms, period_start, component, currency FROM read_charge
        WHERE account = %s AND sequence = ANY(%s) AND kind = 'accrual'"""
    given = [split_address(address)[1] for address in addresses]
    return {
        f"{account}/{sequence}": Key(contract=contract, item=item, terms=terms, period_start=start, component=component, currency=currency)
        for sequence, contract, item, terms, start, component, currency in bulk.fetch(statement, [account, given])
    }


def note_taken(issued: Sequence[DocumentLine], note: CreditNoteIssued) -> list[Taken]:
    """What a credit note takes back of the lines of its document: both as charged."""
    return [(issued[int(line.corrects.rpartition("#")[2]) - 1].charges, line.amount - line.discount) for line in note.lines]


def with_released(event: CreditNoteIssued | InvoiceVoided, found: Sequence[Released]) -> CreditNoteIssued | InvoiceVoided:
    """The event with what it releases, taken from what it would have put into `credit_notes`."""
    entry = event.entry
    for currency in {one.key.currency for one in found}:
        amount = sum((one.amount for one in found if one.key.currency == currency), ZERO)
        entry = _moved(entry, currency, amount)
    return replace(event, released=tuple(found), entry=entry)


def _moved(entry: Entry, currency: str, amount: Decimal) -> Entry:
    first = Posting(ledger=ledgers.DEFERRED, amount=amount, currency=currency)
    postings, missing = [first] if amount else [], amount
    for posting in entry.postings:
        if posting.ledger == ledgers.CREDIT_NOTES and posting.currency == currency:
            posting, missing = replace(posting, amount=posting.amount - missing), ZERO
        if posting.amount:
            postings.append(posting)
    assert not missing, f"nothing to release from in {entry}"
    return replace(entry, postings=tuple(postings))
