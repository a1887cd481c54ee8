"""The back office: the dashboard, accounts and why they owe, contracts, documents, the journal, and what waits for somebody. It asks
queries and gives commands; it writes no row but the office's own: people's roles, notes about customers, and when beat rings."""

from billing.admin import accounts, campaigns, catalogues, contracts, customers, documents, events, keys, people, rows, runs, segments

__all__ = [
    "accounts",
    "campaigns",
    "catalogues",
    "contracts",
    "customers",
    "documents",
    "events",
    "keys",
    "people",
    "rows",
    "runs",
    "segments",
]
