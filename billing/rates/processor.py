"""Published rates, as their events say."""

from __future__ import annotations

from billing import bulk
from billing.events import RatesPublished
from billing.pipeline import Batch

COLUMNS = "seller base quote day version rate source effective_at".split()


def process(batch: Batch) -> None:
    rows = [
        (event.seller, rate.base, rate.quote, rate.day, event.version, rate.rate, rate.source, recorded.effective_at)
        for recorded, event in batch.of(RatesPublished)
        for rate in event.rates
    ]
    bulk.copy("read_rate", COLUMNS, rows)
