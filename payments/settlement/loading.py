"""Reading what surcharges look at: documents that cost more by the day, with their past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from billing import bulk
from billing.events import PayBy
from billing.loading import trimmed
from billing.state import CUSTOMER_OWES, AccountState
from payments.interest.loading import document_of, past_of
from payments.interest.target import Charged, LateDocument

ITEM = "surcharge"


@dataclass(frozen=True)
class Costly:
    """A document with the steps of its surcharge, what was charged so far, and what the catalogue said of it then."""

    document: LateDocument
    steps: tuple[PayBy, ...]
    charged: Charged
    name: str
    tax_category: str
    bill: str
    catalogue: str
    version: int
    inclusive: bool


def costly(states: Mapping[str, AccountState]) -> dict[str, list[Costly]]:
    """account → its documents with surcharges on which something is open, or on which something changed when they were late."""
    statement = """
        SELECT i.account, i.invoice, i.number, i.currency, i.due, i.total, i.status,
            array_agg(p.until ORDER BY p.until), array_agg(p.percent ORDER BY p.until),
            p.name, p.tax_category, p.bill, p.catalogue, p.version, p.inclusive
        FROM read_pay_by p JOIN read_invoice i USING (invoice)
        WHERE p.account = ANY(%s) AND p.percent > 0 AND i.document = ANY(%s)
            AND (i.open > 0 OR i.invoice IN (SELECT invoice FROM read_late_document WHERE account = ANY(%s)))
        GROUP BY i.account, i.invoice, i.number, i.currency, i.due, i.total, i.status, i.sequence, p.name, p.tax_category, p.bill,
            p.catalogue, p.version, p.inclusive
        ORDER BY i.account, i.sequence"""
    rows = bulk.fetch(statement, [list(states), list(CUSTOMER_OWES), list(states)])
    if not rows:
        return {}
    past = past_of([row[:7] for row in rows], {name: state.zone for name, state in states.items()}, ITEM)
    found: dict[str, list[Costly]] = {}
    for account, *row in rows:
        days, percents, *said = row[6:]
        steps = tuple(PayBy(until=day, percent=trimmed(percent)) for day, percent in zip(days, percents, strict=True))
        document = document_of(row[:6], past)
        found.setdefault(account, []).append(Costly(document, steps, past.charged.get(document.invoice, Charged({})), *said))
    return found
