"""The back office: the dashboard, accounts and why they owe, contracts, documents, the journal, and what waits for somebody. It asks
queries and gives commands; it writes no row itself."""

from billing.admin import accounts, contracts, customers, documents, events, rows

__all__ = ["accounts", "contracts", "customers", "documents", "events", "rows"]
