"""Payment plans as the journal recorded them."""

from __future__ import annotations

from billing import bulk
from billing.codec import canonical, encode_value
from billing.pipeline import Batch
from payments.instalments.events import InstalmentsAgreed, InstalmentsEnded

COLUMNS = (
    "plan account sequence offer name currency principal method rate instalments invoices tolerance tax_category catalogue version"
    " status agreed_at closed_at"
).split()


def process(batch: Batch) -> None:
    rows = [
        (
            *(e.plan, e.account, r.sequence, e.offer, e.name, e.currency, e.principal, e.method, e.rate),
            canonical(encode_value(e.instalments)).decode(),
            canonical([schedule.invoice for schedule in e.schedules]).decode(),
            *(e.tolerance, e.tax_category, e.catalogue, e.version, "active", r.effective_at, None),
        )
        for r, e in batch.of(InstalmentsAgreed)
    ]
    bulk.copy("read_instalment_plan", COLUMNS, rows)
    ended = batch.of(InstalmentsEnded)
    bulk.execute(
        "UPDATE read_instalment_plan p SET status = given.outcome, closed_at = given.at FROM {rows} WHERE p.plan = given.plan",
        {
            "plan": ("text", [event.plan for _, event in ended]),
            "outcome": ("text", [event.outcome for _, event in ended]),
            "at": ("timestamptz", [recorded.effective_at for recorded, _ in ended]),
        },
    )
