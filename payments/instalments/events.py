"""Payment plans, from the agreement to their end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from billing.events import DueDatesSet


@dataclass(frozen=True, kw_only=True)
class Instalment:
    """What is to be paid on a day: principal of the documents, and interest for the time since `start`."""

    start: date
    due: date
    principal: Decimal
    interest: Decimal


@dataclass(frozen=True, kw_only=True)
class InstalmentsAgreed(DueDatesSet):
    """The documents are to be paid in instalments: until then they are not overdue. Their principal stays where it is: nothing is posted;
    the interest of an instalment is charged on the day on which it is due."""

    kind: ClassVar[str] = "instalments.agreed"
    plan: str  # the id: address of this event
    offer: str
    name: str
    currency: str
    principal: Decimal
    method: str
    rate: Decimal
    instalments: tuple[Instalment, ...]
    tolerance: int
    tax_category: str
    catalogue: str
    version: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class InstalmentsEnded(DueDatesSet):
    """The plan is over: `completed` (all is paid), `broken` (an instalment was not paid in time), or `settled` and `cancelled` by a person.

    What is still open is due at once. The interest of the running period follows, by the days that passed.
    """

    kind: ClassVar[str] = "instalments.ended"
    plan: str
    outcome: str
    on: date
    open: Decimal
    currency: str
    reason: str
