"""What issued documents say of the charges that are open now: read when a later difference has to correct a document.

Most runs find nothing here: a charge of a new period stands on no document yet. That is one statement for a whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from billing import bulk, journal
from billing.events import CreditNoteIssued, DocumentLine, InvoiceIssued
from billing.invoicing import ChargeKey, Correction, Issued, LineRef, Past
from billing.loading import trimmed
from billing.state import CUSTOMER_OWES, OpenCharge
from plans.errors import Conflict, NotFound
from plans.fields import suggestion

Document = InvoiceIssued | CreditNoteIssued


def load_past(charges: Mapping[str, Sequence[OpenCharge]]) -> dict[str, Past]:
    """account → the documents that its open charges may correct."""
    digested = _digested(charges)
    if not digested:
        return {}
    documents = load_documents({invoice for rows in digested.values() for invoice, _, _ in rows})
    return {account: _past(rows, documents) for account, rows in digested.items()}


Digested = list[tuple[str, str, ChargeKey]]  # document, address of the charge, key


def _digested(charges: Mapping[str, Sequence[OpenCharge]]) -> dict[str, Digested]:
    """The charges on issued documents that have a key of an open charge."""
    accrued = {account: [charge for charge in found if charge.kind == "accrual"] for account, found in charges.items()}
    sold = {(account, charge.key): charge for account, found in charges.items() for charge in found if charge.kind == "sale"}
    found: dict[str, Digested] = {}
    for account, sequence, invoice, key in sorted(_accrued(accrued) + _sold(list(sold.values())), key=lambda row: row[:2]):
        found.setdefault(account, []).append((invoice, f"{account}/{sequence}", key))
    return found


Rows = list[tuple[str, int, str, ChargeKey]]  # account and sequence of a charge, its document, its key


def _accrued(charges: Mapping[str, Sequence[OpenCharge]]) -> Rows:
    """One walk along the index for all of them: it may meet charges of other keys, which are left out here. Nearly always it meets none."""
    items = {charge.item for found in charges.values() for charge in found}
    starts = {charge.period_start for found in charges.values() for charge in found if charge.period_start is not None}
    if not items:
        return []
    statement = """
        SELECT account, sequence, invoice, contract, item, terms, period_start, component FROM read_charge
        WHERE account = ANY(%s) AND item = ANY(%s) AND period_start BETWEEN %s AND %s AND kind = 'accrual' AND invoice <> ''"""
    rows = bulk.fetch(statement, [sorted(account for account, found in charges.items() if found), sorted(items), min(starts), max(starts)])
    met = {row[0] for row in rows}
    keys = {(account, *charge.key[1:]): charge.key for account in met for charge in charges[account]}
    return [(account, sequence, invoice, keys[account, *key]) for account, sequence, invoice, *key in rows if (account, *key) in keys]


def _sold(charges: Sequence[OpenCharge]) -> Rows:
    """Of what came back, the sale itself: its address stands where an accrual has its terms."""
    returned = [(journal.split_address(charge.terms), charge) for charge in charges if charge.terms]
    if not returned:
        return []
    statement = """
        SELECT given.position, charge.account, charge.sequence, charge.invoice
        FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[]) AS given(position, account, sequence, contract, item)
        JOIN read_charge charge ON charge.account = given.account AND charge.sequence = given.sequence
            AND charge.contract = given.contract AND charge.item = given.item AND charge.invoice <> ''"""
    columns = [
        list(range(len(returned))),
        [address[0] for address, _ in returned],
        [address[1] for address, _ in returned],
        [charge.contract for _, charge in returned],
        [charge.item for _, charge in returned],
    ]
    return [
        (account, sequence, invoice, returned[position][1].key) for position, account, sequence, invoice in bulk.fetch(statement, columns)
    ]


@dataclass(frozen=True)
class Held:
    """A document as it was issued, what is open on it, what was written off and never came, and the later documents that correct it."""

    document: Document
    open: Decimal
    written_off: Decimal
    later: list[Document] = field(default_factory=list)


def load_documents(ids: Iterable[str]) -> dict[str, Held]:
    """id → the document. Credit notes stand for their invoices too."""
    wanted = set(ids)
    rows = bulk.fetch("SELECT invoice, corrects, number, account, open FROM read_invoice WHERE invoice = ANY(%s)", [sorted(wanted)])
    wanted |= {corrects for _, corrects, _, _, _ in rows if corrects}
    statement = """
        SELECT document.invoice, document.open, document.written_off - document.recovered, later.invoice
        FROM read_invoice document LEFT JOIN (
            SELECT DISTINCT line.account, line.invoice, regexp_replace(line.detail->>'corrects', '#[^#]*$', '') AS number
                FROM read_invoice_line line
            JOIN read_invoice i ON i.invoice = line.invoice WHERE line.detail->>'corrects' <> ''
                AND i.status <> 'void' AND line.account = ANY(%s)
        ) AS later ON later.account = document.account AND later.number = document.number
        WHERE document.invoice = ANY(%s) AND document.status <> 'void'"""
    accounts = sorted({journal.split_address(name)[0] for name in wanted})
    pairs = bulk.fetch(statement, [accounts, sorted(wanted)])
    events = _events({name for document, _, _, later in pairs for name in (document, later) if name})
    found: dict[str, Held] = {}
    for document, open_amount, written_off, later in pairs:
        held = found.setdefault(document, Held(events[document], trimmed(open_amount), trimmed(written_off)))
        if later:
            held.later.append(events[later])
    return found


def _events(ids: set[str]) -> dict[str, Document]:
    addresses = [journal.split_address(name) for name in sorted(ids)]
    found = journal.several(addresses)
    return {recorded.address: recorded.event for recorded in found if isinstance(recorded.event, InvoiceIssued | CreditNoteIssued)}


def issued_of(held: Held) -> Issued | None:
    """The document with everything that corrected it since; None for a credit note, which nothing corrects."""
    document = held.document
    if not isinstance(document, InvoiceIssued):
        return None
    corrections = []
    for other in sorted(held.later, key=lambda one: _sequence(one)):
        for line in other.lines:
            number, _, position = line.corrects.rpartition("#")
            if number == document.number and position.isdigit():
                corrections.append(Correction(position=int(position), line=line, sign=-1 if isinstance(other, CreditNoteIssued) else 1))
    return Issued(invoice=document, open=held.open, corrections=tuple(corrections), written_off=held.written_off)


def _sequence(document: Document) -> int:
    name = document.invoice if isinstance(document, InvoiceIssued) else document.credit_note
    return journal.split_address(name)[1]


def _past(rows: Digested, documents: Mapping[str, Held]) -> Past:
    issued = {name: found for name, held in documents.items() if (found := issued_of(held)) is not None}
    lines: dict[ChargeKey, list[LineRef]] = {}
    quantities: dict[ChargeKey, Decimal] = {}
    for document, address, key in rows:
        if document not in documents:
            continue
        event = documents[document].document
        for position, line in enumerate(event.lines, start=1):
            if address in line.charges:
                _place(event, position, line, key, issued, lines, quantities)
    return Past(issued=issued, lines={key: tuple(refs) for key, refs in lines.items()}, quantities=quantities)


def _place(
    event: Document,
    position: int,
    line: DocumentLine,
    key: ChargeKey,
    issued: Mapping[str, Issued],
    lines: dict[ChargeKey, list[LineRef]],
    quantities: dict[ChargeKey, Decimal],
) -> None:
    """A charge on a line of an invoice, or on a credit note's line that corrects one."""
    if isinstance(event, InvoiceIssued):
        ref = LineRef(event.invoice, position)
    else:
        number, _, corrected = line.corrects.rpartition("#")
        name = next((one.invoice.invoice for one in issued.values() if one.invoice.number == number), "")
        if not name or not corrected.isdigit():
            return
        ref = LineRef(name, int(corrected))
    refs = lines.setdefault(key, [])
    if ref not in refs:
        refs.append(ref)
        quantities[key] = quantities.get(key, Decimal(0)) + line.quantity


