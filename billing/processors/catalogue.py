"""Published catalogue versions: stored as their events say."""

from __future__ import annotations

from billing.events import CataloguePublished
from billing.pipeline import Batch
from plans.store import Version, store_versions


def process(batch: Batch) -> None:
    store_versions(
        [
            Version(
                name=e.catalogue,
                version=e.version,
                digest=e.digest,
                effective=e.effective,
                seller=e.seller,
                published_at=r.effective_at,
                published_by=r.actor,
                event=r.address,
                source=e.source,
            )
            for r, e in batch.of(CataloguePublished)
        ]
    )
