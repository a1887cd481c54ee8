"""What was asked once inside of a block is not asked again there. The block says where it is remembered, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Memory = ContextVar[dict[Hashable, Any] | None]  # None outside of a block


def once(memory: Memory, key: Hashable, ask: Callable[[], T]) -> T:
    """What `ask` answers, or answered before under this key."""
    held = memory.get()
    if held is None:
        return ask()
    if key not in held:
        held[key] = ask()
    found: T = held[key]
    return found
