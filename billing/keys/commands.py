"""Keys of programs: made, given a new secret, ended. The text of a key is shown once, by the command that makes it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import ApiKey
from accounts.roles import UNATTENDED
from billing.command import Command
from billing.commands.common import open_state
from billing.engine import Context, Decision
from billing.events.keys import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated
from billing.journal import Draft
from billing.keys.making import check_scopes, digest, make_key, new_text
from plans.errors import Conflict, Invalid, NotAllowed, NotFound

HOUSE_KEYS = "keys:house"
OLD_HOLDS = timedelta(days=1)
MOST = 50  # keys that hold, of one account


@dataclass(frozen=True)
class CreateApiKey:
    name: str  # whose it is, for people
    scopes: tuple[str, ...]
    account: str = ""
    seller: str = ""
    expires: datetime | None = None


def create_api_key(context: Context, args: CreateApiKey) -> Decision:
    """Make a key that does what its scopes say: in one account, in the accounts of one seller, or everywhere. Its text is
    shown this once."""
    _must_be_a_person(context)
    check_scopes(args.scopes)
    if not args.scopes:
        raise Invalid("missing_field", "name at least one scope; a key without one can do nothing", at="scopes")
    _must_not_act_alone(context, args.scopes, at="scopes")
    if args.account:
        open_state(args.account)
        if _holding(context.at).filter(account=args.account).count() >= MOST:
            raise Conflict("too_many", f"the account has {MOST} keys; revoke one first", at="account", most=MOST)
    if args.expires is not None and args.expires <= context.at:
        raise Invalid("out_of_range", f"{args.expires:%Y-%m-%d %H:%M} is over; give a later time", at="expires")
    stream = _stream(args.account)
    prefix = hashlib.sha256(f"key of {context.next_address(stream)}".encode()).hexdigest()[:12]
    limits: dict[str, Any] = {"account": args.account, "seller": args.seller}
    text = make_key(args.name, args.scopes, at=context.at, expires_at=args.expires, prefix=prefix, **limits)
    event = ApiKeyCreated(key=prefix, scopes=tuple(sorted(set(args.scopes))), expires=args.expires, **limits)
    return Decision([Draft(stream, event, context.at)], {"prefix": prefix}, shown_once={"secret": text})


@dataclass(frozen=True)
class RotateApiKey:
    prefix: str
    account: str = ""


def rotate_api_key(context: Context, args: RotateApiKey) -> Decision:
    """Give a key a new secret. For a day the old one holds too.

    Raises NotFound `unknown_key`, NotAllowed `no_right`, Conflict `key_expired`: the new secret would never work.
    """
    _must_be_a_person(context)
    row = _find(args)
    _must_not_act_alone(context, row.scopes, at="prefix")
    if row.expires_at is not None and row.expires_at <= context.at:
        message = f"the key {row.prefix} expired on {row.expires_at:%Y-%m-%d %H:%M}; make another one"
        raise Conflict("key_expired", message, at="prefix")
    text, until = new_text(row.prefix), context.at + OLD_HOLDS
    ApiKey.objects.filter(pk=row.pk).update(digest=digest(text), old_digest=bytes(row.digest), old_until=until)
    event = ApiKeyRotated(key=row.prefix, account=row.account, old_until=until)
    return Decision([Draft(_stream(row.account), event, context.at)], {"prefix": row.prefix}, shown_once={"secret": text})


@dataclass(frozen=True)
class RevokeApiKey:
    prefix: str
    account: str = ""
    reason: str = ""


def revoke_api_key(context: Context, args: RevokeApiKey) -> Decision:
    """End a key at once, with the old secret that it may still have."""
    row = _find(args)
    ApiKey.objects.filter(pk=row.pk).update(revoked_at=context.at, old_until=None)
    return Decision([Draft(_stream(row.account), ApiKeyRevoked(key=row.prefix, account=row.account, reason=args.reason), context.at)])


def end_keys(context: Context, account: str, reason: str) -> list[Draft]:
    """End every key of an account, in the transaction of a command that ends the account for those who called with them."""
    rows = list(ApiKey.objects.filter(account=account, revoked_at=None).order_by("made_at", "prefix"))
    ApiKey.objects.filter(pk__in=[row.pk for row in rows]).update(revoked_at=context.at, old_until=None)
    return [Draft(account, ApiKeyRevoked(key=row.prefix, account=account, reason=reason), context.at) for row in rows]


def _must_be_a_person(context: Context) -> None:
    """Raises NotAllowed: a key that makes keys would outlive its own end."""
    if context.actor.startswith("key:"):
        raise NotAllowed("no_right", "a key makes no keys; somebody who is signed in does", at="command")


def _must_not_act_alone(context: Context, scopes: Collection[str], *, at: str) -> None:
    """Raises NotAllowed where a person would see the secret of a key that does alone what takes two people."""
    alone = sorted(set(scopes) & UNATTENDED)
    if alone and context.actor.startswith("user:"):
        raise NotAllowed("no_right", f"what {alone[0]!r} covers takes two people; nobody who is signed in is shown a key for it", at=at)


def _holding(at: datetime) -> QuerySet[ApiKey]:
    """The keys that work at this moment."""
    return ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)


def _find(args: Any) -> ApiKey:
    """Raises NotFound `unknown_key`: another account's key does not exist."""
    row = ApiKey.objects.filter(prefix=args.prefix, revoked_at=None).first()
    if row is None or (args.account and row.account != args.account):
        raise NotFound("unknown_key", f"there is no key {args.prefix[:40]!r} that holds", at="prefix")
    return row


def _stream(account: str) -> str:
    return account or HOUSE_KEYS


def _streams_of_new(args: Any) -> list[str]:
    return [_stream(args.account)]


def _streams_of_known(args: Any) -> list[str]:
    """Where the key's events stand; the command refuses a key that is not there."""
    row = ApiKey.objects.filter(prefix=args.prefix).first()
    return [_stream(row.account if row is not None else args.account)]


COMMANDS = (
    Command("create_api_key", "Make a key for a program", CreateApiKey, create_api_key, _streams_of_new),
    Command("rotate_api_key", "Give a key a new secret", RotateApiKey, rotate_api_key, _streams_of_known),
    Command("revoke_api_key", "End a key", RevokeApiKey, revoke_api_key, _streams_of_known),
)
