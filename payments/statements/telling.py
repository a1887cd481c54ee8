"""A statement of the bank in a story."""

from __future__ import annotations

from datetime import datetime

from payments.statements.booking import book
from payments.statements.files import read_statement
from plans.errors import Invalid


def brought(content: str, *, seller: str, own: str, currency: str, at: datetime) -> None:
    """Book a statement at the moment of the story. Raises Invalid `bad_file`, and the code of its first bad line."""
    read = read_statement(content.encode(), form="", own=own, currency=currency)
    if read.bad:
        bad = read.bad[0]
        raise Invalid(bad.code, f"line {bad.number}: {bad.message}", at="bank")
    book(read, seller=seller, file="story", at=at, known_at=at)
