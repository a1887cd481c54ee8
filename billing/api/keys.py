"""Who calls with a key: `Authorization: Bearer bea_<prefix>_<secret>` (billing/keys makes them)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.access import Caller
from accounts.models import ApiKey
from accounts.roles import AREAS
from billing import bulk
from billing.keys.making import MARK, digest
from billing.models import Account
from plans.errors import NotAllowed

SCHEME = "Bearer"
USED_EVERY = timedelta(minutes=1)  # how exactly `last_used_at` is kept: a row that every call writes would be a queue


class BadKey(NotAllowed):
    """No key, or none that holds. Nothing says which part of it was wrong."""

    status = 401


@dataclass(frozen=True)
class Key:
    """A key that holds, as views and commands see it."""

    prefix: str
    name: str
    scopes: frozenset[str]
    account: str = ""
    seller: str = ""

    is_authenticated = True
    is_active = True

    @property
    def actor(self) -> str:
        return f"key:{self.prefix}"

    def must(self, scope: str) -> None:
        """Raises NotAllowed `no_right` where the key was not given the scope."""
        if scope not in self.scopes:
            raise NotAllowed("no_right", f"the key {self.prefix} was not given the scope {scope!r}", at="authorization")

    def as_caller(self) -> Caller:
        """Where it may do what its scopes say: in its account, in the accounts of its seller, or everywhere."""
        areas = self.scopes & frozenset(AREAS)
        if self.account:
            return Caller(actor=self.actor, accounts={self.account: frozenset()}, areas=areas)
        if self.seller:
            return Caller(actor=self.actor, within=Account.objects.filter(seller=self.seller).values("account"), areas=areas)
        return Caller(actor=self.actor, everything=True, areas=areas)


def find_key(text: str, *, at: datetime) -> Key:
    """The key that is written so, if it holds at the moment. Raises BadKey."""
    mark, _, rest = text.partition("_")
    row = _row(rest.partition("_")[0]) if mark == MARK and len(text) < 200 and "\x00" not in text else None
    known = row is not None and any(secrets.compare_digest(one, digest(text)) for one in _digests(row, at))
    if row is None or not known or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        raise BadKey("bad_key", "the API key is not known, or holds no longer", at="authorization")
    if row.last_used_at is None or row.last_used_at <= at - USED_EVERY:
        ApiKey.objects.filter(prefix=row.prefix).update(last_used_at=at)
    return Key(row.prefix, row.name, frozenset(row.scopes), row.account, row.seller)


_COLUMNS = "prefix digest old_digest old_until name account seller expires_at revoked_at last_used_at".split()


def _row(prefix: str) -> ApiKey | None:
    """Past the query builder: every call begins here, and it would take longer than the answer."""
    statement = """
        SELECT prefix, digest, old_digest, old_until, name, account, seller, expires_at, revoked_at, last_used_at, scopes::text
        FROM api_key WHERE prefix = %s"""
    for *values, scopes in bulk.fetch(statement, [prefix]):
        return ApiKey(**dict(zip(_COLUMNS, values, strict=True)), scopes=orjson.loads(scopes))
    return None


def _digests(row: ApiKey, at: datetime) -> list[bytes]:
    """Of the secret, and of the one before it while that holds."""
    old = row.old_digest is not None and row.old_until is not None and row.old_until > at
    return [bytes(row.digest), *([bytes(row.old_digest)] if old and row.old_digest is not None else [])]


def key_of(request: HttpRequest | Request, *, at: datetime) -> Key | None:
    """The key that the request calls with; None where it names none. Raises BadKey."""
    scheme, _, text = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return find_key(text.strip(), at=at) if scheme == SCHEME else None


class NoSuchKey(exceptions.AuthenticationFailed):
    default_code = "bad_key"


class KeySignIn(BaseAuthentication):
    """Programs, by their key."""

    def authenticate(self, request: Request) -> tuple[Any, Key] | None:
        try:
            key = key_of(request, at=timezone.now())
        except BadKey as error:
            raise NoSuchKey(error.message) from error
        return None if key is None else (key, key)

    def authenticate_header(self, request: Request) -> str:
        return SCHEME
