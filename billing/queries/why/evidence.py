"""Everything that a tree needs, read in a few statements: the events behind documents and charges, and what was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.events import AdjustmentMade, ChargeAccrued, CreditNoteIssued, InvoiceIssued, SaleMade
from billing.journal import Recorded, split_address
from billing.loading import load_one, policy
from billing.measuring import measure_steps
from billing.queries.history import events_at
from billing.schedule import Step
from plans.errors import Refusal
from plans.metering import Measured
from plans.periods import Span

CHARGES = (ChargeAccrued, SaleMade, AdjustmentMade)
PeriodKey = tuple[str, str, datetime]


@dataclass(frozen=True)
class Posted:
    """One leg that touched a document or the customer's credit."""

    address: str
    ledger: str
    currency: str
    amount: Decimal
    invoice: str
    effective_at: datetime


@dataclass(frozen=True)
class RawRecord:
    """A usage record as its source sent it."""

    reference: str
    at: datetime
    value: Decimal | None
    amount: Decimal | None
    recorded_at: datetime


@dataclass
class Evidence:
    """What was read for one account. `events` holds documents, charges, what set their terms, and whatever moved the documents."""

    account: str
    events: dict[str, Recorded] = field(default_factory=dict)
    measured: dict[PeriodKey, dict[Span, Measured]] = field(default_factory=dict)
    records: dict[str, RawRecord] = field(default_factory=dict)
    postings: list[Posted] = field(default_factory=list)

    def charge(self, address: str) -> Recorded | None:
        recorded = self.events.get(address)
        return recorded if recorded and isinstance(recorded.event, CHARGES) else None


def gather(account: str, *, documents: Collection[str] = (), charges: Collection[str] = (), others: Collection[str] = ()) -> Evidence:
    """Read the documents with their lines' charges, the charges named, and whatever these lead to."""
    evidence = Evidence(account)
    evidence.postings = postings_of(account, documents)
    evidence.events = events_at({*documents, *charges, *others, *(posted.address for posted in evidence.postings)})
    digested = {address for name in documents if name in evidence.events for address in charges_of(evidence.events[name])}
    evidence.events |= events_at(digested - set(evidence.events))
    found = [recorded for recorded in evidence.events.values() if isinstance(recorded.event, CHARGES)]
    evidence.events |= events_at({address for recorded in found if (address := terms_address(recorded))} - set(evidence.events))
    _measure(evidence, [recorded for recorded in found if isinstance(recorded.event, ChargeAccrued)])
    return evidence


def charges_of(recorded: Recorded) -> list[str]:
    event = recorded.event
    return [address for line in event.lines for address in line.charges] if isinstance(event, InvoiceIssued | CreditNoteIssued) else []


def terms_address(recorded: Recorded) -> str:
    """The address of the event that set the terms of a charge. A key names them `5`, or with list entry or phase."""
    event = recorded.event
    if isinstance(event, ChargeAccrued):
        sequence = event.key.terms.partition("@")[0].partition("+")[0]
        return f"{recorded.stream}/{sequence}" if sequence.isdigit() else ""
    return getattr(event, "contract", "")


def postings_of(account: str, documents: Collection[str]) -> list[Posted]:
    """Every leg on the receivable or payable of these documents, in order. Nothing is posted to a document before its own event, so what
    the account did before the oldest of them is not read."""
    if not documents:
        return []
    first = min(split_address(name)[1] for name in documents)
    statement = """
        SELECT sequence, ledger, currency, amount, invoice, effective_at FROM read_posting
        WHERE account = %s AND sequence >= %s AND invoice = ANY(%s) AND invoice <> '' ORDER BY sequence, leg"""
    return [Posted(f"{account}/{row[0]}", *row[1:]) for row in bulk.fetch(statement, [account, first, list(documents)])]


def credit_postings(account: str, currency: str, limit: int) -> list[Posted]:
    """The last legs on the customer's credit, in order."""
    statement = """
        SELECT sequence, ledger, currency, amount, invoice, effective_at FROM read_posting
        WHERE account = %s AND ledger = 'credit' AND currency = %s ORDER BY sequence DESC, leg LIMIT %s"""
    rows = bulk.fetch(statement, [account, currency, limit])
    return [Posted(f"{account}/{row[0]}", *row[1:]) for row in reversed(rows)]


# --- measurements -----------------------------------------------------------------------------------------------------------------


def _measure(evidence: Evidence, charges: Iterable[Recorded]) -> None:
    """Measure again, by the tick's own functions, the periods of usage charges; policy that is gone leaves them unexplained."""
    keys = [recorded.event.key for recorded in charges if isinstance(recorded.event, ChargeAccrued)]
    wanted = {(key.contract, key.item, key.period_start) for key in keys}
    if not wanted:
        return
    state = load_one(evidence.account)
    rows = [row for row in state.periods if (row.contract, row.item, row.start) in wanted and row.start < row.end]
    if not rows:
        return
    try:
        usage = measure_steps({state.account: Step(rows[-1].end, closing=rows)}, {state.account: state}, policy())
    except Refusal:
        return
    for key, found in usage.get(state.account, {}).items():
        evidence.measured[key] = dict(found.measured)
    references = {name for spans in evidence.measured.values() for one in spans.values() for name in one.counted}
    evidence.records = raw_records(evidence.account, references)


def raw_records(account: str, references: Collection[str]) -> dict[str, RawRecord]:
    """reference (`source/id`) → the record."""
    pairs = [reference.partition("/") for reference in references]
    if not pairs:
        return {}
    statement = """
        SELECT r.source || '/' || r.record, r.at, r.value, r.amount, r.recorded_at
        FROM unnest(%s::text[], %s::text[]) AS given(source, record)
        JOIN usage_key k ON k.source = given.source AND k.record = given.record
        JOIN usage_record r ON r.account = %s AND r.source = k.source AND r.record = k.record AND r.at = k.at"""
    rows = bulk.fetch(statement, [[pair[0] for pair in pairs], [pair[2] for pair in pairs], account])
    return {row[0]: RawRecord(*row) for row in rows}
