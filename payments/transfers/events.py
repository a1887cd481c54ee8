"""What became of a transfer between the request and the bank."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.events import Event


@dataclass(frozen=True, kw_only=True)
class TransferSent(Event):
    """A refund, a released deposit or a payout stands in a file for the bank. No money moves yet:
    the bank's statement says when it left."""

    kind: ClassVar[str] = "transfer.sent"
    account: str
    transfer: str  # the id of the refund or payout
    file: str
    end_to_end: str
    amount: Decimal
    currency: str
    destination: str  # hash of the frozen vault row with name and IBAN
    text: str
