"""What dunning owes to the outside world: reminders, and word to the staff where something is handed to collection."""

from __future__ import annotations

from typing import Any

from billing import bulk
from billing.delivery import OwedEffect
from billing.effects import owed_of
from billing.events import CreditStatusChanged, Event
from payments.dunning.events import HandedOver, StepTaken


@owed_of(StepTaken, HandedOver, CreditStatusChanged)
def owed_by(event: Event) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(event, StepTaken) and event.remind:
        documents = [one.invoice for one in event.documents]
        return [("dunning.remind", {"text": event.remind, "step": event.step, "subject": event.subject, "documents": documents})]
    if isinstance(event, HandedOver):
        documents = [one.invoice for one in event.documents]
        return [("collection.hand_over", {"subject": event.subject, "documents": documents})]
    if isinstance(event, CreditStatusChanged) and (event.suspended or event.resumed):
        return [("service.switch", {"off": list(event.suspended), "on": list(event.resumed)})]
    return []


def superseded(effect: OwedEffect) -> bool:
    """Whether a reminder need not be sent any more: a newer one about its documents was owed by now, or its case eased, or all is paid.

    So whoever was down for a month catches up in the books step by step, and the customer gets one reminder: the last.
    """
    statement = """
        SELECT EXISTS (SELECT 1 FROM journal WHERE stream = %s AND sequence > %s AND effective_at <= %s
                AND (kind = 'dunning.eased' AND data->>'subject' = %s OR kind = 'dunning.step_taken' AND data->>'remind' <> ''
                    AND EXISTS (SELECT 1 FROM jsonb_array_elements(data->'documents') d WHERE d->>'invoice' = ANY(%s))))
            OR NOT EXISTS (SELECT 1 FROM read_invoice WHERE account = %s AND invoice = ANY(%s) AND open > 0)"""
    payload, documents = effect.payload, list(effect.payload["documents"])
    values = [effect.stream, effect.sequence, effect.at, payload["subject"], documents, effect.account, documents]
    return bool(bulk.fetch(statement, values)[0][0])
