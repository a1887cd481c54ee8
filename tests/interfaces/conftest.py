"""A world that many tests look at is played once for a module; each test works in a savepoint of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections, transaction
from playwright.sync_api import Browser, sync_playwright

from tests.interfaces.worlds import play


@pytest.fixture(scope="module")
def _played(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The small world, in a transaction that is undone after the module's last test."""
    with django_db_blocker.unblock(), transaction.atomic():
        play()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def world(_played: None, db: None) -> None:
    """The small world of tests/interfaces/worlds.py; what a test adds to it is undone."""


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Chromium. Its driver runs a loop in this thread, and beside a loop Django gives a thread connections of their own: they are closed
    with it, because nobody outside sees them."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield opened
        opened.close()
        connections.close_all()
