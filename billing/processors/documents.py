"""Issued documents, their lines, and what is open on them. Runs when the numbers are drawn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import bulk
from billing.codec import canonical, encode_value, quoted
from billing.events import (
    BalanceOpened,
    CreditNoteIssued,
    DocumentLine,
    Event,
    HoldReleased,
    InvoiceHeld,
    InvoiceIssued,
    InvoiceReinstated,
    InvoiceVoided,
    InvoiceWrittenOff,
    OpenMoved,
    WriteOffRecovered,
)
from billing.journal import Recorded
from billing.pipeline import Batch

COLUMNS = (
    "invoice account sequence document seller series number currency issued issued_at due net tax total"
    " open credited written_off recovered held status corrects"
).split()
LINE_COLUMNS = (
    "invoice account line item name contract component quantity unit unit_price amount net tax discount start end tax_category detail"
).split()
ZERO = Decimal(0)
FOLDED: tuple[type[Event], ...] = (
    InvoiceIssued,
    CreditNoteIssued,
    BalanceOpened,
    InvoiceWrittenOff,
    WriteOffRecovered,
    InvoiceReinstated,
    OpenMoved,
    InvoiceVoided,
    InvoiceHeld,
    HoldReleased,
)
MOVING = ("open", "credited", "written_off", "recovered", "held")
PLACE = {name: COLUMNS.index(name) for name in COLUMNS}


def process(batch: Batch) -> None:
    rows: dict[str, list[Any]] = {}
    known: dict[str, dict[str, Decimal]] = {}  # documents of earlier batches: how their amounts move
    voided: list[str] = []
    lines: list[tuple[Any, ...]] = []
    told: dict[int, bytes] = {}
    for recorded, event in batch.of(*FOLDED):
        if isinstance(event, InvoiceIssued | CreditNoteIssued | BalanceOpened) and (row := _row(recorded, event)):
            rows[row[0]] = row
            lines += _lines(row[0], event, told)
        for invoice, moves in _moved(event):
            if invoice not in rows:
                known.setdefault(invoice, dict.fromkeys(MOVING, ZERO))
            for name, amount in moves.items():
                if invoice in rows:
                    rows[invoice][PLACE[name]] += amount
                else:
                    known[invoice][name] += amount
        if isinstance(event, InvoiceVoided):
            voided.append(event.invoice)
    for row in rows.values():
        row[PLACE["status"]] = "void" if row[0] in voided else _status(row)
    bulk.copy("read_invoice", COLUMNS, rows.values())
    bulk.copy("read_invoice_line", LINE_COLUMNS, lines)
    _move(known, [invoice for invoice in voided if invoice not in rows])
    _allocations(batch)
    _holds(batch)


def _row(recorded: Recorded, event: InvoiceIssued | CreditNoteIssued | BalanceOpened) -> list[Any] | None:
    """The document as a row, nothing of it paid yet; None for an opening balance that is a credit."""
    if isinstance(event, BalanceOpened):
        if not event.invoice:
            return None
        named = [event.invoice, event.account, recorded.sequence, "opening", event.seller, "", "", event.currency]
        dated = [event.entry.accounting_date, recorded.effective_at, event.due]
        return [*named, *dated, event.amount, ZERO, event.amount, event.amount, ZERO, ZERO, ZERO, ZERO, "open", ""]
    said = [event.seller["code"], event.series, event.number, event.currency, event.issued, recorded.effective_at]
    if isinstance(event, CreditNoteIssued):
        named = [event.credit_note, event.account, recorded.sequence, "credit_note"]
        return [*named, *said, None, event.net, event.tax, event.total, ZERO, ZERO, ZERO, ZERO, ZERO, "issued", event.invoice]
    named, open_amount = [event.invoice, event.account, recorded.sequence, event.document], event.total - event.credit_applied
    amounts = [event.net, event.tax, event.total, open_amount]
    return [*named, *said, event.due, *amounts, ZERO, ZERO, ZERO, ZERO, "open", event.corrects]


def _status(row: list[Any]) -> str:
    """The same as the statement below says of known rows."""
    if row[PLACE["document"]] == "credit_note":
        return "issued"
    if row[PLACE["open"]] > 0:
        return "open"
    if row[PLACE["written_off"]] > 0:
        return "written_off"
    credited = row[PLACE["credited"]]
    return "credited" if credited and credited == row[PLACE["total"]] else "paid"


def _moved(event: Any) -> list[tuple[str, dict[str, Decimal]]]:
    """(document, what the event adds to its amounts)."""
    if isinstance(event, WriteOffRecovered):
        return [(event.invoice, {"recovered": event.amount})]
    if isinstance(event, InvoiceWrittenOff):
        return [(event.invoice, {"open": -event.amount, "written_off": event.amount})]
    if isinstance(event, InvoiceReinstated):
        return [(event.invoice, {"open": event.amount, "written_off": -event.amount})]
    if isinstance(event, OpenMoved):
        return [(allocation.invoice, {"open": -allocation.amount}) for allocation in event.allocations]
    if isinstance(event, CreditNoteIssued) and event.invoice:
        return [(event.invoice, {"open": -event.applied, "credited": event.total})]
    if isinstance(event, InvoiceVoided):
        return [(event.invoice, {"open": -event.open})]
    if isinstance(event, InvoiceHeld):
        return [(event.invoice, {"held": event.amount})]
    if isinstance(event, HoldReleased):
        return [(event.invoice, {"held": -event.amount})]
    return []


def _lines(document: str, event: Any, told: dict[int, bytes]) -> list[tuple[Any, ...]]:
    """`told`: the taxes of lines of this batch as JSON, for many documents have the same."""
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
            _detail(line, told),
        )
        for position, line in enumerate(lines, start=1)
    ]


def _detail(line: DocumentLine, told: dict[int, bytes]) -> bytes:
    taxes = told.get(id(line.taxes))  # the batch holds them, so no others take their place
    if taxes is None:
        taxes = told[id(line.taxes)] = canonical(encode_value(line.taxes))
    return b'{"charges":%b,"corrects":%b,"taxes":%b}' % (canonical(list(line.charges)), quoted(line.corrects), taxes)


def _move(known: dict[str, dict[str, Decimal]], voided: list[str]) -> None:
    bulk.execute(
        """UPDATE read_invoice AS i SET open = i.open + given.opened, credited = i.credited + given.credited,
            written_off = i.written_off + given.written_off, recovered = i.recovered + given.recovered, held = i.held + given.held,
            status = CASE WHEN i.open + given.opened > 0 THEN 'open' WHEN i.written_off + given.written_off > 0 THEN 'written_off'
                WHEN i.credited + given.credited = i.total AND i.total > 0 THEN 'credited' ELSE 'paid' END
            FROM {rows} WHERE i.invoice = given.invoice""",
        {"invoice": ("text", list(known))}
        | {("opened" if name == "open" else name): ("numeric", [moves[name] for moves in known.values()]) for name in MOVING},
    )
    bulk.execute(
        "UPDATE read_invoice SET status = 'void' FROM {rows} WHERE read_invoice.invoice = given.invoice", {"invoice": ("text", voided)}
    )


def _allocations(batch: Batch) -> None:
    """What each event took from each document; of two parts for one document their sum."""
    rows: dict[tuple[str, int, str], list[Any]] = {}
    for recorded, event in batch.of(OpenMoved, CreditNoteIssued, InvoiceIssued):
        for invoice, amount, word in _taken(event):
            if amount:
                row = rows.setdefault((event.account, recorded.sequence, invoice), [word, getattr(event, "payment", ""), ZERO])
                row[2] += amount
    bulk.copy(
        "read_allocation",
        "account sequence invoice kind payment amount".split(),
        [(*key, word, payment, amount) for key, (word, payment, amount) in rows.items()],
    )


def _taken(event: OpenMoved | CreditNoteIssued | InvoiceIssued) -> list[tuple[str, Decimal, str]]:
    if isinstance(event, InvoiceIssued):
        return [(event.invoice, event.credit_applied, "credit")]
    if isinstance(event, CreditNoteIssued):
        return [(event.invoice, event.applied, "credit_note")] if event.invoice else []
    return [(allocation.invoice, allocation.amount, event.word) for allocation in event.allocations]


HOLD_COLUMNS = "hold account sequence invoice number amount currency lines reason status opened_at closed_at".split()


def _holds(batch: Batch) -> None:
    """Billing disputes as the batch leaves them."""
    rows: dict[str, list[Any]] = {}
    closed: dict[str, tuple[str, Any]] = {}
    for recorded, event in batch.of(InvoiceHeld, HoldReleased):
        if isinstance(event, InvoiceHeld):
            values = (event.invoice, event.number, event.amount, event.currency, canonical(list(event.lines)).decode(), event.reason)
            rows[event.hold] = [event.hold, event.account, recorded.sequence, *values, "open", recorded.effective_at, None]
        elif event.hold in rows:
            rows[event.hold][-3], rows[event.hold][-1] = event.outcome, recorded.effective_at
        else:
            closed[event.hold] = event.outcome, recorded.effective_at
    bulk.copy("read_hold", HOLD_COLUMNS, rows.values())
    bulk.execute(
        "UPDATE read_hold SET status = given.outcome, closed_at = given.at FROM {rows} WHERE read_hold.hold = given.hold",
        {
            "hold": ("text", list(closed)),
            "outcome": ("text", [outcome for outcome, _ in closed.values()]),
            "at": ("timestamptz", [at for _, at in closed.values()]),
        },
    )
