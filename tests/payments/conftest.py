"""After every test of money: the books hold, the chain is whole, and a rebuild would change nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from billing import journal
from billing.rebuilding import compare
from billing.verification import verify
from tests.books import assert_books_hold, do, open_account, publish


@pytest.fixture(autouse=True)
def held_books(db: None) -> Iterator[None]:
    yield
    assert_books_hold()
    assert compare(list(journal.stream_ids())) == []
    assert verify().faults == []


@pytest.fixture
def ana() -> None:
    """An account with one invoice of 24.14 (19.95 and 21 % VAT), due on 15 January 2026."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
