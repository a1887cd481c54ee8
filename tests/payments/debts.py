"""A catalogue that pursues debts, and what its tests share. Documents are due on the 15th: 19.95 and 21 % VAT, 24.14."""

from __future__ import annotations

from typing import Any

from billing import bulk
from tests.books import CATALOGUE

LADDER = """\
dunning:
  ladder:
    minimum: "1.00"
    steps:
      - {after: -3, remind: due-soon}
      - {after: 1, remind: overdue, status: grace}
      - {after: 10, remind: second, fee: {amount: "5.00", tax: standard}, status: limited}
      - {after: 20, remind: last, status: suspended}
      - {after: 60, cancel: true}
      - {after: 90, collection: true}
    reconnection: "12.00"
  by-document:
    per: document
    steps:
      - {after: 5, remind: overdue, fee: {percent: 10, least: "3.00", most: "4.00"}}
      - {after: 30, status: suspended}
"""
DUNNED = CATALOGUE + LADDER


def steps(account: str = "ana") -> list[tuple[str, str, str]]:
    """(day, subject, step) of each step taken, and `eased` with what holds after."""
    statement = """
        SELECT effective_at::date::text, data->>'subject', CASE kind WHEN 'dunning.step_taken' THEN data->>'step'
            ELSE 'eased ' || array_to_string(ARRAY(SELECT jsonb_array_elements_text(data->'remaining')), ' ') END
        FROM journal WHERE stream = %s AND kind IN ('dunning.step_taken', 'dunning.eased') ORDER BY sequence"""
    return [(day, subject, step.strip()) for day, subject, step in bulk.fetch(statement, [account])]


def statuses(account: str = "ana") -> list[tuple[str, str]]:
    statement = """
        SELECT effective_at::date::text, data->>'status' FROM journal WHERE stream = %s AND kind = 'credit_status.changed'
        ORDER BY sequence"""
    return [(day, status) for day, status in bulk.fetch(statement, [account])]


def late_charges(account: str = "ana") -> list[tuple[str, str, str]]:
    """(day, item, amount) of what was charged for being late."""
    statement = """
        SELECT effective_at::date::text, item, amount FROM read_charge WHERE account = %s AND contract = '' AND kind = 'accrual'
        ORDER BY sequence"""
    return [(day, item, f"{amount:.2f}") for day, item, amount in bulk.fetch(statement, [account])]


def journal_of(account: str = "ana") -> list[Any]:
    """The account's events without addresses of commands: what must be the same however often the clock ticked."""
    statement = "SELECT sequence, kind, effective_at, cause, data::text FROM journal WHERE stream = %s ORDER BY sequence"
    return bulk.fetch(statement, [account])


def mails(account: str = "ana") -> list[tuple[str, str, str]]:
    """(day, what about, state and note) of each mail that is owed about a collection."""
    statement = """
        SELECT j.effective_at::date::text, payload->>'about', state || ' ' || last_error FROM effect
            JOIN journal j ON j.stream = effect.stream AND j.sequence = effect.sequence
        WHERE account = %s AND effect.kind = 'collection.tell' ORDER BY j.sequence"""
    return [(day, about, words.strip()) for day, about, words in bulk.fetch(statement, [account])]
