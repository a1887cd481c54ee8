"""Endpoints: adding, changing, rotating the secret, disabling, enabling, sending again. A secret is shown once, when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from billing import journal
from billing.codec import kinds as known_kinds
from billing.command import Command
from billing.commands.common import open_state
from billing.engine import Context, Decision
from billing.events import Event
from billing.events.webhooks import (
    WebhookAdded,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookReplayed,
    WebhookSecretRotated,
)
from billing.journal import Draft
from billing.models.webhooks import Webhook, WebhookSecret
from billing.webhooks import guard, signing
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
MOST_REPLAYED = 1000
BOTH_SECRETS_FOR = timedelta(days=1)


@dataclass(frozen=True)
class AddWebhook:
    endpoint: str
    url: str
    kinds: tuple[str, ...] = ("*",)
    account: str = ""


@dataclass(frozen=True)
class ChangeWebhook:
    endpoint: str
    url: str = ""
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class OneWebhook:
    endpoint: str


@dataclass(frozen=True)
class DisableWebhook:
    endpoint: str
    reason: str = ""


@dataclass(frozen=True)
class ReplayWebhook:
    endpoint: str
    events: tuple[str, ...]


def stream_of(endpoint: str) -> str:
    return f"webhook:{endpoint}"


def _streams(args: Any) -> list[str]:
    return [stream_of(args.endpoint)]


def add_webhook(context: Context, args: AddWebhook) -> Decision:
    """Tell an address of events from now on. Answers the secret that its messages are signed with."""
    if not NAME.fullmatch(args.endpoint):
        raise Invalid("out_of_range", "expected a name of small letters, digits, dots and dashes, at most 60", at="endpoint")
    if Webhook.objects.filter(endpoint=args.endpoint).exists():
        raise Conflict("webhook_exists", f"there is an endpoint {args.endpoint!r} already; change it", at="endpoint")
    if args.account:
        open_state(args.account)
    url = guard.checked_url(args.url, settings.WEBHOOK_INNER_NETWORKS)
    event = WebhookAdded(endpoint=args.endpoint, url=url, kinds=_kinds(args.kinds), account=args.account)
    secret = _new_secret(context, args.endpoint)
    return Decision([_draft(context, event, args.endpoint)], {"endpoint": args.endpoint}, shown_once={"secret": secret})


def change_webhook(context: Context, args: ChangeWebhook) -> Decision:
    """Give an endpoint another address, or other kinds of events."""
    held = find_webhook(args.endpoint)
    url = guard.checked_url(args.url, settings.WEBHOOK_INNER_NETWORKS) if args.url else held.url
    event = WebhookChanged(endpoint=args.endpoint, url=url, kinds=_kinds(args.kinds) if args.kinds else tuple(held.kinds))
    return Decision([_draft(context, event, args.endpoint)])


def rotate_webhook_secret(context: Context, args: OneWebhook) -> Decision:
    """Sign with a new secret; for a day the old one signs too."""
    find_webhook(args.endpoint)
    secret = _new_secret(context, args.endpoint)
    return Decision([_draft(context, WebhookSecretRotated(endpoint=args.endpoint), args.endpoint)], shown_once={"secret": secret})


def disable_webhook(context: Context, args: DisableWebhook) -> Decision:
    """Send nothing more to an endpoint."""
    if find_webhook(args.endpoint).status == "disabled":
        raise Conflict("webhook_disabled", f"the endpoint {args.endpoint!r} is disabled already", at="endpoint")
    return Decision([_draft(context, WebhookDisabled(endpoint=args.endpoint, reason=args.reason), args.endpoint)])


def enable_webhook(context: Context, args: OneWebhook) -> Decision:
    """Send to an endpoint again, from now on; what happened meanwhile can be replayed."""
    if find_webhook(args.endpoint).status == "active":
        raise Conflict("webhook_active", f"the endpoint {args.endpoint!r} is active already", at="endpoint")
    return Decision([_draft(context, WebhookEnabled(endpoint=args.endpoint), args.endpoint)])


def replay_webhook(context: Context, args: ReplayWebhook) -> Decision:
    """Send the messages about these events again."""
    held = find_webhook(args.endpoint)
    if held.status != "active":
        raise Conflict("webhook_disabled", f"the endpoint {args.endpoint!r} is disabled; enable it first", at="endpoint")
    if not 1 <= len(args.events) <= MOST_REPLAYED:
        raise Invalid("out_of_range", f"expected 1 to {MOST_REPLAYED} addresses of events", at="events")
    addresses = tuple(dict.fromkeys(args.events))
    found = {recorded.address: recorded for recorded in journal.several([_address(name) for name in addresses])}
    for name in addresses:
        if name not in found or (held.account and found[name].stream != held.account):
            raise NotFound("unknown_event", f"there is no event {name[:80]!r} that this endpoint may see", at="events")
    return Decision([_draft(context, WebhookReplayed(endpoint=args.endpoint, events=addresses), args.endpoint)])


def _address(name: str) -> tuple[str, int]:
    try:
        return journal.split_address(name)
    except ValueError:
        raise Invalid("wrong_type", f"expected the address of an event, as in ana/17; found {name[:80]!r}", at="events") from None


def _draft(context: Context, event: Event, endpoint: str) -> Draft:
    return Draft(stream_of(endpoint), event, context.at)


def find_webhook(endpoint: str) -> Webhook:
    """Raises NotFound `unknown_webhook`."""
    found = Webhook.objects.filter(endpoint=endpoint).first()
    if found is None:
        known = list(Webhook.objects.order_by("endpoint").values_list("endpoint", flat=True)[:500])
        raise NotFound("unknown_webhook", f"there is no endpoint {endpoint[:80]!r}{suggestion(endpoint, known)}", at="endpoint")
    return found


def _kinds(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds, each known. `*` alone means all, `invoice.*` those that begin so."""
    if not wanted:
        raise Invalid("missing_field", "name at least one kind of event, or *", at="kinds")
    known = known_kinds()
    for kind in wanted:
        if kind != "*" and kind not in known and not (kind.endswith(".*") and any(name.startswith(kind[:-1]) for name in known)):
            raise NotFound("unknown_kind", f"there is no kind of event {kind[:80]!r}{suggestion(kind, list(known))}", at="kinds")
    return tuple(dict.fromkeys(wanted))


def _new_secret(context: Context, endpoint: str) -> str:
    """Write a secret, in the transaction of the event that says so; the one before it has a day left."""
    WebhookSecret.objects.filter(endpoint=endpoint, until=None).update(until=context.at + BOTH_SECRETS_FOR)
    secret = signing.new_secret()
    WebhookSecret.objects.create(endpoint=endpoint, secret=secret, since=context.at)
    return secret


COMMANDS = (
    Command("add_webhook", "Tell an address of events from now on", AddWebhook, add_webhook, _streams),
    Command("change_webhook", "Change an endpoint's address or its kinds of events", ChangeWebhook, change_webhook, _streams),
    Command("rotate_webhook_secret", "Sign an endpoint's messages with a new secret", OneWebhook, rotate_webhook_secret, _streams),
    Command("disable_webhook", "Send nothing more to an endpoint", DisableWebhook, disable_webhook, _streams),
    Command("enable_webhook", "Send to an endpoint again", OneWebhook, enable_webhook, _streams),
    Command("replay_webhook", "Send the messages about events again", ReplayWebhook, replay_webhook, _streams),
)
