"""Pure: when what is open on a document is due. A document has one due date, or parts with a due date each (instalments).

Parts are paid in the order of their due dates, whatever was paid: what is open are the last parts. A part is overdue once its day has
passed. What the customer disputes (`held`) is owed and not overdue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True)
class DuePart:
    """An amount of a document that is due on a day."""

    due: date
    amount: Decimal


def overdue(open_amount: Decimal, held: Decimal, parts: Sequence[DuePart], today: date) -> Decimal:
    """What of the open amount is overdue on the day: that which neither is disputed nor belongs to parts whose day has not passed."""
    not_yet = sum((part.amount for part in parts if part.due >= today), ZERO)
    return max(ZERO, open_amount - held - not_yet)


def fallen_due(open_amount: Decimal, parts: Sequence[DuePart], today: date) -> Decimal:
    """What of the open amount is due on the day or was before."""
    not_yet = sum((part.amount for part in parts if part.due > today), ZERO)
    return max(ZERO, open_amount - not_yet)


def unpaid(open_amount: Decimal, parts: Sequence[DuePart]) -> list[DuePart]:
    """What is open of each part that is not paid, in the order of their days; what is open beyond all parts is due with the first."""
    left, found = open_amount, []
    for part in sorted(parts, key=lambda one: one.due, reverse=True):
        share = min(left, part.amount)
        if share > 0:
            found.append(DuePart(part.due, share))
            left -= share
    found.reverse()
    return [DuePart(found[0].due, found[0].amount + left), *found[1:]] if found and left > 0 else found


def oldest_unpaid(open_amount: Decimal, parts: Sequence[DuePart]) -> date | None:
    """The due date of the first part that is not paid; None where nothing is open."""
    left, found = open_amount, None
    for part in sorted(parts, key=lambda one: one.due, reverse=True):
        if left <= 0:
            break
        found = part.due
        left -= part.amount
    return found
