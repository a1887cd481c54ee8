"""Open charges become documents. Pure: what stands goes in, the events to record come out.

    compose(charges, Composing(...)) -> Composed(events, parked)

The way of a charge: `pieces` (what is open per key) → `lines` (grouped, discounted, taxed) → `documents` (invoice, statement, credit note)
with `postings`. A draft is the same call, not recorded. What is the same for many is sketched once and drawn for each (`sketch`, `draw`).

A person's credit note is `credit_note(Standing({id: issued}), id, credit_parts(…), frame=frame_of(…), against=ledgers.CREDIT_NOTES)`.
"""

from billing.invoicing.compose import Sketch, compose, draw, sketch
from billing.invoicing.credits import CreditPart, Frame, credit_note, credit_parts, frame_of
from billing.invoicing.standing import Standing
from billing.invoicing.terms import due_date
from billing.invoicing.values import ChargeKey, Composed, Composing, Correction, Issued, LineRef, Past, charge_key

__all__ = [
    "ChargeKey",
    "Composed",
    "Composing",
    "Correction",
    "CreditPart",
    "Frame",
    "Issued",
    "LineRef",
    "Past",
    "Sketch",
    "Standing",
    "charge_key",
    "compose",
    "credit_note",
    "credit_parts",
    "draw",
    "due_date",
    "frame_of",
    "sketch",
]