def find_issued(account: str, name: str) -> Issued:
    """An issued document of the account, by id or number, or by its position among those that the customer pays (from 1), with all that
    corrected it. Raises NotFound `unknown_invoice`, Conflict `invoice_void`, `invoice_brought_over`."""
    statement = (
        "SELECT invoice, number, status, document FROM read_invoice WHERE account = %s AND document <> 'credit_note' ORDER BY sequence"
    )
    rows = bulk.fetch(statement, [account])
    found = next((row for row in rows if name in (row[0], row[1])), None)
    payable = [row for row in rows if row[3] in CUSTOMER_OWES]
    if found is None and name.isdigit() and 1 <= int(name) <= len(payable):
        found = payable[int(name) - 1]
    if found is None:
        known = [row[1] or row[0] for row in rows]
        raise NotFound("unknown_invoice", f"the account has no invoice {name!r}{suggestion(name, known)}", at="invoice")
    if found[2] == "void":
        raise Conflict("invoice_void", f"the invoice {found[1]} is void", at="invoice")
    if found[3] == "opening":
        raise Conflict("invoice_brought_over", f"{found[0]} was brought over as an amount: it has no lines to correct", at="invoice")
    issued = issued_of(load_documents([found[0]])[found[0]])
    assert issued is not None
    return issued
