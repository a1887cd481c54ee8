"""Tests whose transaction is undone never commit, so nothing would be kept from one command to the next. Here it is, and each time that
it is taken up it must be what would be read anew: whatever happened before, in every story of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from billing import kept
from billing.journal import Head
from billing.stored import Held, Known
from billing.wallets import loading
from billing.wallets.folding import WALLETS


def assert_is_what_stands(account: str, held: Held) -> None:
    """Part by part, as it would be read now."""
    for layout, state in held.states.items():
        fresh = layout.read(account)
        assert fresh is not None
        for name in state.parts.keys() & vars(state).keys() - {"marks"}:
            assert getattr(state, name) == getattr(fresh, name), name
        assert state.facts == {}
    assert held.facts.keys() <= {WALLETS}
    assert held.facts.get(WALLETS, {}) == (loading._load([account])[account] if held.facts else {})


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep at the end of a command instead of at a commit, and hold what is taken up against what stands."""
    later, found = transaction.on_commit, kept.found

    def at_once(call: Callable[[], Any], *given: Any, **more: Any) -> None:
        if isinstance(call, partial) and call.func is kept.keep:
            call()
        else:
            later(call, *given, **more)

    def compared(heads: Mapping[str, Head]) -> Known:
        known = found(heads)
        for account, held in known.items():
            assert_is_what_stands(account, held)
        return known

    monkeypatch.setattr(transaction, "on_commit", at_once)
    monkeypatch.setattr(kept, "found", compared)
