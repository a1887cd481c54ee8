"""Delivering messages: signed, over a connection to the address that was checked, without redirects, with limits on time and size."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.db.models import Q

from billing import journal
from billing.codec import encode, time_text
from billing.delivery import Answer, Done, Failed, Later, OwedEffect
from billing.engine import Request, execute
from billing.journal import Recorded
from billing.models.webhooks import Webhook, WebhookAttempt, WebhookSecret
from billing.queries.history import summary
from billing.webhooks import guard, signing
from billing.webhooks.guard import Target
from plans.errors import Refusal

logger = logging.getLogger(__name__)

#: For the whole of one delivery, however slowly the receiver speaks: a message that drips would hold up all others.
SECONDS = 15
MOST_SENT = 20_000
#: After so many attempts, over about three days, the endpoint is given up.
MOST_ATTEMPTS = 10


@dataclass(frozen=True)
class Reply:
    """What came of one attempt: a status, or why there was none."""

    status: int | None
    error: str = ""
    milliseconds: int = 0

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def deliver(effect: OwedEffect) -> Answer:
    """The handler of `webhook.deliver`. A receiver may get a message twice, always under the same id."""
    held = Webhook.objects.filter(endpoint=effect.payload["endpoint"]).first()
    recorded = journal.one(*journal.split_address(effect.payload["event"]))
    if held is None or recorded is None or held.status != "active":
        return Done()
    identity, body = message_id(held.endpoint, recorded.address), body_of(recorded)
    reply = send(held.url, _headers(held.endpoint, identity, body, effect), body)
    WebhookAttempt.objects.create(
        endpoint=held.endpoint,
        message=identity,
        event=recorded.address,
        kind=recorded.event.kind,
        at=effect.at,
        status=reply.status,
        milliseconds=reply.milliseconds,
        error=reply.error[:200],
    )
    if reply.accepted:
        return Done()
    if reply.status == 410:
        _give_up(held.endpoint, effect, "the receiver answered 410: gone")
        return Done()
    said = f"the receiver answered {reply.status}" if reply.status else reply.error
    if effect.attempt >= MOST_ATTEMPTS:
        _give_up(held.endpoint, effect, f"{said}, {effect.attempt} times")
        return Failed(said)
    return Later(said)


def _give_up(endpoint: str, effect: OwedEffect, reason: str) -> None:
    """Disable the endpoint; somebody else may have done so meanwhile."""
    asked = {"endpoint": endpoint, "reason": reason}
    try:
        execute(Request("disable_webhook", asked, effect.at, actor="webhooks", known_at=effect.known_at))
    except Refusal as refusal:
        logger.info("the endpoint %s was not disabled: %s", endpoint, refusal)


def message_id(endpoint: str, event: str) -> str:
    """The same for every attempt and replay, so that receivers can drop what they know."""
    return "msg_" + hashlib.sha256(f"{endpoint}\n{event}".encode()).hexdigest()[:32]


def body_of(recorded: Recorded) -> bytes:
    """The message: what happened, to whom, in a line and as data. Where that is too long, the data stays out: the API has it."""
    told: dict[str, Any] = {
        "type": recorded.event.kind,
        "timestamp": time_text(recorded.recorded_at),
        "data": {
            "address": recorded.address,
            "stream": recorded.stream,
            "sequence": recorded.sequence,
            "effective_at": time_text(recorded.effective_at),
            "actor": recorded.actor,
            "summary": summary(recorded.event)[:2000],
            "event": encode(recorded.event),
        },
    }
    body = orjson.dumps(told)
    if len(body) > MOST_SENT:
        del told["data"]["event"]
        body = orjson.dumps(told)
    return body


def _headers(endpoint: str, identity: str, body: bytes, effect: OwedEffect) -> dict[str, str]:
    timestamp = int(effect.at.timestamp())
    live = WebhookSecret.objects.filter(Q(until=None) | Q(until__gt=effect.at), endpoint=endpoint).order_by("-since", "-id")
    keys = list(live.values_list("secret", flat=True)[:3])
    return {
        "content-type": "application/json",
        "user-agent": "billem-all",
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signing.signatures(identity, timestamp, body, keys),
    }


# --- over the wire ------------------------------------------------------------------------------------------------------------------


def send(url: str, headers: dict[str, str], body: bytes) -> Reply:
    """POST the body to the address that the URL's name has now, if it may be called. Raises nothing: what went wrong is in the reply."""
    begun = time.monotonic()
    try:
        target = guard.resolve(url, settings.WEBHOOK_INNER_NETWORKS)
        status = _post(target, headers, body)
    except Refusal as refusal:
        return Reply(None, refusal.message)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(None, f"{type(error).__name__}: {error}", _since(begun))
    return Reply(status, "", _since(begun))


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def _post(target: Target, headers: dict[str, str], body: bytes) -> int:
    """The status that is answered; what else is said is not read. Raises OSError, HTTPException."""
    connection = _Pinned(target)
    watch = threading.Timer(SECONDS, connection.abandon)
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", target.path, body=body, headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        if not connection.abandoned:
            raise
    finally:
        watch.cancel()
        connection.close()
    if connection.abandoned:
        raise TimeoutError(f"no whole answer within {SECONDS} seconds")
    return status


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, under the name that the URL has."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self.target = target
        self.abandoned = False

    def abandon(self) -> None:
        """End whatever waits for the receiver."""
        self.abandoned = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def connect(self) -> None:
        raw = socket.create_connection((self.target.address, self.target.port), timeout=SECONDS)
        if self.target.scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=self.target.host)
        self.sock = raw


def keep_inside(effect: OwedEffect) -> Answer:
    """In a story nothing leaves the house."""
    del effect
    return Done()
