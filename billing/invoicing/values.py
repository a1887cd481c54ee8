"""The plain values that invoicing works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.events import AccountParked, DocumentLine, Event, InvoiceIssued
from billing.state import AccountState, OpenCharge
from billing.terms import Policy
from plans.catalogue import Catalogue
from plans.frozen import frozen

ChargeKey = tuple[Any, ...]


def charge_key(charge: OpenCharge) -> ChargeKey:
    """What charges are one line by."""
    return charge.key


@frozen()
class LineRef:
    """A line of an issued document, counted from 1."""

    invoice: str
    position: int

    def text(self, number: str) -> str:
        """How a later line says what it corrects: `INV-2026-000001#2`."""
        return f"{number}#{self.position}"


@frozen()
class Correction:
    """A later line that corrects a line of a document: `sign` −1 on a credit note, +1 on a later invoice (amounts have their own sign)."""

    position: int
    line: DocumentLine
    sign: int


@frozen()
class Issued:
    """An issued document with everything that corrected it since, what is open on it, and what of it was written off and never came."""

    invoice: InvoiceIssued
    open: Decimal
    corrections: tuple[Correction, ...] = ()
    written_off: Decimal = Decimal(0)


@frozen()
class Past:
    """The issued documents that open charges may correct, and on which of their lines each key stands, the oldest first."""

    issued: Mapping[str, Issued] = field(default_factory=dict)
    lines: Mapping[ChargeKey, tuple[LineRef, ...]] = field(default_factory=dict)
    quantities: Mapping[ChargeKey, Decimal] = field(default_factory=dict)  # what of a key's quantity is on documents already


@frozen()
class Composing:
    """All that a run knows of one account. `next_sequence` is the sequence of the first event that it will record.

    `catalogue` is the version in force for taxes, payment terms and numbers; None: the newest among the charges'.
    """

    state: AccountState
    policy: Policy
    moment: datetime
    next_sequence: int
    past: Past = field(default_factory=Past)
    buyer: str = ""
    catalogue: Catalogue | None = None
    apply_credit: bool = True
    books_from: date | None = None  # the first day of the first open accounting period


@frozen()
class Composed:
    """The events to record, in order (credit notes first: what they leave pays the invoices). `parked`: nothing was composed, and why."""

    events: tuple[Event, ...] = ()
    parked: AccountParked | None = None
