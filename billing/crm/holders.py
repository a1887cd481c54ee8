"""Everybody who keeps personal data, by the settings: `PERSONAL_DATA` lists modules with `export(account)` and
`erase(account, texts, kept)`. What is exported is what is erased; a new table of people belongs into one of them."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from django.conf import settings


@cache
def holders() -> tuple[ModuleType, ...]:
    return tuple(import_module(path) for path in settings.PERSONAL_DATA)


def export(account: str) -> dict[str, Any]:
    """All of it, as plain data."""
    found: dict[str, Any] = {}
    for holder in holders():
        found |= holder.export(account)
    return found


def erase(account: str, texts: Collection[str], kept: Collection[str]) -> dict[str, int]:
    """Erase all of it but the frozen rows that documents must still show; answers how many rows of each sort. In the transaction of a
    command."""
    found: dict[str, int] = {}
    for holder in holders():
        found |= holder.erase(account, texts, kept)
    return found
