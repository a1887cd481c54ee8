"""Charges, sales and adjustments, and which of them are on no document yet."""

from __future__ import annotations

from typing import Any

from billing import bulk
from billing.codec import canonical, encode_value
from billing.events import (
    AdjustmentMade,
    ChargeAccrued,
    ChargeOverridden,
    CreditNoteIssued,
    InvoiceIssued,
    InvoiceVoided,
    SaleMade,
    WalletDrawn,
)
from billing.journal import Recorded, split_address
from billing.pipeline import Batch

COLUMNS = (
    "account sequence kind contract item terms component period_start name currency amount quantity unit_price unit start end effective_at"
    " supply_date tax_category inclusive catalogue version invoice_when attributes invoice"
).split()
INVOICE = COLUMNS.index("invoice")
OVERRIDE_COLUMNS = "account sequence contract item terms component period_start amount quantity unit_price reason".split()


def process(batch: Batch) -> None:
    rows = {recorded.address: _row(recorded, event) for recorded, event in batch.of(ChargeAccrued, SaleMade, AdjustmentMade)}
    opened = {address: None for address, row in rows.items() if row[COLUMNS.index("invoice_when")] != "never"}
    digested: dict[str, str] = {}  # rows of earlier batches: address -> document
    reopened: dict[str, None] = {}
    for recorded, event in batch.of(InvoiceIssued, CreditNoteIssued, WalletDrawn, InvoiceVoided):
        if isinstance(event, InvoiceIssued | CreditNoteIssued):
            document = event.invoice if isinstance(event, InvoiceIssued) else event.credit_note
            for line in event.lines:
                _digest(line.charges, document, rows, opened, digested, reopened)
        elif isinstance(event, WalletDrawn):
            _digest(event.charges, recorded.address, rows, opened, digested, reopened)
        elif isinstance(event, InvoiceVoided):
            _reopen(event, rows, opened, digested, reopened)
    bulk.copy("read_charge", COLUMNS, rows.values())
    bulk.copy("read_override", OVERRIDE_COLUMNS, [_override(recorded, event) for recorded, event in batch.of(ChargeOverridden)])
    _set_invoice(digested)
    _open(opened, reopened, [address for address, document in digested.items() if document])


def _row(recorded: Recorded, event: Any) -> list[Any]:
    key = event.key if isinstance(event, ChargeAccrued) else None
    kind = {ChargeAccrued: "accrual", SaleMade: "sale", AdjustmentMade: "adjustment"}[type(event)]
    start = event.start if isinstance(event, ChargeAccrued) else recorded.effective_at
    return [
        recorded.stream,
        recorded.sequence,
        kind,
        key.contract if key else event.contract,
        key.item if key else event.item,
        key.terms if key else getattr(event, "returns", ""),
        key.component if key else kind,
        key.period_start if key else None,
        event.name,
        key.currency if key else event.currency,
        event.amount,
        getattr(event, "quantity", 1),
        getattr(event, "unit_price", ""),
        getattr(event, "unit", ""),
        start,
        event.end if isinstance(event, ChargeAccrued) else recorded.effective_at,
        recorded.effective_at,
        event.supply_date,
        event.tax_category,
        event.inclusive,
        event.catalogue,
        event.version,
        event.invoice_when,
        canonical(encode_value(attributes)) if (attributes := getattr(event, "attributes", None)) else b"{}",
        "",
    ]


def _override(recorded: Recorded, event: ChargeOverridden) -> list[Any]:
    key = event.key
    named = [recorded.stream, recorded.sequence, key.contract, key.item, key.terms, key.component, key.period_start]
    return [*named, event.amount, event.quantity, event.unit_price, event.reason]


def _digest(addresses: tuple[str, ...], document: str, rows: Any, opened: Any, digested: Any, reopened: Any) -> None:
    for address in addresses:
        if address in rows:
            rows[address][INVOICE] = document
            opened.pop(address, None)
        else:
            digested[address] = document
            reopened.pop(address, None)


def _reopen(event: InvoiceVoided, rows: Any, opened: Any, digested: Any, reopened: Any) -> None:
    """The charges of a voided document are open again, unless they are forgiven."""
    for address in event.charges:
        if address in rows:
            rows[address][INVOICE] = event.invoice if event.forgive else ""
            if not event.forgive:
                opened[address] = None
        else:
            digested[address] = event.invoice if event.forgive else ""
            if not event.forgive:
                reopened[address] = None


def _split(addresses: Any) -> dict[str, tuple[str, list[Any]]]:
    parts = [split_address(address) for address in addresses]
    return {"account": ("text", [part[0] for part in parts]), "sequence": ("bigint", [part[1] for part in parts])}


def _set_invoice(digested: dict[str, str]) -> None:
    bulk.execute(
        "UPDATE read_charge SET invoice = given.invoice FROM {rows} "
        "WHERE read_charge.account = given.account AND read_charge.sequence = given.sequence",
        {**_split(digested), "invoice": ("text", list(digested.values()))},
    )


def _open(opened: dict[str, None], reopened: dict[str, None], digested: list[str]) -> None:
    bulk.execute(
        "DELETE FROM read_open_charge USING {rows} "
        "WHERE read_open_charge.account = given.account AND read_open_charge.sequence = given.sequence",
        _split(digested),
    )
    bulk.copy("read_open_charge", ["account", "sequence"], [split_address(address) for address in (*opened, *reopened)])
