"""A document, explained: the postings that say what is open on it, its lines with their taxes, and the charges behind each line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from billing.events import BalanceOpened, CreditNoteIssued, DocumentLine, InvoiceIssued
from billing.journal import Recorded
from billing.queries.history import summary
from billing.queries.status import money_text
from billing.queries.why.charges import charge_node, span_text
from billing.queries.why.evidence import Evidence
from billing.queries.why.tree import Node
from plans.money import plain

NAMES = {
    "invoice": "Invoice",
    "debit_note": "Debit note",
    "statement": "Statement",
    "credit_note": "Credit note",
    "opening": "Balance brought over",
}


def document_node(document: str, evidence: Evidence, *, only_lines: Collection[int] = ()) -> Node:
    """The tree below one document; with `only_lines` just these lines (from 1)."""
    recorded = evidence.events[document]
    event: Any = recorded.event
    moved = tuple(_posting_nodes(document, evidence))
    if isinstance(event, BalanceOpened):
        facts = {"reference": event.reference, "due": str(event.due or "")}
        values = {"document": "opening", "number": "", "due": event.due}
        return Node("document", NAMES["opening"], event.amount, event.currency, document, facts, moved, values)
    lines = tuple(
        line_node(position, line, event.currency, evidence)
        for position, line in enumerate(event.lines, start=1)
        if not only_lines or position in only_lines
    )
    kind = event.document if isinstance(event, InvoiceIssued) else "credit_note"
    values = {"document": kind, "number": event.number, "issued": event.issued, "due": getattr(event, "due", None)}
    return Node("document", document_title(event), event.total, event.currency, recorded.address, _facts(event), (*moved, *lines), values)


def document_title(event: InvoiceIssued | CreditNoteIssued) -> str:
    kind = event.document if isinstance(event, InvoiceIssued) else "credit_note"
    return f"{NAMES[kind]} {event.number or '(no number yet)'}"


def _facts(event: InvoiceIssued | CreditNoteIssued) -> dict[str, str]:
    facts = {"issued": f"{event.issued}", "net": money_text(event.net, event.currency), "tax": money_text(event.tax, event.currency)}
    if isinstance(event, InvoiceIssued):
        facts |= {"due": f"{event.due}", "terms": event.terms}
    else:
        facts |= {"corrects": event.invoice_number, "reason": event.reason}
    place = " ".join(part for part in (event.place.country, event.place.region, event.place.city) if part)
    return {name: value for name, value in (facts | {"taxed in": place}).items() if value}


def _posting_nodes(document: str, evidence: Evidence) -> Iterable[Node]:
    """What was posted to the document, and by which event: together it is what is open."""
    mine = [posted for posted in evidence.postings if posted.invoice == document]
    if not mine:
        return
    left = sum((posted.amount for posted in mine), Decimal(0))
    children = []
    for posted in mine:
        source = evidence.events.get(posted.address)
        title = event_title(source) if source else posted.ledger
        facts = {"ledger": posted.ledger, "on": f"{posted.effective_at:%Y-%m-%d}"}
        values = {"event": source.event if source else None, "on": posted.effective_at}
        children.append(Node("posting", title, posted.amount, posted.currency, posted.address, facts, values=values))
    title = "open" if left else "nothing open"
    said = f"{title}: the sum of {len(mine)} postings"
    yield Node("postings", said, left, mine[0].currency, children=tuple(children), values={"open": bool(left)})


def event_title(recorded: Recorded) -> str:
    """The event in a few words: its document, its payment, else its kind."""
    event = recorded.event
    if isinstance(event, InvoiceIssued | CreditNoteIssued):
        return document_title(event)
    channel = getattr(event, "channel", "")
    reference = getattr(event, "reference", "") or getattr(event, "reason", "")
    return " ".join(part for part in (event.kind.replace(".", " ").replace("_", " "), channel, reference) if part)


def line_node(position: int, line: DocumentLine, currency: str, evidence: Evidence) -> Node:
    facts = {"for": span_text(line.start, line.end), "corrects": line.corrects}
    if line.discount:
        facts["share of discounts"] = plain(line.discount)
    at = f" at {line.unit_price}" if line.unit_price else ""
    title = f"line {position}: {line.name}, {plain(line.quantity)}{f' {line.unit}' if line.unit else ''}{at}"
    taxes = [
        Node(
            "tax",
            f"{tax.name or tax.code} {f'{tax.rate} % ' if tax.rate else ''}of {money_text(tax.base, currency)}",
            tax.tax,
            currency,
            facts=_why(tax.reason),
            values={"name": tax.name or tax.code, "rate": tax.rate, "base": tax.base},
        )
        for tax in line.taxes
    ]
    charges = [charge_node(address, evidence) for address in line.charges]
    shown = {name: value for name, value in facts.items() if value}
    return Node("line", title, line.amount, currency, facts=shown, children=(*charges, *taxes), values=vars(line))


def _why(reason: str) -> dict[str, str]:
    return {"because": reason} if reason else {}


def event_node(recorded: Recorded, access: Mapping[str, Sequence[Node]] = MappingProxyType({})) -> Node:
    """Any other event: its facts, its postings, and what the account may do otherwise because of it (`access`, by address)."""
    event: Any = recorded.event
    entry = getattr(event, "entry", None)
    legs = () if entry is None else entry.postings
    children = tuple(Node("posting", leg.ledger, leg.amount, leg.currency, leg.invoice) for leg in legs) + tuple(
        access.get(recorded.address, ())
    )
    amount = getattr(event, "amount", None)
    currency = getattr(event, "currency", "")
    facts = {"on": f"{recorded.effective_at:%Y-%m-%d %H:%M}", "by": recorded.actor, "": summary(event)}
    values = {"event": event, "on": recorded.effective_at}
    return Node("event", event_title(recorded), amount, currency, recorded.address, facts, children, values)
