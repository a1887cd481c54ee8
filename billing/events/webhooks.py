"""Endpoints that are told of events. Each is a stream of its own, `webhook:NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class WebhookAdded(Event):
    """From now on `url` is told of events of these kinds: of one account, or of all where `account` is empty. `*` means every kind."""

    kind: ClassVar[str] = "webhook.added"
    endpoint: str
    url: str
    kinds: tuple[str, ...]
    account: str = ""


@dataclass(frozen=True, kw_only=True)
class WebhookChanged(Event):
    kind: ClassVar[str] = "webhook.changed"
    endpoint: str
    url: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WebhookSecretRotated(Event):
    """A new secret signs; the one before it signs too for a while, so that the receiver can change over. Secrets are in no event."""

    kind: ClassVar[str] = "webhook.secret_rotated"
    endpoint: str


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(Event):
    """Nothing more is sent: a person said so, or the receiver did (410), or it did not answer for days."""

    kind: ClassVar[str] = "webhook.disabled"
    endpoint: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class WebhookEnabled(Event):
    kind: ClassVar[str] = "webhook.enabled"
    endpoint: str


@dataclass(frozen=True, kw_only=True)
class WebhookReplayed(Event):
    """The messages about these events are sent again, under their first ids."""

    kind: ClassVar[str] = "webhook.replayed"
    endpoint: str
    events: tuple[str, ...]
