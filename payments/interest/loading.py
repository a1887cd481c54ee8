"""Reading what late interest looks at: the documents of the accounts that are late, with their past."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.due import DuePart
from billing.loading import trimmed
from billing.state import CUSTOMER_OWES, AccountState
from billing.terms import Policy
from payments.dunning.loading import late_amounts
from payments.dunning.policies import Followed, followed
from payments.interest.processor import ITEM
from payments.interest.target import Charged, Dated, LateDocument, Schedule
from plans import store
from plans.dunning import RateEntry
from plans.periods import local_date


@dataclass(frozen=True)
class Bearing:
    """An account's late documents with what was charged for each, and the terms and rates that hold."""

    chosen: Followed
    rates: tuple[RateEntry, ...]
    documents: tuple[tuple[LateDocument, Charged], ...]


@dataclass
class Past:
    """What became of documents, each by its id."""

    movements: dict[str, list[tuple[datetime, date, Decimal]]] = field(default_factory=dict)
    disputed: dict[str, list[Dated]] = field(default_factory=dict)
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)
    charged: dict[str, Charged] = field(default_factory=dict)
    late: Mapping[str, Decimal] = field(default_factory=dict)


def bearing(states: Mapping[str, AccountState], rules: Policy) -> dict[str, Bearing]:
    """account → what may bear interest; accounts that owe nothing late, or follow no policy with interest, are left out."""
    watched = {row[0] for row in bulk.fetch("SELECT DISTINCT account FROM read_late_document WHERE account = ANY(%s)", [list(states)])}
    owing = [name for name, state in states.items() if state.open_invoices or name in watched]
    policies = {name: one for name, one in followed(owing, rules).items() if one.policy.interest is not None}
    rows = _documents(policies)
    if not rows:
        return {}
    past = past_of(rows, {name: states[name].zone for name in policies}, ITEM)
    found: dict[str, list[tuple[LateDocument, Charged]]] = {}
    for account, *row in rows:
        document = document_of(row, past)
        found.setdefault(account, []).append((document, past.charged.get(document.invoice, Charged({}))))
    return {name: Bearing(policies[name], rates_of(policies[name]), tuple(documents)) for name, documents in found.items()}


def rates_of(chosen: Followed) -> tuple[RateEntry, ...]:
    """The rates by date: those of the list as the newest version of the catalogue has it, or the one rate of the policy."""
    terms = chosen.policy.interest
    assert terms is not None
    if terms.rates:
        return store.rates(chosen.catalogue.name).get(terms.rates, ())
    return (RateEntry(date.min, terms.rate or Decimal(0)),)


def _documents(accounts: Collection[str]) -> list[tuple[Any, ...]]:
    if not accounts:
        return []
    statement = """
        SELECT account, invoice, number, currency, due, total, status FROM read_invoice
        WHERE account = ANY(%s) AND document = ANY(%s) AND due IS NOT NULL
            AND (open > 0 OR invoice IN (SELECT invoice FROM read_late_document WHERE account = ANY(%s)))
        ORDER BY account, sequence"""
    return bulk.fetch(statement, [list(accounts), list(CUSTOMER_OWES), list(accounts)])


def document_of(row: list[Any], past: Past) -> LateDocument:
    """One of the rows of `_documents`, without its account."""
    invoice, number, currency, due, total, status = row
    return LateDocument(
        invoice=invoice,
        number=number or invoice,
        currency=currency,
        due=due,
        total=trimmed(total),
        late=past.late.get(invoice, Decimal(0)),
        movements=tuple(past.movements.get(invoice, ())),
        void=status == "void",
        disputed=tuple(past.disputed.get(invoice, ())),
        schedules=tuple(past.schedules.get(invoice, ())),
    )


def past_of(rows: Collection[tuple[Any, ...]], zones: Mapping[str, str], item: str) -> Past:
    """Of rows of `_documents`, with what was charged for each under this item; `zones` are those of the accounts."""
    names = [row[1] for row in rows]
    zone = {row[1]: zones[row[0]] for row in rows}
    past = Past(late=late_amounts(names))
    statement = f"""
        SELECT invoice, effective_at, sum(amount) FROM read_posting
        WHERE account = ANY(%s) AND ledger = '{ledgers.RECEIVABLE}' AND invoice = ANY(%s)
        GROUP BY account, sequence, invoice, effective_at ORDER BY effective_at, sequence"""  # noqa: S608 - a literal
    for invoice, at, amount in bulk.fetch(statement, [list(zones), names]):
        past.movements.setdefault(invoice, []).append((at, local_date(at, zone[invoice]), trimmed(amount)))
    statement = (
        "SELECT invoice, opened_at, closed_at, amount FROM read_hold WHERE account = ANY(%s) AND invoice = ANY(%s) ORDER BY sequence"
    )
    for invoice, opened, closed, amount in bulk.fetch(statement, [list(zones), names]):
        until = local_date(closed, zone[invoice]) if closed else None
        past.disputed.setdefault(invoice, []).append(Dated(local_date(opened, zone[invoice]), until, trimmed(amount)))
    _schedules(past, names, zone)
    _charged(past, list(zones), names, zone, item)
    return past


def _schedules(past: Past, names: list[str], zone: Mapping[str, str]) -> None:
    statement = """
        SELECT invoice, since, until, array_agg(due ORDER BY position), array_agg(amount ORDER BY position) FROM read_due_part
        WHERE invoice = ANY(%s) GROUP BY account, sequence, invoice, since, until ORDER BY sequence"""
    for invoice, since, until, dues, amounts in bulk.fetch(statement, [names]):
        parts = tuple(DuePart(due, trimmed(amount)) for due, amount in zip(dues, amounts, strict=True))
        ended = local_date(until, zone[invoice]) if until else None
        past.schedules.setdefault(invoice, []).append(Schedule(local_date(since, zone[invoice]), ended, parts))


def _charged(past: Past, accounts: list[str], names: list[str], zone: Mapping[str, str], item: str) -> None:
    statement = """
        SELECT split_part(terms, '@', 1), period_start, sum(amount), max("end") FROM read_charge
        WHERE account = ANY(%s) AND contract = '' AND item = %s AND split_part(terms, '@', 1) = ANY(%s) GROUP BY 1, 2"""
    found: dict[str, dict[date, Decimal]] = {}
    through: dict[str, date] = {}
    for invoice, start, amount, end in bulk.fetch(statement, [accounts, item, names]):
        found.setdefault(invoice, {})[local_date(start, zone[invoice])] = trimmed(amount)
        ends = local_date(end, zone[invoice])
        through[invoice] = max(ends, through.get(invoice, ends))
    past.charged = {invoice: Charged(lines, through[invoice]) for invoice, lines in found.items()}
