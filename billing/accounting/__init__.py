"""The seller's books: revenue earned over time, months that close, and what accountants take away."""
