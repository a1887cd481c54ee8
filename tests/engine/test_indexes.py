"""Which questions have an index: the narrow ones are found only in the words that they were made for."""

from __future__ import annotations

import pytest
from django.db import transaction

from billing import bulk, ledgers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (ledgers.OF_WHO_OWES, True),
        (f"ledger = '{ledgers.CREDIT}'", True),
        ("ledger = ANY(ARRAY['receivable', 'payable'])", True),
        ("ledger = 'unbilled'", False),
    ],
)
def test_postings_of_who_owes_are_found_by_their_ledger(condition: str, found: bool) -> None:
    with transaction.atomic():
        bulk.plan_once()
        asked = f"EXPLAIN SELECT amount FROM read_posting WHERE account = ANY(%s) AND {condition} AND effective_at > now()"
        plan = "\n".join(row[0] for row in bulk.fetch(asked, [["ana", "bo"]]))
    assert ("read_posting_ledger" in plan) is found


@pytest.mark.django_db
def test_no_statistics_are_made_of_what_the_everyday_tables_carry() -> None:
    """JSON and hashes are the most of their bytes, and no condition names them."""
    tables = ["journal", "read_charge", "read_contract_terms", "read_invoice_line", "effect"]
    looked_at = """
        SELECT attrelid::regclass::text, attname FROM pg_attribute
        WHERE attrelid = ANY(%s::text[]::regclass[]) AND attnum > 0 AND atttypid = ANY(ARRAY['jsonb'::regtype, 'bytea'::regtype])
            AND coalesce(attstattarget, -1) <> 0"""
    assert bulk.fetch(looked_at, [tables]) == []
