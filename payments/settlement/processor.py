"""What documents cost by the day of payment, as they say themselves."""

from __future__ import annotations

from billing import bulk
from billing.events import CreditNoteIssued, InvoiceIssued
from billing.pipeline import Batch

COLUMNS = "invoice account until percent name tax_category bill catalogue version inclusive taken".split()


def process(batch: Batch) -> None:
    rows = []
    for _, event in batch.of(InvoiceIssued):
        if (said := event.settlement) is not None:
            common = (said.name, said.tax_category, said.bill, said.catalogue, said.version, said.inclusive, False)
            rows += [(event.invoice, event.account, step.until, step.percent, *common) for step in said.steps]
    bulk.copy("read_pay_by", COLUMNS, rows)
    taken = [event.invoice for _, event in batch.of(CreditNoteIssued) if event.early]
    bulk.execute(
        "UPDATE read_pay_by SET taken = true FROM {rows} WHERE read_pay_by.invoice = given.invoice AND percent < 0",
        {"invoice": ("text", taken)},
    )
