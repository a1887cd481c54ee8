"""What is found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`where` is an event's address (`ana/17`), a document, a ledger, or a series."""

    code: str
    where: str
    message: str
