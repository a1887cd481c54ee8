"""What the tests of money share."""

from __future__ import annotations

from typing import Any

import pytest

from billing import bulk
from plans.errors import Refusal
from tests.books import do


def refused(code: str, *arguments: Any, **given: Any) -> Refusal:
    """The command is refused with the code, and nothing is recorded."""
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(Refusal) as caught:
        do(*arguments, **given)
    assert caught.value.code == code, caught.value
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    return caught.value


def postings(kind: str) -> list[tuple[str, str]]:
    """(ledger, amount) of the newest event of the kind, in the order of the ledgers."""
    statement = """
        SELECT ledger, amount FROM read_posting JOIN journal ON journal.stream = account AND journal.sequence = read_posting.sequence
        WHERE position = (SELECT max(position) FROM journal WHERE kind = %s) ORDER BY ledger"""
    return [(ledger, f"{amount:.2f}") for ledger, amount in bulk.fetch(statement, [kind])]


def row(number: str, *columns: str) -> tuple[str, ...]:
    """Columns of a document by its number; amounts with two decimals."""
    found = bulk.fetch(f"SELECT {', '.join(columns)} FROM read_invoice WHERE number = %s", [number])[0]
    return tuple(value if isinstance(value, str) else f"{value:.2f}" for value in found)
