"""Pure: what a document that was not paid in time costs more, as lines that accrue to their own targets.

    by the end of the due date nothing; then, for each step in their order, by the end of the day before it:

    surcharge so far = round(Σ (percent − percent of the step before)/100 × what is overdue when the step begins)

So who pays 75.65 by the second step of 1.59 % and 3.17 % pays 2.40 more in all, and who paid a part in time pays on the rest alone. What is
overdue leaves out what is disputed, what is not due yet by a payment plan, and what the document itself bills for being late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.events import PayBy
from payments.interest.target import Charged, InterestLine, LateDocument, differences
from plans.money import round_money
from plans.periods import day_start

ZERO, DAY = Decimal(0), timedelta(days=1)


def surcharges(document: LateDocument, steps: Sequence[PayBy], *, until: date) -> list[InterestLine]:
    """The surcharge of each step that has begun before the day; its line begins with the day whose end was the last to pay less."""
    found, exact, stands, before = [], Fraction(0), ZERO, ZERO
    for start, step in _begun(document, steps):
        if start >= until:
            break
        principal = document.principal(start)
        exact += Fraction(principal) * Fraction(step.percent - before) / 100
        amount = round_money(exact, document.currency) - stands
        stands, before = stands + amount, step.percent
        found.append(InterestLine(start, step.until, principal, step.percent, amount))
    return [line for line in found if line.amount]


def _begun(document: LateDocument, steps: Sequence[PayBy]) -> list[tuple[date, PayBy]]:
    """Each step with the last day on which one still paid less."""
    starts = [document.due, *(step.until for step in steps)]
    return list(zip(starts, steps, strict=False))


def next_surcharge(document: LateDocument, steps: Sequence[PayBy], charged: Charged, zone: str) -> tuple[datetime, date] | None:
    """When a surcharge is next charged or given back, and until which day it counts then: at once where the past changed, else on the
    morning after the last day of each step. None where nothing is to come."""
    days = [start + DAY for start, _ in _begun(document, steps)]
    counted = max(charged.lines) + DAY if charged.lines else None
    ahead = [day for day in days if counted is None or day > counted]
    for day in [*([counted] if counted else []), *ahead]:
        if differences(surcharges(document, steps, until=day), charged):
            return day_start(day, zone), day
    return None
