"""After every test of the engine the laws hold: the chain, the sums, and read models that a rebuild would make the same. Within it, what is
kept from one command to the next is what stands, and who does what others do does what it would do alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from billing import journal
from billing.rebuilding import compare
from billing.verification import verify
from tests.alone import alone as alone
from tests.books import assert_books_hold
from tests.keeping import keeping as keeping


@pytest.fixture(autouse=True)
def laws(request: pytest.FixtureRequest, keeping: None, alone: list[str]) -> Iterator[None]:
    yield
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        assert_books_hold()
        assert verify().faults == []
        assert compare(list(journal.stream_ids())) == []
