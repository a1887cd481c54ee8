"""Which questions have an index: the narrow ones are found only in the words that they were made for."""

from __future__ import annotations

import pytest
from django.db import transaction

from billing import bulk, ledgers
from billing.queries.money import OF_WHO_OWES


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (OF_WHO_OWES, True),
        (f"ledger = '{ledgers.CREDIT}'", True),
        ("ledger = ANY(ARRAY['receivable', 'payable'])", True),
        ("ledger = 'unbilled'", False),
    ],
)
def test_postings_of_who_owes_are_found_by_their_ledger(condition: str, found: bool) -> None:
    """Asked of an empty copy of the table that has the narrow index alone: what other tests left, and what the server counted of it, does
    not decide then."""
    whole = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'probe'::regclass AND indpred IS NULL"
    with transaction.atomic():
        bulk.write("CREATE TEMPORARY TABLE probe (LIKE read_posting INCLUDING INDEXES) ON COMMIT DROP", [])
        for (name,) in bulk.fetch(whole):
            constraint = name.rpartition(".")[2]
            bulk.write(f"ALTER TABLE probe DROP CONSTRAINT IF EXISTS {constraint}", [])
            bulk.write(f"DROP INDEX IF EXISTS {name}", [])
        bulk.write("SET LOCAL enable_seqscan = off", [])
        bulk.plan_once()
        asked = f"EXPLAIN SELECT amount FROM probe WHERE account = ANY(%s) AND {condition} AND effective_at > now()"
        plan = "\n".join(row[0] for row in bulk.fetch(asked, [["ana", "bo"]]))
        bulk.write("DROP TABLE probe", [])
    assert ("Index" in plan) is found, plan


@pytest.mark.django_db
def test_no_statistics_are_made_of_what_the_everyday_tables_carry() -> None:
    """JSON and hashes are the most of their bytes, and no condition names them."""
    tables = ["journal", "read_charge", "read_contract_terms", "read_invoice_line", "effect"]
    looked_at = """
        SELECT attrelid::regclass::text, attname FROM pg_attribute
        WHERE attrelid = ANY(%s::text[]::regclass[]) AND attnum > 0 AND atttypid = ANY(ARRAY['jsonb'::regtype, 'bytea'::regtype])
            AND coalesce(attstattarget, -1) <> 0"""
    assert bulk.fetch(looked_at, [tables]) == []
