"""The collector of cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_resting = 0  # how many chunks of this process are worked on
_collects = True  # whether the collector worked before the first of them


@contextmanager
def no_collection() -> Iterator[None]:
    """The collector of cycles rests while a chunk is worked on: it would go through all that lives, again and again, find nothing, and take
    a quarter of the time. Afterwards it sees what the chunk left."""
    global _resting, _collects
    with _lock:
        if not _resting:
            _collects = gc.isenabled()
            gc.disable()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if not _resting and _collects:
                gc.enable()
