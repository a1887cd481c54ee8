"""The collector of cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """The collector of cycles rests while a chunk is worked on: it would go through all that lives, again and again, find nothing, and take
    a quarter of the time. Afterwards it sees what the chunk left."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
