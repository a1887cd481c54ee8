"""The back office, read-only: what accounts owe and why, contracts, documents, the journal. It asks queries and writes nothing."""

from billing.admin import accounts, contracts, documents, events

__all__ = ["accounts", "contracts", "documents", "events"]
