"""Webhooks: verified and kept before they are answered (`receive`), then digested: the gateway is asked for the truth, which is recorded.

A notice says only that something happened. So it may come twice, late, early or out of order: whatever its order, the last truth stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from billing import journal
from billing.delivery import Answer as Delivered
from billing.delivery import Done, Failed, Later, OwedEffect
from billing.engine import Outcome, Request, execute
from billing.journal import Recorded
from payments import calling, gateways
from payments.events import RefundRequested
from payments.gateway_events import CollectionRequested, PayoutRequested
from payments.gateways.base import Answer, NoAnswer
from payments.gateways.sandbox import signed


def receive(gateway: str, body: bytes, headers: Mapping[str, str], *, at: datetime, known_at: datetime | None = None) -> Outcome:
    """Verify a webhook and keep it with its processing owed. Raises BadSignature, Unsupported, NotFound `unknown_gateway`."""
    notice = gateways.named(gateway).read_webhook(body, headers, at=at)
    told = {"notice": notice.id, "about": notice.about, "reference": notice.reference, "said": notice.said, "owner": notice.owner}
    arguments = {name: text for name, text in told.items() if text}
    return execute(Request("receive_notice", {"gateway": gateway, **arguments}, at, f"webhook {gateway}", known_at=known_at))


def notify(effect: OwedEffect) -> Delivered:
    """The sandbox sends one of its webhooks."""
    body = orjson.dumps(dict(effect.payload))
    receive("sandbox", body, signed(body, effect.at), at=effect.at, known_at=effect.known_at)
    return Done()


def digest(effect: OwedEffect) -> Delivered:
    """Ask the gateway what stands, and record it for the request that it answers."""
    event: Any = calling.recorded(effect).event
    try:
        answer = gateways.named(event.gateway).find(event.about, reference=event.reference, at=effect.at)
    except NoAnswer as silence:
        return Later(f"no answer: {silence}")
    if answer is None:
        return Later(f"the gateway does not know the {event.about} {event.reference}")
    asked = _asked(answer)
    if asked is None:
        return Failed(f"the {event.about} {event.reference} was not asked for by us; see it at the gateway")
    return _settle(effect, asked, answer)


def _asked(answer: Answer) -> Recorded | None:
    """The event whose effect had this key."""
    address = answer.key.rpartition("/")[0]
    try:
        return journal.one(*journal.split_address(address))
    except ValueError:
        return None


def _settle(effect: OwedEffect, asked: Recorded, answer: Answer) -> Delivered:
    event = asked.event
    if isinstance(event, CollectionRequested):
        calling.settle_charge(effect, event, answer)
    elif isinstance(event, RefundRequested):
        calling.settle_refund(effect, event, answer)
    elif isinstance(event, PayoutRequested):
        calling.settle_payout(effect, event, answer)
    else:
        return Failed(f"the key {answer.key} belongs to {event.kind}, which asks nothing of a gateway")
    return Done()
