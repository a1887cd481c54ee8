"""Raw usage: taken in once, corrected only by later records, explained record by record."""

from billing.usage.intake import Report, ingest, ingest_rows

__all__ = ["Report", "ingest", "ingest_rows"]
