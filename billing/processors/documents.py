"""Issued documents, their lines, and what is open on them. Runs when the numbers are drawn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import bulk
from billing.codec import canonical, encode_value
from billing.engine import Batch
from billing.events import BalanceOpened, CreditApplied, CreditNoteIssued, DocumentLine, InvoiceIssued, InvoiceVoided, PaymentReceived
from billing.journal import Recorded

COLUMNS = (
    "invoice account sequence document seller series number currency issued issued_at due net tax total open credited status corrects"
).split()
LINE_COLUMNS = (
    "invoice account line item name contract component quantity unit unit_price amount net tax discount start end tax_category detail"
).split()
ZERO = Decimal(0)
OPEN, CREDITED, STATUS = (COLUMNS.index(name) for name in ("open", "credited", "status"))


def process(batch: Batch) -> None:
    rows: dict[str, list[Any]] = {}
    opened: dict[str, Decimal] = {}  # known documents: what is taken off the open amount
    credited: dict[str, Decimal] = {}
    voided: list[str] = []
    lines: list[tuple[Any, ...]] = []
    for recorded in batch.events:
        event = recorded.event
        if isinstance(event, InvoiceIssued | CreditNoteIssued | BalanceOpened) and (row := _row(recorded, event)):
            rows[row[0]] = row
            lines += _lines(row[0], event)
        for invoice, amount, credit in _moved(event):
            if invoice in rows:
                rows[invoice][OPEN] -= amount
                rows[invoice][CREDITED] += credit
            else:
                opened[invoice] = opened.get(invoice, Decimal(0)) + amount
                credited[invoice] = credited.get(invoice, Decimal(0)) + credit
        if isinstance(event, InvoiceVoided):
            voided.append(event.invoice)
    for row in rows.values():
        row[STATUS] = "void" if row[0] in voided else _status(row)
    bulk.copy("read_invoice", COLUMNS, rows.values())
    bulk.copy("read_invoice_line", LINE_COLUMNS, lines)
    _move(opened, credited, [invoice for invoice in voided if invoice not in rows])
    _allocations(batch)


def _row(recorded: Recorded, event: InvoiceIssued | CreditNoteIssued | BalanceOpened) -> list[Any] | None:
    """The document as a row, nothing of it paid yet; None for an opening balance that is a credit."""
    if isinstance(event, BalanceOpened):
        values = _opening(event)
    elif isinstance(event, CreditNoteIssued):
        values = _issued(event) | {
            "invoice": event.credit_note,
            "document": "credit_note",
            "open": ZERO,
            "status": "issued",
            "corrects": event.invoice,
        }
    else:
        due = {"due": event.due, "open": event.total - event.credit_applied}
        values = _issued(event) | due | {"invoice": event.invoice, "document": event.document}
    if not values["invoice"]:
        return None
    common = {
        "account": event.account,
        "sequence": recorded.sequence,
        "issued_at": recorded.effective_at,
        "credited": ZERO,
        "currency": event.currency,
    }
    return [({"due": None, "status": "open", "corrects": ""} | common | values)[name] for name in COLUMNS]


def _issued(event: InvoiceIssued | CreditNoteIssued) -> dict[str, Any]:
    given = {name: getattr(event, name) for name in ("series", "number", "issued", "net", "tax", "total")}
    return given | {"seller": event.seller["code"]}


def _opening(event: BalanceOpened) -> dict[str, Any]:
    amounts = {"net": event.amount, "tax": ZERO, "total": event.amount, "open": event.amount}
    named = {"invoice": event.invoice, "document": "opening", "seller": event.seller, "series": "", "number": ""}
    return named | amounts | {"issued": event.entry.accounting_date, "due": event.due}


def _status(row: list[Any]) -> str:
    if row[COLUMNS.index("document")] == "credit_note":
        return "issued"
    if row[OPEN] > 0:
        return "open"
    return "credited" if row[CREDITED] and row[CREDITED] == row[COLUMNS.index("total")] else "paid"


def _moved(event: Any) -> list[tuple[str, Decimal, Decimal]]:
    """(document, what the event takes off its open amount, what it credits of its total)."""
    if isinstance(event, PaymentReceived | CreditApplied):
        return [(allocation.invoice, allocation.amount, Decimal(0)) for allocation in event.allocations]
    if isinstance(event, CreditNoteIssued) and event.invoice:
        return [(event.invoice, event.applied, event.total)]
    if isinstance(event, InvoiceVoided):
        return [(event.invoice, event.open, Decimal(0))]
    return []


def _lines(document: str, event: Any) -> list[tuple[Any, ...]]:
    lines: tuple[DocumentLine, ...] = getattr(event, "lines", ())
    return [
        (
            document,
            event.account,
            position,
            line.item,
            line.name,
            line.contract,
            line.component,
            line.quantity,
            line.unit,
            line.unit_price,
            line.amount,
            line.net,
            line.tax,
            line.discount,
            line.start,
            line.end,
            line.tax_category,
            canonical({"taxes": encode_value(line.taxes), "charges": list(line.charges), "corrects": line.corrects}).decode(),
        )
        for position, line in enumerate(lines, start=1)
    ]


def _move(opened: dict[str, Decimal], credited: dict[str, Decimal], voided: list[str]) -> None:
    bulk.execute(
        """UPDATE read_invoice SET open = open - given.moved, credited = read_invoice.credited + given.credited,
            status = CASE WHEN open - given.moved > 0 THEN 'open'
                WHEN read_invoice.credited + given.credited = total AND total > 0 THEN 'credited' ELSE 'paid' END
            FROM {rows} WHERE read_invoice.invoice = given.invoice""",
        {
            "invoice": ("text", list(opened)),
            "moved": ("numeric", list(opened.values())),
            "credited": ("numeric", [credited[name] for name in opened]),
        },
    )
    bulk.execute(
        "UPDATE read_invoice SET status = 'void' FROM {rows} WHERE read_invoice.invoice = given.invoice", {"invoice": ("text", voided)}
    )


def _allocations(batch: Batch) -> None:
    rows = []
    for recorded, event in batch.of(PaymentReceived, CreditApplied, CreditNoteIssued, InvoiceIssued):
        kind = {PaymentReceived: "payment", CreditApplied: "credit", CreditNoteIssued: "credit_note", InvoiceIssued: "credit"}[type(event)]
        taken = [(event.invoice, event.credit_applied, 0)] if isinstance(event, InvoiceIssued) else _moved(event)
        rows += [(event.account, recorded.sequence, invoice, amount, kind) for invoice, amount, _ in taken if amount]
    bulk.copy("read_allocation", "account sequence invoice amount kind".split(), rows)
