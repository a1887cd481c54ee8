"""Published policies, as their events say."""

from __future__ import annotations

from billing import bulk
from billing.events import PolicyPublished
from billing.pipeline import Batch


def process(batch: Batch) -> None:
    rows = [(e.seller, e.version, r.effective_at, r.address, e.source) for r, e in batch.of(PolicyPublished)]
    bulk.copy("read_policy", ("seller", "version", "effective_at", "event", "source"), rows)
